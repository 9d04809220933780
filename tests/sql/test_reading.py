"""Reading an order and forgetting it cost what the order is, however much its store has seen."""

import json
from typing import Any

import pytest

from service import privacy
from tests.shop import Shop

ORDERS, AT_ONCE = 1500, 250
PLAN = """
    explain (analyze, buffers, format json)
    select reservation_json(r, '', false, {step})::text from reservation r where r.store_id = 'lyon' and r.id = $1
"""


async def pages(shop: Shop, order: str, step: str) -> int:
    """How many pages one reading looks at, once its plan is made."""
    async with shop.pool.acquire() as db:
        await db.execute("set enable_seqscan = off")
        for _ in range(3):
            told = json.loads(await db.fetchval(PLAN.format(step=step), order))
    return int(told[0]["Plan"]["Shared Hit Blocks"] + told[0]["Plan"]["Shared Read Blocks"])


@pytest.mark.parametrize("step", ["null", "'hold'"])
async def test_an_order_is_read_as_fast_among_many_as_alone(shop: Shop, step: str) -> None:
    await shop.stock("tea", 10 * ORDERS)
    order = (await shop.hold("tea", 1))["id"]
    alone = await pages(shop, order, step)
    for _ in range(ORDERS // AT_ONCE):
        await shop.ask_all([shop.order("tea", 1) for _ in range(AT_ONCE)])
    assert await pages(shop, order, step) <= alone + 10


async def test_answers_that_named_somebody_are_found_among_many(shop: Shop) -> None:
    await shop.stock("tea", 1)
    order = (await shop.hold("tea", 1))["id"]
    await shop.pool.execute(
        "insert into idempotency (store_id, credential, operation, key, fingerprint, status, body)"
        " select 'lyon', 'key:web', 'hold', n::text, '', 201, format('{\"id\":\"%s\"}', gen_random_uuid())"
        " from generate_series(1, 5000) n"
    )
    forget = privacy.SQL["forget_answers"]
    given = {"store": "lyon", "ids": [order], "links": ""}
    async with shop.pool.acquire() as db:
        told = await db.fetchval(
            f"explain (analyze, format json) {forget.sql}", *(given[name] for name in forget.parameters)
        )
    assert looked_at(json.loads(told)[0]["Plan"]) <= 10


def looked_at(plan: dict[str, Any]) -> int:
    """How many rows were read, those that were not wanted as well."""
    rows = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return int(rows) + sum(looked_at(inner) for inner in plan.get("Plans", ()))
