"""A shop with a long past beside a young one: holds, and what the counter asks."""

import json
import sys
from functools import partial

from bench.history import make_up
from bench.load import Measured, holds, rate, requests, side_by_side
from bench.results import NotAsItShouldBe, Row, compare, median, tell
from bench.shop import ITEMS, STORES, Shop, names, opened
from bench.sizes import Sizes
from demo.servers import Postgres
from service import queries

SQL = queries.load("bench")

OPEN = 150  # orders of each store
ASKED = 500  # different questions of a kind
QUEUE = "?state=confirmed,picking,ready&limit=50"


async def measure(server: Postgres, sizes: Sizes) -> list[Row]:
    """Holds per second with a year of orders in the tables beside empty tables; then the counter, over those tables."""
    async with opened(server, "young") as young, opened(server, "old") as old:
        await young.stock_up()
        await old.stock_up()
        reservations, ledger = await _look_back(old, sizes)
        async with young.api() as new, old.api() as long:
            for shop, url in ((young, new.url), (old, long.url)):
                await holds(url, shop, seconds=sizes.warm_up)
            found = await side_by_side(
                sizes.runs,
                {
                    "young": partial(holds, new.url, young, seconds=sizes.seconds),
                    "old": partial(holds, long.url, old, seconds=sizes.seconds),
                },
            )
            asked = await _ask(old, long.url, sizes)
    long_rate, young_rate = rate(found["old"]), rate(found["young"])
    past = f"{reservations:,} reservations and {ledger:,} ledger lines"
    return [
        compare("holds, a year of orders", long_rate, "holds/s", f"empty tables ({past})", young_rate, target=0.9),
        *(
            tell(name, rate(answers), "requests/s", f"p50 {median([one.p50 for one in answers]):.1f} ms")
            for name, answers in asked.items()
        ),
    ]


async def _look_back(shop: Shop, sizes: Sizes) -> tuple[int, int]:
    print(f"  making up {sizes.past:,} reservations; takes a while …", file=sys.stderr, flush=True)
    await make_up(shop, names(STORES), past=sizes.past // STORES, open=OPEN, ledger=sizes.ledger // STORES, items=ITEMS)
    await shop.prove()
    async with shop.patient() as db:
        row = await SQL["sizes"].row(db)
    if row is None or row["reservations"] < sizes.past or row["ledger"] < sizes.ledger:
        raise NotAsItShouldBe(f"The past is too short: {row}")
    return row["reservations"], row["ledger"]


async def _ask(shop: Shop, url: str, sizes: Sizes) -> dict[str, list[Measured]]:
    """What the counter asks, of stores and orders drawn at random."""
    async with shop.patient() as db:
        known = await SQL["known"].rows(db, most=ASKED)
    questions = {
        "the counter's queue": [f"GET\t/v1/stores/{store}/reservations{QUEUE}\t" for store in names(STORES)],
        "search by code": [_search(one["store_id"], one["pickup_code"]) for one in known],
        "search by name": [_search(one["store_id"], one["customer_name"]) for one in known],
        "search by phone": [_search(one["store_id"], "0" + one["phone"][3:]) for one in known],
    }
    return await side_by_side(
        sizes.runs,
        {name: partial(requests, url, shop, lines, seconds=sizes.seconds) for name, lines in questions.items()},
    )


def _search(store: str, typed: str) -> str:
    return f"POST\t/v1/stores/{store}/reservations/search\t{json.dumps({'q': typed})}"
