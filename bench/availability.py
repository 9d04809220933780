"""Availability of a ten-line basket in the twenty nearest of many stores: beside its bare SQL, and what it looks up."""

import json
import random
import re
from functools import partial
from pathlib import Path
from typing import Any

from asyncpg import Record

from bench.history import make_up
from bench.load import pgbench, rate, requests, side_by_side
from bench.results import NotAsItShouldBe, Row, compare
from bench.shop import Shop, names, opened
from bench.sizes import Sizes
from demo.servers import Postgres
from service import availability, queries
from service.database import Connection, connection
from service.models.availability import AvailabilityBody

SQL = queries.load("bench")

BASKETS, LINES, NEAREST = 48, 10, 20
OPEN = 20  # orders of each store
FEWER = (5, 10)  # stores, to see what grows
FEW = 8  # clients: as many as the API has connections


async def measure(server: Postgres, sizes: Sizes) -> list[Row]:
    """Over HTTP beside the same statements in pgbench; then what a question looks up, as stores and answers grow."""
    dice = random.Random(20)
    asks = [_ask(dice, sizes.items) for _ in range(BASKETS)]
    half = sizes.stores // 2
    async with opened(server, "wide") as shop:
        await SQL["list_items"].run(shop.pool, items=sizes.items)
        await _open(shop, 1, half, sizes)
        before = await _cost(shop, asks, NEAREST)
        await _open(shop, half + 1, sizes.stores, sizes)
        cost = {limit: await _cost(shop, asks, limit) for limit in (*FEWER, NEAREST)}
        speed = await _race(shop, asks, sizes)
    lookups, walked = cost[NEAREST]
    return [
        *speed,
        compare(
            f"lookups, {sizes.stores:,} stores",
            lookups,
            "a request",
            f"{half:,} stores",
            before[0],
            target=1.1,
            most=True,
        ),
        *(
            compare(f"lookups, {limit} stores asked", cost[limit][0], "a request", f"{NEAREST} asked", lookups)
            for limit in FEWER
        ),
        compare(f"rows walked, {sizes.stores:,} stores", walked, "a request", f"{half:,} stores", before[1]),
    ]


async def _race(shop: Shop, asks: list[dict[str, Any]], sizes: Sizes) -> list[Row]:
    """The questions over HTTP, and their statements from clients in C."""
    scripts = _write(shop.folder, [await _script(shop, ask) for ask in asks])
    lines = [f"POST\t/v1/availability\t{json.dumps(ask)}" for ask in asks]
    async with shop.api() as api:
        await requests(api.url, shop, lines, seconds=sizes.warm_up)
        found = await side_by_side(
            sizes.runs,
            {
                "http": partial(requests, api.url, shop, lines, seconds=sizes.seconds),
                "sql": partial(pgbench, shop, *scripts, seconds=sizes.seconds, clients=FEW),
            },
        )
    name = f"availability, {NEAREST} of {sizes.stores:,} stores"
    http, bare = rate(found["http"]), rate(found["sql"])
    return [compare(name, http, "requests/s", "its SQL in pgbench", bare, target=0.5)]


async def _open(shop: Shop, first: int, last: int, sizes: Sizes) -> None:
    """Open stores with all items and some orders."""
    wanted = names(last)[first - 1 :]
    async with shop.patient() as db:
        await SQL["open_stores"].run(db, first=first, last=last)
        await SQL["shelve_stock"].run(db, stores=wanted, items=sizes.items)
    await make_up(shop, wanted, past=0, open=OPEN, ledger=0, items=sizes.items)


def _ask(dice: random.Random, catalogue: int) -> dict[str, Any]:
    """A basket of ten lines, somewhere in France."""
    skus = dice.sample(range(1, catalogue + 1), LINES)
    return {
        "lines": [{"sku": f"i{n}", "quantity": dice.randint(1, 30)} for n in skus],
        "near": {"latitude": round(dice.uniform(43, 50), 4), "longitude": round(dice.uniform(-1, 7), 4)},
        "limit": NEAREST,
    }


async def _cost(shop: Shop, asks: list[dict[str, Any]], limit: int) -> tuple[float, float]:
    """How many index lookups, and how many rows read without one, a request for so many of the nearest stores costs."""
    async with connection(shop.pool) as db:
        await _search(db, asks, limit)  # what is known for a moment is known now
        before = await _asked(db)
        await _search(db, asks, limit)
        after = await _asked(db)
    return (after["lookups"] - before["lookups"]) / len(asks), (after["walked"] - before["walked"]) / len(asks)


async def _search(db: Connection, asks: list[dict[str, Any]], limit: int) -> None:
    for ask in asks:
        found = await availability.search(db, AvailabilityBody.model_validate(ask | {"limit": limit}))
        if len(found.items) != limit:
            raise NotAsItShouldBe(f"{len(found.items)} stores were found instead of {limit}.")


async def _asked(db: Connection) -> Record:
    await SQL["note_lookups"].row(db)
    [row] = await SQL["lookups"].rows(db)
    return row


async def _script(shop: Shop, ask: dict[str, Any]) -> str:
    """Every statement that this question costs as a script for pgbench, with its values in place."""
    body = AvailabilityBody.model_validate(ask)
    async with connection(shop.pool) as db:
        await availability.search(db, body)  # what is known for a moment is known now
        listener = _Listener(db)
        await availability.search(listener, body)
    return "".join(f"{statement};\n" for statement in listener.statements)


def _write(folder: Path, scripts: list[str]) -> list[Path]:
    files = [folder / f"{place}.sql" for place in range(len(scripts))]
    for file, script in zip(files, scripts, strict=True):
        file.write_text(script)
    return files


class _Listener:
    """A connection that notes what it is asked, as SQL that stands for itself."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        self.statements: list[str] = []

    def _note(self, query: str, args: tuple[Any, ...]) -> None:
        spelled = re.sub(r"\$(\d+)", lambda found: _literal(args[int(found[1]) - 1]), query)
        self.statements.append(spelled.rstrip("; \n"))

    async def fetch(self, query: str, *args: Any) -> list[Record]:
        """Note and ask; so do the others."""
        self._note(query, args)
        return await self.db.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Record | None:
        self._note(query, args)
        return await self.db.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        self._note(query, args)
        return await self.db.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> str:
        self._note(query, args)
        return await self.db.execute(query, *args)


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, list):
        return "'{" + ",".join(str(one) for one in value) + "}'"
    return f"'{value}'"
