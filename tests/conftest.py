"""A real PostgreSQL, migrated once and emptied after each test, and a shop to fill it in words."""

import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import hypothesis
import pytest

from demo.servers import Postgres, Valkey
from service import database, items, migrations, promise, stores
from service.api import app
from service.database import Pool, open_pool

hypothesis.settings.register_profile("patient", deadline=None)  # a busy machine is no fault of the example's
hypothesis.settings.load_profile("patient")

pytest_plugins = ["tests.shop", "tests.browser"]

FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "250", "shared_buffers": "128MB"}


LONGEST = ("workers", "demo", "screens", "ordeal")  # folders whose files take longest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that nobody waits for one file at the end."""
    items.sort(key=lambda item: not set(LONGEST) & set(item.path.parts))


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


TABLES = """
    select string_agg(format('select %L as name, pg_relation_size(%1$L) as bytes where exists (select from %1$I)',
                             tablename), ' union all ')
      from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations'
"""
SEQUENCES = "select sequencename from pg_sequences where schemaname = 'public' and last_value is not null"
LARGE = 1 << 20  # bytes; what is larger is faster made anew than deleted


async def empty(pool: Pool) -> None:
    """Forget everything, also lines that can't be deleted. Few tables are used by a test, and those have few rows."""
    async with pool.acquire() as db:
        used = await db.fetch(await db.fetchval(TABLES))
        names = [f'"{row["name"]}"' for row in used]
        if any(row["bytes"] > LARGE for row in used):
            await db.execute(f"truncate {', '.join(names)} restart identity cascade")
        elif names:
            forget = [f"delete from {name};" for name in names]
            again = [f'alter sequence "{row["sequencename"]}" restart;' for row in await db.fetch(SEQUENCES)]
            await db.execute(f"begin; set local session_replication_role = replica; {''.join(forget + again)} commit")
    items.forget_known()
    stores.forget_known()
    promise.forget_glances()


PROMPT = ((app, "DEADLINE_SECONDS", app.DEADLINE_SECONDS), (database, "PATIENCE_SECONDS", database.PATIENCE_SECONDS))
UNHURRIED = 60.0  # seconds


@pytest.fixture(autouse=True, scope="session")
def unhurried() -> Iterator[None]:
    """Nobody gives up because a busy machine stood still for seconds; what is promised of time is tested `prompt`."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, _ in PROMPT:
            patch.setattr(module, name, UNHURRIED)
        yield


@pytest.fixture
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers in time, or none, as in a shop."""
    for module, name, seconds in PROMPT:
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture(autouse=True, scope="session")
def quiet() -> None:
    """Leave logging to the tests that read it."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)


async def connect(url: str) -> asyncpg.Connection:
    """One connection of its own."""
    return await asyncpg.connect(url)
