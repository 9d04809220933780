"""A full evening: the demo's shoppers ten times as fast, a counter open all the while. `python -m bench.evening`.

What must hold at the end: the page and the server need no more memory than in the first half, and an order that is
confirmed has its card on the counter within a second, the last one as the first.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, CDPSession, Page

from bench.growth import MEBIBYTE, resident
from demo import beside, chromium
from demo.client import Service, place
from demo.shoppers import come_and_go
from demo.tour import STORE
from service.api.access import DEVICE_COOKIE

EVERY = 5.0  # seconds between two measurements
LATEST = 1.0  # seconds within which a card must be there
ROOM = 1.15  # how much more the second half may need than the first
TABLET = chromium.TABLET


@dataclass
class Evening:
    """What was measured, in the order of time."""

    page: list[float] = field(default_factory=list)  # MiB of JavaScript that live after a collection
    server: list[float] = field(default_factory=list)  # MiB that the API has in memory
    cards: list[float] = field(default_factory=list)  # seconds from the confirmed order to its card

    def faults(self) -> list[str]:
        """What was not as it must be."""
        found = [
            f"{name} grew from {first:.1f} to {last:.1f} MiB"
            for name, (first, last) in {"the page": halves(self.page), "the server": halves(self.server)}.items()
            if last > first * ROOM + 1
        ]
        last = statistics.median(self.cards[-3:])  # of a few: a machine may pause under one
        if last > LATEST:
            found.append(f"the last cards took {last:.2f} s")
        return found

    def report(self) -> str:
        """The same in words."""
        first, last = halves(self.page)
        before, after = halves(self.server)
        return (
            f"page    {first:6.1f} MiB in the first half, {last:6.1f} in the second\n"
            f"server  {before:6.1f} MiB in the first half, {after:6.1f} in the second\n"
            f"cards   {statistics.median(self.cards):6.3f} s median, {max(self.cards):.3f} s longest, "
            f"{self.cards[-1]:.3f} s the last of {len(self.cards)}"
        )


def halves(values: list[float]) -> tuple[float, float]:
    """The medians of the first half, without its very beginning, and of the second."""
    warm = values[len(values) // 10 :]
    middle = max(1, len(warm) // 2)
    return statistics.median(warm[:middle]), statistics.median(warm[middle:] or warm)


async def spend(told: dict[str, Any], browser: Browser, *, seconds: float, speed: float = 10.0) -> Evening:
    """Let them shop at a demo for so long, and measure."""
    evening = Evening()
    async with Service(told["url"], told["api_key"]) as service:
        page = await counter(service, browser)
        session = await page.context.new_cdp_session(page)
        async with shopping(told, speed):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                await asyncio.sleep(min(EVERY, seconds / 5))
                evening.cards.append(await card(service, page, len(evening.cards)))
                evening.page.append(await heap(session))
                evening.server.append(resident(told["pids"]["api"]))
        await page.context.close()
    return evening


@asynccontextmanager
async def shopping(told: dict[str, Any], speed: float) -> AsyncIterator[None]:
    """People come and go."""
    street = asyncio.create_task(come_and_go(told["url"], told["api_key"], lambda _: None, speed=speed))
    yield
    street.cancel()
    with suppress(asyncio.CancelledError):
        await street


async def counter(service: Service, browser: Browser) -> Page:
    """A tablet of the store, paired and open."""
    made = await service.post("/v1/devices", {"store": STORE, "name": "Evening"}, key=f"evening-{time.time_ns()}")
    claimed = await service.post("/v1/devices/claim", {"code": made.body["pairing_code"]})
    context = await browser.new_context(locale="fr-FR", viewport=TABLET, service_workers="block")
    url = service.url.replace("http:", "https:")
    await context.add_cookies([{"name": DEVICE_COOKIE, "value": claimed.body["token"], "url": url}])
    page = await context.new_page()
    await page.goto(f"{service.url}/counter")
    await page.get_by_test_id("open").click()
    await page.get_by_test_id("lane-ready").wait_for()
    return page


async def card(service: Service, page: Page, number: int) -> float:
    """How long it takes from a confirmed order to its card; the order is cancelled again."""
    name = f"Mesure{time.time_ns() % 10**9:09}"
    stock = await service.get(f"/v1/stores/{STORE}/stock?limit=200")
    sku = max(stock.body["items"], key=lambda one: int(one["available"]))["sku"]
    body = {
        "order_ref": f"{name}-{number}",
        "customer": {"name": name, "email": "mesure@example.com"},
        "lines": [{"sku": sku, "quantity": 1}],
    }
    held = await service.post(place(STORE), body, key=name)
    began = time.monotonic()
    await service.post(place(STORE, held.body["id"], "confirm"), {})
    await page.get_by_test_id("card").filter(has_text=name).wait_for(timeout=30_000, state="attached")
    took = time.monotonic() - began
    await service.post(place(STORE, held.body["id"], "cancel"), {})
    return took


async def heap(session: CDPSession) -> float:
    """MiB of JavaScript that live in the page."""
    await session.send("HeapProfiler.collectGarbage")
    used = await session.send("Runtime.getHeapUsage")
    return float(used["usedSize"]) / MEBIBYTE


async def main(minutes: float, speed: float) -> int:
    """Spend an evening with a demo of its own; 0 when all held."""
    async with beside.a_demo() as told, chromium.launched() as browser:
        evening = await spend(told, browser, seconds=60 * minutes, speed=speed)
    print(evening.report())
    for fault in evening.faults():
        print(f"MISS  {fault}")
    return 1 if evening.faults() else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.evening", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--speed", type=float, default=10.0, help="how much faster than in life (default: 10)")
    wishes = parser.parse_args()
    sys.exit(asyncio.run(main(wishes.minutes, wishes.speed)))
