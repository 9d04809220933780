"""Open event streams: how long until the last who listens to a store has what happened there."""

import asyncio
import contextlib
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from bench.results import NotAsItShouldBe, Row, compare, median, tell
from bench.shop import ITEMS, STORES, Shop, names, opened
from bench.sizes import Sizes
from demo.client import Service, place
from demo.programs import ROOT
from demo.servers import Postgres

MOST_MILLISECONDS = 200
SETTLING_SECONDS = 2
WITHIN = 0.9  # of the events that were to be made per second
CREATED = 201


async def measure(server: Postgres, sizes: Sizes) -> list[Row]:
    """Holds at a steady pace while everybody listens: from a hold's transaction until the last listener has it."""
    async with opened(server, "streams") as shop:
        await shop.stock_up()
        async with shop.api() as api, shop.worker():
            told = [await _listen(shop, api.url, sizes) for _ in range(sizes.runs)]
    p99, p50, worst = (1000 * median([one[name] for one in told]) for name in ("p99", "p50", "worst"))
    streams, pace = sizes.listeners // STORES * STORES, median([one["pace"] for one in told])
    return [
        compare(
            *(f"p99 of {streams:,} streams", p99, "ms", "what it may take, in ms", MOST_MILLISECONDS),
            target=1,
            most=True,
        ),
        tell("the same: half of the events", p50, "ms", f"{pace:,.0f} events/s in all; the slowest {worst:,.0f} ms"),
    ]


async def _listen(shop: Shop, url: str, sizes: Sizes) -> dict[str, Any]:
    """One run: what the listeners say, and how many events per second there were."""
    async with _listeners(shop, url, sizes.listeners // STORES) as listening:
        await asyncio.sleep(1)
        began = time.perf_counter()
        made = await _hold_steadily(shop, url, sizes)
        pace = made / (time.perf_counter() - began)
        await asyncio.sleep(SETTLING_SECONDS)
        said, _ = await listening.communicate(b"")  # with no input, before Python 3.12, it would be left open
    told: dict[str, Any] = json.loads(said)
    if told["events"] != made or told["by_all"] != made or pace < WITHIN * sizes.events:
        raise NotAsItShouldBe(f"{made} holds at {pace:.0f}/s, of which listeners say: {told}")
    return told | {"pace": pace}


async def _hold_steadily(shop: Shop, url: str, sizes: Sizes) -> int:
    """Hold at the pace that was asked for, whatever the answers take; how many holds there were."""
    count, dice = sizes.events * sizes.seconds, random.Random(9)
    async with Service(url, shop.key, connections=64) as service, asyncio.TaskGroup() as street:
        began = time.perf_counter()
        for number in range(count):
            street.create_task(_hold(service, dice.choice(names(STORES)), dice.sample(range(1, ITEMS + 1), 3)))
            await asyncio.sleep(began + (number + 1) / sizes.events - time.perf_counter())
    return count


async def _hold(service: Service, store: str, items: list[int]) -> None:
    reference = str(uuid4())
    order = {
        "order_ref": reference,
        "customer": {"name": "Camille Durand", "email": "camille@atelier.example"},
        "lines": [{"sku": f"i{item}", "quantity": 1} for item in items],
    }
    answer = await service.post(place(store), order, key=reference)
    if answer.status != CREATED:
        raise NotAsItShouldBe(answer.refusal)


@asynccontextmanager
async def _listeners(shop: Shop, url: str, each: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """So many listeners of each store in a process of their own, once all of them have their queue."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.listeners", url, "--each", str(each), "--stores", *names(STORES)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "BENCH_KEY": shop.key},
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None  # noqa: S101 -- a pipe was asked for
        if await process.stdout.readline() != b"listening\n":
            raise NotAsItShouldBe("The streams could not be opened.")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
