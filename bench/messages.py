"""Messages that wait: how fast one worker sends them, in how much memory, and what a slow carrier beside them does."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from bench.history import make_up
from bench.results import NotAsItShouldBe, Row, compare, tell
from bench.shop import ITEMS, STORES, Shop, names, opened
from bench.sizes import Sizes
from demo.servers import Postgres
from service import queries

SQL = queries.load("bench")

SLOW_SECONDS = 10  # that the slow carrier takes to answer
SLOW_SHARE = 10  # one text message to so many e-mails
LOOK_SECONDS = 0.5


async def measure(server: Postgres, sizes: Sizes) -> list[Row]:
    """E-mails that wait, sent by one worker: alone, then beside text messages that go by a slow carrier."""
    async with opened(server, "messages") as shop:
        await shop.stock_up()
        orders = sizes.messages // STORES
        print(f"  making up {orders * STORES:,} open orders …", file=sys.stderr, flush=True)
        await make_up(shop, names(STORES), past=0, open=orders, ledger=0, items=ITEMS)
        few = max(orders // SLOW_SHARE, 1)
        await _owe(shop, "email", few)
        alone, _ = await _drain(shop, "email", few * STORES)
        await _forget(shop)
        await _owe(shop, "email", orders)
        await _owe(shop, "sms", few)
        async with _slow() as url:
            http = {"url": url, "body": {"to": "{recipient}", "text": "{text}"}}
            beside, memory = await _drain(
                shop, "email", orders * STORES, SMS_PROVIDERS='["http"]', HTTP_SMS=json.dumps(http)
            )
        async with shop.patient() as db:
            twice = await SQL["sent_twice"].value(db)
        if twice:
            raise NotAsItShouldBe(f"{twice} messages were sent twice.")
    what = f"{orders * STORES:,} e-mails beside {few * STORES:,} text messages by a carrier that takes {SLOW_SECONDS} s"
    return [
        compare("messages, one worker", beside, "e-mails/s", f"e-mails alone ({what})", alone, target=0.8),
        tell("memory of the worker", memory, "MB", "at its highest"),
    ]


async def _owe(shop: Shop, channel: str, each: int) -> None:
    async with shop.patient() as db:
        for store in names(STORES):
            await SQL["owe_messages"].run(db, store=store, channel=channel, most=each)


async def _forget(shop: Shop) -> None:
    async with shop.patient() as db:
        await SQL["forget_messages"].run(db)


async def _drain(shop: Shop, channel: str, number: int, **settings: str) -> tuple[float, float]:
    """Let one worker send all that waits on a channel; how many a second, and its memory at its highest, in MB."""
    async with shop.worker(**settings) as worker, shop.patient() as db:
        began = time.perf_counter()
        while True:
            row = await SQL["messages_sent"].row(db, channel=channel)
            if row is None or row["left"] == 0:
                break
            await asyncio.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - began
        memory = _highest(worker.pid)
    if row is None or row["sent"] != number:
        raise NotAsItShouldBe(f"{number} messages waited, and {row} were sent.")
    return number / seconds, memory


def _highest(pid: int | None) -> float:
    """The most memory that a process ever had, in MB; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return int(lines["VmHWM"].split()[0]) / 1024


@asynccontextmanager
async def _slow() -> AsyncIterator[str]:
    """A carrier that takes its time."""

    async def take(_request: web.Request) -> web.Response:
        await asyncio.sleep(SLOW_SECONDS)
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
