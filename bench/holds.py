"""Holds over HTTP: beside PostgreSQL alone, beside HTTP alone, on one hot item, sold out, and from two processes."""

from functools import partial

from bench.load import SCRIPTS, Measured, holds, pgbench, rate, side_by_side
from bench.results import Row, compare, median
from bench.shop import opened
from bench.sizes import Sizes
from demo.servers import Postgres

FEW = 8  # clients with which PostgreSQL alone is at its best
ALONE = SCRIPTS / "hold.sql"


async def measure(server: Postgres, sizes: Sizes) -> list[Row]:
    """Everything about holds, three lines each, spread over twenty stores of a thousand items unless said otherwise."""
    async with opened(server, "holds") as shop:
        await shop.stock_up()
        async with shop.api() as one, shop.api("bench.memory") as memory, shop.api("service", "--workers", "2") as two:
            for url, baskets in ((one.url, "spread"), (one.url, "hot"), (memory.url, "spread"), (two.url, "spread")):
                await holds(url, shop, baskets, seconds=sizes.warm_up)
            load = partial(holds, shop=shop, seconds=sizes.seconds)
            found = await side_by_side(
                sizes.runs,
                {
                    "alone": lambda: pgbench(shop, ALONE, seconds=sizes.seconds),
                    "few": lambda: pgbench(shop, ALONE, seconds=sizes.seconds, clients=FEW),
                    "spread": lambda: load(one.url),
                    "memory": lambda: load(memory.url),
                    "hot": lambda: load(one.url, baskets="hot"),
                    "gone": lambda: load(one.url, baskets="gone", expect="409 out_of_stock"),
                    "gone, memory": lambda: load(memory.url, baskets="gone"),
                    "two": lambda: load(two.url),
                },
            )
    return _rows(found)


def _rows(found: dict[str, list[Measured]]) -> list[Row]:
    rates = {name: rate(measured) for name, measured in found.items()}
    spread, memory, alone = rates["spread"], rates["memory"], rates["alone"]
    p50, p99 = (median([getattr(one, name) for one in found["spread"]]) for name in ("p50", "p99"))
    gone, refused_from_memory = rates["gone"], rates["gone, memory"]
    return [
        compare("holds, spread", spread, "holds/s", "pgbench, one per call, 64 clients", alone, target=2.0),
        compare("holds, spread", spread, "holds/s", "the application, from memory", memory, target=0.55),
        compare("holds, one hot item", rates["hot"], "holds/s", "spread", spread, target=0.9),
        compare("sold out", gone, "refusals/s", "the application, from memory", refused_from_memory, target=0.7),
        compare("p99 at 64 connections", p99, "ms", "p50", p50, target=3, most=True),
        compare("two API processes", rates["two"], "holds/s", "one", spread),
        compare("pgbench, 64 clients", alone, "holds/s", f"{FEW} clients", rates["few"]),
    ]
