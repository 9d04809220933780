"""Stock is counted and moved at the cost of its lines, however full the store, also by plans from when it was empty."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.database import Connection
from tests.shop import Shop

BATCH, BATCHES = 200, 5
COUNT = "select cardinality(count_stock('lyon', $1::stock_count[], 'test'))"
MOVE = "select count(*) from record_movements('lyon', $1::stock_move[], 'test')"
MET = """
    select sum(pg_stat_get_xact_tuples_fetched(met.oid) + pg_stat_get_xact_tuples_returned(met.oid))
      from (select indexrelid from pg_index where indrelid in ('position'::regclass, 'movement'::regclass)
            union values ('position'::regclass), ('movement')) met(oid)
"""

Line = Callable[[str, datetime], tuple[Any, ...]]


def counted(sku: str, at: datetime) -> tuple[Any, ...]:
    """A count of seven."""
    return (sku, 7, None, at)


def moved(sku: str, at: datetime) -> tuple[Any, ...]:
    """A delivery of seven."""
    return (sku, 7, 0, "delivery", None, f"{sku} at {at}", None, at)


async def met(db: Connection, statement: str, line: Line, skus: list[str]) -> int:
    """How many rows were met for these."""
    async with db.transaction():
        at = datetime.now(UTC)
        before = await db.fetchval(MET)
        assert await db.fetchval(statement, [line(sku, at) for sku in skus]) == len(skus)
        return int(await db.fetchval(MET) - before)


@pytest.mark.parametrize(("statement", "line"), [(COUNT, counted), (MOVE, moved)])
async def test_a_full_store_costs_no_more_than_an_empty_one(shop: Shop, statement: str, line: Line) -> None:
    await shop.stock("tea", 1)
    skus = [f"s{n}" for n in range(BATCH * BATCHES)]
    await shop.pool.execute("insert into item (sku, name) select s, s from unnest($1::text[]) s", skus)
    async with shop.pool.acquire() as db:
        for _ in range(8):  # by then the plans are made
            await met(db, statement, line, ["tea"])
        each = [await met(db, statement, line, skus[start : start + BATCH]) for start in range(0, len(skus), BATCH)]
    assert each[-1] <= each[0] + BATCH
