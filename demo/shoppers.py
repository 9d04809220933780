"""People who shop: they reserve, pay or forget, are served, come or change their minds, all day long."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any
from uuid import uuid4

from demo.baskets import Basket, Line, baskets
from demo.client import Answer, Service, place

PAUSE = 2.5  # seconds between two customers, on average
MOST_AT_ONCE = 60  # customers under way
MOST_LINES = 12  # more would take a clerk longer than anybody watches

HOLD_SECONDS = 60
FORGETS_TO_PAY, CANCELS, NEVER_COMES, FINDS_ONE_LESS, REFUSES_ONE = 0.08, 0.06, 0.04, 0.05, 0.03
TWO_AFTER_THE_LAST = 0.06
LOOKS_ELSEWHERE = 0.5

CHANNELS = ("web", "web", "web", "mobile", "mobile", "marketplace", "social", "phone")
DELIVERY_SECONDS = 90  # until what was taken from the shelves is there again
LONGEST_LINE = 50


class Town:
    """Everybody who shops, over one connection to the service; nothing that is refused stops them."""

    def __init__(
        self, service: Service, dice: random.Random, say: Callable[[str], None], *, speed: float = 1.0
    ) -> None:
        self.speed = speed  # how much faster than in life everything goes
        self.service = service
        self.say = say
        self.dice = dice
        self.baskets = [basket for basket in baskets() if len(basket.lines) <= MOST_LINES]
        self.orders = count(1)
        self.day = uuid4().hex[:4].upper()

    async def live(self) -> None:
        """Let customers come, one after the other, for ever."""
        room = asyncio.Semaphore(MOST_AT_ONCE)
        async with asyncio.TaskGroup() as street:
            while True:
                await room.acquire()
                visit = self.last_item() if self.dice.random() < TWO_AFTER_THE_LAST else self.visit()
                street.create_task(self.calmly(visit)).add_done_callback(lambda _: room.release())
                await asyncio.sleep(self.dice.expovariate(self.speed / PAUSE))

    async def calmly(self, visit: Coroutine[Any, Any, None]) -> None:
        """Whatever surprises one customer is no reason for the others to go home."""
        try:
            await visit
        except Exception as surprise:  # noqa: BLE001 -- told, and over
            self.say(f"a customer left: {surprise!r}")

    async def visit(self) -> None:
        """Choose a basket and a shop, and see it through."""
        basket = self.dice.choice(self.baskets)
        store = await self.choose_store(basket)
        held = await self.hold(store, basket)
        if held.accepted:
            await self.pay_and_collect(store, held.body)

    async def choose_store(self, basket: Basket) -> str:
        """Look where it is all there; most stay with their own shop, whatever it has."""
        wanted = [{"sku": line.sku, "quantity": line.quantity} for line in basket.lines]
        found = await self.service.post("/v1/availability", {"lines": wanted, "complete_first": True, "limit": 5})
        complete: list[str] = [one["store"] for one in found.body.get("items", []) if one["complete"]]
        if basket.store in complete or not complete or self.dice.random() > LOOKS_ELSEWHERE:
            return basket.store
        return complete[0]

    async def hold(self, store: str, basket: Basket) -> Answer:
        """Ask the shop to set it aside."""
        order_ref = f"AL-{self.day}-{next(self.orders):04}"
        body = basket.order(order_ref, channel=self.dice.choice(CHANNELS), hold_seconds=HOLD_SECONDS)
        return await self.service.post(place(store), body, key=order_ref)

    async def pay_and_collect(self, store: str, order: dict[str, Any]) -> None:
        """Go the whole way, unless life comes between."""
        if self.dice.random() < FORGETS_TO_PAY:
            return
        await self.wait(3, 12)
        if not (await self.step(store, order, "confirm", {"payment_ref": uuid4().hex[:12]})).accepted:
            return
        if await self.changes_mind(store, order):
            return
        await self.wait(6, 25)
        if not (await self.step(store, order, "pick")).accepted:
            return
        await self.wait(6, 20)
        shelved = await self.step(store, order, "shelve", self.found(order))
        if not shelved.accepted or shelved.body["state"] != "ready" or await self.changes_mind(store, order):
            return
        await self.wait(20, 90)
        if self.dice.random() < NEVER_COMES:
            return
        await self.step(store, order, "arrive")
        await self.wait(4, 15)
        collected = await self.step(store, order, "collect", self.taken(shelved.body))
        if collected.accepted:
            await asyncio.sleep(DELIVERY_SECONDS / self.speed)
            await self.deliver(store, collected.body)

    def found(self, order: dict[str, Any]) -> dict[str, Any]:
        """What the clerk found: all of it, or now and then one unit less."""
        shelf = f"{self.dice.choice('ABCD')}{self.dice.randint(1, 24)}"
        if self.dice.random() > FINDS_ONE_LESS:
            return {"shelf": shelf, "bags": self.dice.randint(1, 3)}
        line = self.dice.choice(order["lines"])
        return {"shelf": shelf, "lines": [{"sku": line["sku"], "found": line["quantity"] - 1, "reason": "not_found"}]}

    def taken(self, order: dict[str, Any]) -> dict[str, Any]:
        """What the customer takes: all of it, or now and then all but one line."""
        lines = order["lines"]
        if len(lines) == 1 or self.dice.random() > REFUSES_ONE:
            return {"code": order["pickup_code"]}
        return {"code": order["pickup_code"], "lines": [{"sku": self.dice.choice(lines)["sku"], "taken": 0}]}

    async def changes_mind(self, store: str, order: dict[str, Any]) -> bool:
        """Whether the customer wants it no longer, and has said so."""
        if self.dice.random() > CANCELS:
            return False
        await self.wait(2, 8)
        return (await self.step(store, order, "cancel", {"reason": "changed my mind"})).accepted

    async def deliver(self, store: str, order: dict[str, Any]) -> None:
        """Bring what was sold or missing back onto the shelves, so that there is a next customer."""
        gone = {line["sku"]: line["collected"] + line["short"] for line in order["lines"]}
        reference = f"delivery-{order['id']}"
        movements = [
            {"sku": sku, "delta": units, "reason": "delivery", "reference": reference}
            for sku, units in gone.items()
            if units
        ]
        if movements:
            await self.service.post(f"/v1/stores/{store}/stock/movements", {"movements": movements}, key=reference)

    async def last_item(self) -> None:
        """Send two customers after the last unit of something, at the same moment: one gets it, the other is told."""
        store = self.dice.choice(self.baskets).store
        listed = await self.service.get(f"/v1/stores/{store}/stock?below=2&limit={LONGEST_LINE}")
        last = [one["sku"] for one in listed.body.get("items", []) if one["available"] == 1]
        if not last:
            return
        line = Line(self.dice.choice(last), 1, 250)
        both = [Basket("", self.dice.choice(self.baskets).household, store, (line,)) for _ in range(2)]
        answers = await asyncio.gather(*(self.hold(store, one) for one in both))
        for answer in answers:
            if answer.accepted:
                await self.pay_and_collect(store, answer.body)

    async def step(self, store: str, order: dict[str, Any], step: str, body: dict[str, Any] | None = None) -> Answer:
        """Take one step of an order's life."""
        return await self.service.post(place(store, order["id"], step), body or {})

    async def wait(self, least: float, most: float) -> None:
        """Let some time pass."""
        await asyncio.sleep(self.dice.uniform(least, most) / self.speed)


async def come_and_go(url: str, api_key: str, say: Callable[[str], None], *, speed: float = 1.0) -> None:
    """Let people shop for as long as this is awaited."""
    async with Service(url, api_key) as service:
        await Town(service, random.Random(), say, speed=speed).live()
