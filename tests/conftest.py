"""A real PostgreSQL, migrated once and emptied after each test, and a shop to fill it in words."""

import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from demo.servers import Postgres, Valkey
from service import migrations, promise, stores
from service.database import Pool, open_pool

pytest_plugins = ["tests.shop", "tests.browser"]

FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "250", "shared_buffers": "128MB"}


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder for this run."""
    with tempfile.TemporaryDirectory(prefix="comptoir-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
async def postgres(scratch: Path) -> AsyncIterator[Postgres]:
    """The server of this run."""
    server = Postgres(scratch / "postgres", options=FAST)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def valkey(scratch: Path) -> AsyncIterator[Valkey]:
    """The Valkey of this run."""
    server = Valkey(scratch / "valkey")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def database_url(postgres: Postgres) -> str:
    """A database with the schema."""
    await migrations.migrate(postgres.url)
    return postgres.url


@pytest.fixture(scope="session")
async def everything(database_url: str) -> AsyncIterator[Pool]:
    """Connections for the whole run."""
    pool = await open_pool(database_url, size=20, name="tests")
    yield pool
    await pool.close()


@pytest.fixture
async def pool(everything: Pool) -> Pool:
    """Connections to an empty database."""
    await empty(everything)
    return everything


async def empty(pool: Pool) -> None:
    """Forget everything; the ledger's lines can't be deleted, but all of them can be truncated."""
    async with pool.acquire() as db:
        tables = await db.fetchval(
            "select string_agg(quote_ident(tablename), ', ') from pg_tables"
            " where schemaname = 'public' and tablename <> 'schema_migrations'"
        )
        await db.execute(f"truncate {tables} restart identity cascade")
    stores.forget_known()
    promise.forget_glances()


@pytest.fixture(autouse=True, scope="session")
def quiet() -> None:
    """Leave logging to the tests that read it."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)


async def connect(url: str) -> asyncpg.Connection:
    """One connection of its own."""
    return await asyncpg.connect(url)
