"""Expiry: how fast one worker gives back the stock of holds whose time is up."""

import time
from functools import partial

from bench.load import Measured, holds, rate, side_by_side
from bench.results import NotAsItShouldBe, Row, compare
from bench.shop import STORES, Shop, names, opened
from bench.sizes import Sizes
from demo.servers import Postgres
from service import queries
from workers import clocks

SQL = queries.load("bench")


async def measure(server: Postgres, sizes: Sizes) -> list[Row]:
    """What was held over HTTP a moment ago expires, by the clocks of the shipped worker: again and again."""
    async with opened(server, "expiry") as shop:
        await shop.stock_up()
        async with shop.api() as api:
            await holds(api.url, shop, seconds=sizes.warm_up)
            found = await side_by_side(
                sizes.runs,
                {"held": partial(holds, api.url, shop, seconds=sizes.seconds), "released": partial(_expire, shop)},
            )
    held, released = rate(found["held"]), rate(found["released"])
    return [compare("expiry, one worker", released, "released/s", "holds, spread", held, target=2.0)]


async def _expire(shop: Shop) -> Measured:
    """Let every hold that stands be overdue, and let the clocks strike until none is left."""
    async with shop.patient() as db:
        due = sum([await SQL["overdue"].run(db, store=store) for store in names(STORES)])
    began, released = time.perf_counter(), 0
    while struck := await clocks.strike(shop.pool):
        released += struck
    seconds = time.perf_counter() - began
    if released != due:
        raise NotAsItShouldBe(f"{due} holds were due and {released} were released.")
    return Measured(released / seconds)
