"""The migrations: numbered, walked up and down like stairs, and nothing left behind."""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from demo.servers import Postgres
from service import migrations

FILES = sorted(migrations.FOLDER.glob("*.sql"))

EVERYTHING = """
    select 'relation ' || relname from pg_class where relnamespace = 'public'::regnamespace and relkind <> 'i'
    union all select 'index ' || pg_get_indexdef(oid) from pg_class
               where relnamespace = 'public'::regnamespace and relkind = 'i'
    union all select 'function ' || pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
    union all select 'type ' || typname from pg_type where typnamespace = 'public'::regnamespace
    union all select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
               where connamespace = 'public'::regnamespace
    union all select 'trigger ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    union all select 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
      from pg_attribute join pg_class on pg_class.oid = attrelid
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'c') and attnum > 0 and not attisdropped
"""


@pytest.fixture
async def bare(postgres: Postgres) -> AsyncIterator[str]:
    """A database with nothing in it."""
    admin = await asyncpg.connect(postgres.database_url("postgres"))
    await admin.execute("create database stairs")
    yield postgres.database_url("stairs")
    await admin.execute("drop database stairs with (force)")
    await admin.close()


async def everything(url: str) -> set[str]:
    """Every thing that migrations have made, but their own table."""
    db = await asyncpg.connect(url)
    try:
        things = {record[0] for record in await db.fetch(EVERYTHING)}
    finally:
        await db.close()
    return {thing for thing in things if "schema_migrations" not in thing}


def test_migrations_are_numbered_without_gaps() -> None:
    assert [f"{number:04}" for number in range(1, len(FILES) + 1)] == [file.name[:4] for file in FILES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_migration_has_a_name_a_way_up_and_a_way_down(file: Path) -> None:
    assert re.fullmatch(r"\d{4}_[a-z_]+\.sql", file.name)
    up, _, down = file.read_text().partition("-- migrate:down")
    assert up.startswith("-- migrate:up\n")
    assert down.strip()


async def test_each_migration_goes_up_down_and_up_again(
    bare: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "FOLDER", tmp_path)
    for file in FILES:
        before = await everything(bare)
        shutil.copy(file, tmp_path)
        await migrations.migrate(bare)
        after = await everything(bare)
        assert after - before, file.name
        await migrations.migrate(bare, direction="down")
        assert set() == before ^ await everything(bare), file.name
        await migrations.migrate(bare)
        assert set() == after ^ await everything(bare), file.name


async def test_all_migrations_go_down_to_nothing(bare: str) -> None:
    await migrations.migrate(bare)
    for _ in FILES:
        await migrations.migrate(bare, direction="down")
    assert set() == await everything(bare)
