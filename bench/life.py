"""Mixed life at a steady pace: orders fetched, forgotten and cancelled, stock feeds, clerks who look."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from bench.results import NotAsItShouldBe
from bench.shop import ITEMS, STORES, names
from demo.client import Service, place

FORGETFUL = names(STORES)[-1]  # the store where nobody pays
SHOPS = names(STORES)[:-1]
FORGETS, CANCELS, COUNTS = 0.15, 0.1, 0.2
REQUESTS = 6  # that one visit makes, on average, with what happens in the store meanwhile
SLOTS = {"minutes": 60, "capacity": 10_000}
COUNTED = 1_000_000  # units: the most that a count may say
CLERKS = 100  # orders that a store prepares at once
OK, CREATED = 200, 201


class Life:
    """Everybody in all stores; every answer is to be what is expected, and is timed by its kind."""

    def __init__(self, service: Service, dice: random.Random) -> None:
        self.service = service
        self.dice = dice
        self.took: defaultdict[str, list[float]] = defaultdict(list)  # milliseconds since the last look
        self.answers = 0
        self.heard = 0  # events on the streams
        self.slots: dict[str, list[str]] = {}

    async def open(self) -> None:
        """Give every store its slots, and note those of the day after tomorrow: any order is ready by then."""
        day = (datetime.now(UTC) + timedelta(days=2)).date()
        for store in SHOPS:
            body = {"name": store, "time_zone": "Europe/Paris", "parallel_orders": CLERKS, "slots": SLOTS}
            await self.ask("store", "PUT", f"/v1/stores/{store}", body)
            told = await self.ask("slots", "GET", f"/v1/stores/{store}/slots?date={day}")
            self.slots[store] = [slot["starts_at"] for slot in told["items"]]
        self.took.clear()

    async def live(self, seconds: float, rate: float) -> None:
        """Let so many requests per second come for so long, whatever the answers take; ends with the last visit."""
        began, number = time.perf_counter(), 0
        async with asyncio.TaskGroup() as street:
            while (ahead := number * REQUESTS / rate) < seconds:
                await asyncio.sleep(began + ahead - time.perf_counter())
                street.create_task(self.visit())
                number += 1

    async def visit(self) -> None:
        """One customer, and what a clerk and a till do meanwhile."""
        fate = self.dice.random()
        store = FORGETFUL if fate < FORGETS else self.dice.choice(SHOPS)
        order = await self.hold(store)
        if store != FORGETFUL:
            await self.wait()
            if fate < FORGETS + CANCELS:
                await self.step(order, "cancel")
            else:
                await self.fetch(order)
        await self.look(store)
        await self.feed(store)

    async def hold(self, store: str) -> dict[str, Any]:
        """Set three items aside."""
        reference = str(uuid4())
        body = {
            "order_ref": reference,
            "customer": {"name": "Camille Durand", "email": "camille@atelier.example"},
            "lines": [{"sku": f"i{item}", "quantity": 1} for item in self.dice.sample(range(1, ITEMS + 1), 3)],
        }
        if store in self.slots:
            body["slot"] = self.dice.choice(self.slots[store])
        return await self.ask("hold", "POST", place(store), body, key=reference, status=CREATED)

    async def fetch(self, order: dict[str, Any]) -> None:
        """Pay, have it picked and shelved, and collect it with the code."""
        await self.step(order, "confirm", {"payment_ref": uuid4().hex[:12]})
        for step, body in (("pick", {}), ("shelve", {"shelf": "A1"}), ("collect", {"code": order["pickup_code"]})):
            await self.wait()
            await self.step(order, step, body)

    async def step(self, order: dict[str, Any], step: str, body: dict[str, Any] | None = None) -> None:
        """Take one step of an order's life."""
        await self.ask(step, "POST", place(order["store"], order["id"], step), body or {})

    async def look(self, store: str) -> None:
        """Read the queue, or search it."""
        if self.dice.random() < 0.5:  # noqa: PLR2004 -- one or the other
            await self.ask("queue", "GET", f"{place(store)}?state=confirmed,picking,ready")
        else:
            await self.ask("search", "POST", place(store, "search"), {"q": "Durand"})

    async def feed(self, store: str) -> None:
        """A till sells one, or somebody counts."""
        sku = f"i{self.dice.randint(1, ITEMS)}"
        if self.dice.random() < COUNTS:
            body: dict[str, Any] = {"on_hand": COUNTED, "as_of": datetime.now(UTC).isoformat()}
            await self.ask("count", "PUT", f"/v1/stores/{store}/stock/{sku}", body)
        else:
            reference = str(uuid4())
            body = {"movements": [{"sku": sku, "delta": -1, "reason": "sale", "reference": reference}]}
            await self.ask("movement", "POST", f"/v1/stores/{store}/stock/movements", body, key=reference)

    async def wait(self) -> None:
        """Let a moment pass."""
        await asyncio.sleep(self.dice.uniform(0.3, 1.5))

    async def ask(
        self, kind: str, method: str, path: str, body: Any = None, *, key: str | None = None, status: int = OK
    ) -> dict[str, Any]:
        """Ask once, and time it. Raises NotAsItShouldBe for any answer but the expected one."""
        began = time.perf_counter()
        headers = {"Idempotency-Key": key} if key else {}
        url = self.service.url + path
        async with self.service.session.request(method, url, json=body, headers=headers) as response:
            told: dict[str, Any] = await response.json(content_type=None)
        if response.status != status:
            raise NotAsItShouldBe(f"{kind}: {response.status} {told}")
        self.took[kind].append(1000 * (time.perf_counter() - began))
        self.answers += 1
        return told

    @asynccontextmanager
    async def listening(self, store: str) -> AsyncIterator[None]:
        """A counter has the stream of a store open. Raises NotAsItShouldBe when it ends by itself."""
        url = f"{self.service.url}/v1/stores/{store}/stream"
        async with self.service.session.get(url, timeout=None) as response:
            hearing = asyncio.create_task(self._hear(response.content))
            try:
                yield
                if hearing.done():
                    raise NotAsItShouldBe(f"The stream of {store} ended.")
            finally:
                hearing.cancel()
                await asyncio.wait([hearing])

    async def _hear(self, lines: Any) -> None:
        async for line in lines:
            self.heard += line.startswith(b"event: reservation")
