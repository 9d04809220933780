"""Old code on a new schema: each migration since the last release leaves all that the code before it relies on.

What the code relies on is read from the catalogue: columns and their types, functions with their arguments and results,
unique constraints that `on conflict` names; and nothing new that could refuse what it writes. A migration that changes
such a thing on purpose says why the old code can live with it, in a line that begins with `-- rolling:`.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from demo.servers import Postgres
from service import migrations
from service.database import Pool

RELEASED = "0010"
"""The newest migration of the last release; what came before is not replaced while running."""

FILES = sorted(migrations.FOLDER.glob("*.sql"))

COLUMNS = """
    select attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod),
           attnotnull and not atthasdef and attidentity = '' as must_be_given
      from pg_attribute join pg_class on pg_class.oid = attrelid
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'c') and attnum > 0 and not attisdropped
"""
FUNCTIONS = """
    select oid::regprocedure::text, pg_get_function_result(oid) from pg_proc
     where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype
"""
CONSTRAINTS = """
    select conname, contype in ('u', 'p') as unique, pg_get_constraintdef(c.oid) as said, conrelid::regclass::text,
           array(select conrelid::regclass || '.' || attname
                   from pg_attribute where attrelid = conrelid and attnum = any (conkey))
      from pg_constraint c
     where connamespace = 'public'::regnamespace and conrelid <> 0 and contype in ('c', 'f', 'u', 'p', 'x')
    union all
    select relname, true, pg_get_indexdef(c.oid), indrelid::regclass::text,
           array(select indrelid::regclass || '.' || attname
                   from pg_attribute where attrelid = indrelid and attnum = any (indkey))
      from pg_index join pg_class c on c.oid = indexrelid
     where relnamespace = 'public'::regnamespace and indisunique
       and not exists (select from pg_constraint where conindid = indexrelid)
"""


@dataclass(frozen=True)
class Shape:
    """What code may rely on."""

    columns: dict[str, tuple[str, bool]]
    functions: dict[str, str]
    constraints: dict[str, tuple[bool, str, str, frozenset[str]]]

    @property
    def tables(self) -> set[str]:
        return {column.rpartition(".")[0] for column in self.columns}


async def shape(db: asyncpg.Connection) -> Shape:
    """The shape of a database as it is."""
    return Shape(
        {name: (type, given) for name, type, given in await db.fetch(COLUMNS)},
        {row[0]: row[1] for row in await db.fetch(FUNCTIONS)},
        {
            name: (unique, said.removesuffix(" NOT VALID"), table, frozenset(on))  # it counts for what is new
            for name, unique, said, table, on in await db.fetch(CONSTRAINTS)
        },
    )


def broken(old: Shape, new: Shape) -> list[str]:
    """What code that was written for the old shape can't rely on in the new one."""
    found = [f"{name} is gone" for name in old.columns.keys() - new.columns.keys()]
    for name, (type, given) in new.columns.items():
        before = old.columns.get(name)
        if before and before[0] != type:
            found.append(f"{name} is {type} and was {before[0]}")
        if given and name.rpartition(".")[0] in old.tables and not (before and before[1]):
            found.append(f"{name} must be given")
    for name, result in old.functions.items():
        if new.functions.get(name) != result:
            found.append(f"{name} answers {new.functions.get(name)} and answered {result}")
    for name, (_, said, table, columns) in new.constraints.items():
        before_it = old.constraints.get(name)
        known = columns & old.columns.keys()
        if before_it is None and known != columns and said.startswith("CHECK") and " IS " not in said:
            continue  # the old code leaves the new column empty, and what compares with nothing refuses nothing
        if (before_it is None or before_it[1] != said) and table in old.tables and known:
            found.append(f"{name} may refuse what was accepted: {said}")
    found += [f"{name} is gone" for name, one in old.constraints.items() if one[0] and name not in new.constraints]
    return sorted(found)


def way_up(file: Path) -> str:
    """What a migration does."""
    return file.read_text().partition("-- migrate:down")[0]


@pytest.fixture
async def bare(postgres: Postgres) -> AsyncIterator[asyncpg.Connection]:
    """A connection to an empty database of its own."""
    admin = await asyncpg.connect(postgres.database_url("postgres"))
    await admin.execute("create database rolling")
    db = await asyncpg.connect(postgres.database_url("rolling"))
    yield db
    await db.close()
    await admin.execute("drop database rolling with (force)")
    await admin.close()


async def test_each_migration_since_the_release_leaves_the_code_before_it_working(bare: asyncpg.Connection) -> None:
    found = {}
    for file in FILES:
        before = await shape(bare)
        await bare.execute(way_up(file))
        if file.name[:4] > RELEASED and not re.search(r"^-- rolling: \S", way_up(file), re.MULTILINE):
            found[file.name] = broken(before, await shape(bare))
    assert {} == {name: complaints for name, complaints in found.items() if complaints}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("alter table reservation drop column note", "reservation.note is gone"),
        ("alter table reservation rename column note to remark", "reservation.note is gone"),
        ("alter table reservation add column vip boolean not null", "reservation.vip must be given"),
        ("alter table reservation alter column note set not null", "reservation.note must be given"),
        ("alter table position alter column on_hand type bigint", ".on_hand is bigint and was integer"),
        ("drop function event_data(event) cascade", "event_data(event) answers None and answered json"),
        ("alter table reservation add check (bags < 9)", "may refuse what was accepted"),
        ("alter table reservation add column a text, add check (a is not null or bags < 9)", "may refuse"),
        ("alter table delivery drop constraint delivery_is_owed_once", "delivery_is_owed_once is gone"),
        ("create unique index one_phone on reservation (phone)", "one_phone may refuse what was accepted"),
        (
            "alter table slot add constraint fewer_are_taken check (taken <= 3)",
            "fewer_are_taken may refuse",
        ),
    ],
)
async def test_what_would_break_the_old_code_is_noticed(
    pool: Pool, database_url: str, change: str, complaint: str
) -> None:
    db = await asyncpg.connect(database_url)
    try:
        before, doing = await shape(db), db.transaction()
        await doing.start()
        await db.execute(change)
        found = broken(before, await shape(db))
        await doing.rollback()
    finally:
        await db.close()
    assert any(complaint in one for one in found), found


@pytest.mark.parametrize(
    "change",
    [
        "alter table reservation add column vip boolean not null default false",
        "alter table reservation add column rank integer constraint rank_is_small check (rank < 9)",
        "alter table reservation add column host text, add constraint guest_is_no_host check (host <> customer_name)",
        "create table coupon (id uuid primary key, reservation uuid not null)",
        "create index some_more on reservation (created_at)",
        "alter table reservation alter column locale set default 'fr'",
        "create function twice(n integer) returns integer language sql return n * 2",
    ],
)
async def test_what_only_adds_passes(pool: Pool, database_url: str, change: str) -> None:
    db = await asyncpg.connect(database_url)
    try:
        before, doing = await shape(db), db.transaction()
        await doing.start()
        await db.execute(change)
        found = broken(before, await shape(db))
        await doing.rollback()
    finally:
        await db.close()
    assert found == []
