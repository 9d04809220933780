"""A counter in words: tablets that are paired and open, a relay that tells them, scanners that type."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
from playwright.async_api import BrowserContext, Locator, Page, ViewportSize, expect

from service import events
from service.api.access import DEVICE_COOKIE
from service.database import Pool
from service.errors import Problem
from tests.screens.conftest import PHONE, TABLET, Screens, Served
from tests.shop import Shop

SCANNER = 0.005  # seconds between two keys
AZERTY = str.maketrans("0123456789aqzwAQZW-_", "à&é\"'(-è_çqawzQAWZ)°")
"""What a French layout makes of what a scanner set to the American one types."""
FILES = "document.querySelector('meta[name=comptoir-files]').content"
"""Where the page has its modules from, for a test that looks into one."""


async def relaying(pool: Pool) -> None:
    """Relay, as the worker does, until cancelled."""
    while True:
        with suppress(Problem):
            for store in await events.waiting_stores(pool):
                await events.relay(pool, store)
        await asyncio.sleep(0.03)


async def relayed(pool: Pool) -> AsyncIterator[None]:
    """The relay for as long as a test lasts."""
    task = asyncio.create_task(relaying(pool))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class Counters:
    """Devices of a store, each in the hands of somebody of its own."""

    def __init__(self, screens: Screens, served: Served) -> None:
        self.screens = screens
        self.served = served
        self._key = ""

    async def ask(self, method: str, path: str, json: Any = None, **headers: str) -> Any:
        """Ask the API as head office does."""
        self._key = self._key or await self.served.key()
        sent = {"Authorization": f"Bearer {self._key}", **headers}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.served.url + path, json=json, headers=sent) as answer,
        ):
            assert answer.ok, await answer.text()
            return await answer.json()

    async def pairing_code(self, store: str = "lyon", language: str = "fr") -> str:
        """A code that pairs one device."""
        made = await self.ask("POST", "/v1/devices", {"store": store, "name": "Tablet", "language": language})
        return str(made["pairing_code"])

    async def person(self, size: ViewportSize = TABLET, locale: str = "fr-FR", **options: Any) -> BrowserContext:
        """Somebody with a paired device."""
        claimed = await self.ask("POST", "/v1/devices/claim", {"code": await self.pairing_code(language=locale[:2])})
        context = await self.screens.person(size=size, locale=locale, **options)
        await context.add_cookies(
            [{"name": DEVICE_COOKIE, "value": claimed["token"], "url": self.served.url.replace("http:", "https:")}]
        )
        return context

    async def open(self, path: str = "/counter", *, clock: Any = None, **options: Any) -> Page:
        """The same, with the counter open before them. `clock`: what their device believes the time to be."""
        page = await (await self.person(**options)).new_page()
        if clock is not None:
            await page.clock.install(time=clock)
        await page.goto(self.served.url + path)
        await page.get_by_test_id("open").click()
        await expect(page.locator(".live.on")).to_be_visible()
        return page


async def became(shop: Shop, order: dict[str, Any], state: str) -> None:
    """Wait until an order is in a state: what a counter does is sent when it can be."""
    for _ in range(200):
        if await shop.state(order) == state:
            return
        await asyncio.sleep(0.05)
    assert await shop.state(order) == state


async def at_work(page: Page, tablets: Counters) -> str:
    """Let a clerk give their PIN; their id."""
    asked = {"name": "Inès", "pin": "4071"}
    ines = (await tablets.ask("POST", "/v1/stores/lyon/clerks", asked, **{"Idempotency-Key": "ines"}))["id"]
    await page.evaluate(f"async (id) => (await import({FILES} + 'session.js')).enter(id, '4071')", ines)
    return str(ines)


async def fits(page: Page) -> None:
    """Nothing is pushed off the screen, on a phone or here."""
    for size in (PHONE, TABLET):
        await page.set_viewport_size(size)
        assert await page.evaluate("(top => top.scrollWidth <= top.clientWidth)(document.querySelector('.top'))")


async def scan(page: Page, text: str, *, late: float = 0, at: float | None = None) -> None:
    """Read a code with a scanner: it types fast, and presses Enter.

    The keys carry the moments of a scanner themselves, so a busy machine makes no hand of it; and Playwright's own
    keyboard is American: what that lacks it would paste. `late`: seconds until a busy tablet hears of the next key,
    however fast they came. `at`: when the scanner read it, in seconds since 1970, if that was not just now.
    """
    pressed: list[dict[str, Any]] = [{"key": symbol, "text": symbol} for symbol in text]
    pressed.append({"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13})
    await press(page, pressed, began=(at or time.time()) - len(pressed) * SCANNER, apart=SCANNER, late=late)


async def press(page: Page, pressed: list[dict[str, Any]], *, began: float, apart: float, late: float = 0) -> None:
    """Press keys, each `apart` seconds after the one before, however late a busy tablet hears of them."""
    keys = await page.context.new_cdp_session(page)
    sent = []
    for place, key in enumerate(pressed):
        for kind in ("keyDown", "keyUp"):
            moment = {"type": kind, "timestamp": began + place * apart}
            sent.append(asyncio.create_task(keys.send("Input.dispatchKeyEvent", {**key, **moment})))
        await asyncio.sleep(late)
    await asyncio.gather(*sent)
    await keys.detach()


async def tap(page: Page, what: Locator, *, at: float) -> None:
    """Touch the middle of a button, at a moment in seconds since 1970, whatever the machine was busy with."""
    box = await what.bounding_box()
    assert box
    mouse = await page.context.new_cdp_session(page)
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
    for kind in ("mousePressed", "mouseReleased"):
        await mouse.send("Input.dispatchMouseEvent", {**point, "type": kind, "timestamp": at})
    await mouse.detach()


def lane(page: Page, name: str) -> Locator:
    """The orders of a lane."""
    return page.get_by_test_id(f"lane-{name}").get_by_test_id("card")


def panel(page: Page) -> Locator:
    """The open order."""
    return page.get_by_test_id("panel")


async def heard(page: Page) -> list[str]:
    """The tones that were played, or would have been."""
    tones: list[str] = await page.evaluate(
        f"async () => (await import({FILES} + 'sounds.js')).played.map((tone) => tone.name)"
    )
    return tones


async def on_disk(page: Page, name: str) -> Any:
    """What the device keeps under this name, when it has kept what it was about to."""
    return await page.evaluate(f"async (name) => (await import({FILES} + 'keeping.js')).read(name)", name)
