"""Processes are replaced one by one while customers go on: no request is cut, none is refused, none is lost."""

import asyncio
import contextlib
import itertools
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import asyncpg

from demo.servers import free_port
from service import keys
from service.callers import Scope
from service.database import transaction
from tests.service.test_processes import ROOT, alive, environment
from tests.shop import Shop
from tests.workers.conftest import until

A_SECOND = 50  # requests


class Balancer:
    """What stands in front of the processes: asks each whether it is ready, and sends requests to those that are."""

    def __init__(self, session: aiohttp.ClientSession, ports: list[int]) -> None:
        self.session = session
        self.ready = dict.fromkeys(ports, True)
        self.turned_away: dict[int, float] = {}
        self.answers: Counter[int | str] = Counter()
        self.late: list[float] = []

    async def watch(self) -> None:
        """Ask again and again."""
        while True:
            for port in self.ready:
                said = 0
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with self.session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        said = answer.status
                if self.ready[port] and said == 503:
                    self.turned_away[port] = time.monotonic()
                self.ready[port] = said == 200
            await asyncio.sleep(0.2)

    async def hold(self, number: int, key: str) -> None:
        """One customer's request, to a process that is ready; what became of it is counted."""
        port = [port for port, ready in self.ready.items() if ready][number % sum(self.ready.values())]
        body = {
            "order_ref": f"rolling-{number}",
            "customer": {"name": "Camille", "email": "camille@atelier.example"},
            "lines": [{"sku": "tea", "quantity": 1}],
        }
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"rolling-{number}"}
        started = time.monotonic()
        try:
            async with self.session.post(
                f"http://127.0.0.1:{port}/v1/stores/lyon/reservations", json=body, headers=headers
            ) as answer:
                await answer.read()
                self.answers[answer.status] += 1
        except aiohttp.ClientError as error:
            self.answers[type(error).__name__] += 1
        self.late.append(time.monotonic() - started)


@asynccontextmanager
async def api(database_url: str, port: int, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One process of the API, until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service"),
        cwd=ROOT,
        env=environment(database_url, port) | settings,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def shopping(balancer: Balancer, key: str, over: asyncio.Event) -> int:
    """Customers at an even pace, however long each of them waits; how many."""
    asked: set[asyncio.Task[None]] = set()
    for number in itertools.count():
        if over.is_set():
            await asyncio.gather(*asked)
            return number
        asked.add(asyncio.create_task(balancer.hold(number, key)))
        await asyncio.sleep(1 / A_SECOND)
    raise AssertionError


async def test_a_process_that_stops_under_load_says_so_first_and_cuts_nobody_off(shop: Shop, database_url: str) -> None:
    await shop.stock("tea", 10_000)
    async with transaction(shop.pool) as db:
        _, key = await keys.create(db, "shop", [Scope.CHECKOUT], stores=None)
    ports = [free_port(), free_port()]
    async with (
        api(database_url, ports[0], DRAIN_SECONDS="3") as leaving,
        api(database_url, ports[1]),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        await until(lambda: alive(session, ports[0]))
        await until(lambda: alive(session, ports[1]))
        balancer = Balancer(session, ports)
        watching, over = asyncio.create_task(balancer.watch()), asyncio.Event()
        customers = asyncio.create_task(shopping(balancer, key, over))
        await asyncio.sleep(1)
        told = time.monotonic()
        leaving.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(leaving.wait(), 15) == 0
        gone = time.monotonic()
        await asyncio.sleep(0.5)
        over.set()
        number = await customers
        watching.cancel()
    assert told < balancer.turned_away[ports[0]] < gone - 0.5, "it says that it goes, and goes on for a while"
    assert balancer.answers == {201: number}
    assert number > 100
    assert await shop.pool.fetchval("select count(*) from reservation") == number


async def test_while_it_drains_every_answer_closes_its_connection(shop: Shop, database_url: str) -> None:
    port = free_port()
    async with api(database_url, port, DRAIN_SECONDS="3") as leaving, aiohttp.ClientSession() as session:
        await until(lambda: alive(session, port))
        leaving.send_signal(signal.SIGTERM)
        said: list[tuple[int, str | None]] = []
        async with asyncio.timeout(20):
            while not said or said[-1][0] == 200:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    said.append((answer.status, answer.headers.get("Connection")))
        assert said[-1] == (503, "close")
        assert await asyncio.wait_for(leaving.wait(), 15) == 0


async def test_the_old_code_goes_on_while_the_schema_changes_under_it(shop: Shop, database_url: str) -> None:
    """What migrations do to tables in use, done while requests come in: a new column, a default, a new body."""
    await shop.stock("tea", 10_000)
    async with transaction(shop.pool) as db:
        _, key = await keys.create(db, "shop", [Scope.CHECKOUT], stores=None)
    port = free_port()
    async with (
        api(database_url, port) as _,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        await until(lambda: alive(session, port))
        balancer, over = Balancer(session, [port]), asyncio.Event()
        customers = asyncio.create_task(shopping(balancer, key, over))
        await asyncio.sleep(0.5)
        db = await asyncpg.connect(database_url)
        try:
            for table in ("reservation", "reservation_line", "event", "position", "store", "item", "key"):
                await db.execute(f"alter table {table} add column of_tomorrow text default 'x'")
                await asyncio.sleep(0.1)
            definition = await db.fetchval("select pg_get_functiondef('event_data'::regproc)")
            await db.execute(definition)
            await asyncio.sleep(0.5)
        finally:
            for table in ("reservation", "reservation_line", "event", "position", "store", "item", "key"):
                await db.execute(f"alter table {table} drop column if exists of_tomorrow")
            await db.close()
        over.set()
        number = await customers
    assert balancer.answers == {201: number}
