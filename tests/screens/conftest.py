"""Screens as people see them: a real Chromium before a served API, and nothing that goes wrong unseen.

    async def test_a_counter_opens(screens: Screens, shop: Shop) -> None:
        page = await screens.open("/counter", size=TABLET)
        await axe(page)

Every page is watched from its first byte: an error in its console, an exception in its script or a request to the
outside fails the test, unless the test said beforehand that it would come: `screens.forgive("ERR_INTERNET")`.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize, expect

from demo.chromium import PHONE, SMALL_TABLET, TABLET, TELEVISION
from service import keys
from service.api import streams
from service.api.app import build_app, runner
from service.callers import Scope
from service.database import Pool, transaction
from service.settings import Settings
from tests.shop import Shop, prove, settings_for

__all__ = ["PHONE", "SMALL_TABLET", "TABLET", "TELEVISION", "Screens", "Served", "axe"]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PATIENCE = 10_000  # milliseconds until something must have appeared; this machine may be busy
expect.set_options(timeout=PATIENCE)
INSIDE = ("data:", "blob:", "about:")


class Served:
    """The API on a port of its own that a test may stop, start again at the same address, or cut the streams of."""

    def __init__(self, settings: Settings, pool: Pool, door: socket.socket) -> None:
        self.settings = settings
        self.pool = pool
        self.url = str(settings.public_url).rstrip("/")
        self._address = door.getsockname()[:2]
        self._door: socket.socket | None = door
        self._runner: web.AppRunner | None = None

    @property
    def running(self) -> web.AppRunner:
        """What serves now."""
        assert self._runner is not None, "it was stopped"
        return self._runner

    async def start(self) -> None:
        """Serve, at the same address as before."""
        self._runner = runner(build_app(self.settings, self.pool))
        await self._runner.setup()
        door, self._door = self._door or _listening(*self._address), None
        await web.SockSite(self._runner, door).start()

    async def stop(self) -> None:
        """Serve no longer: who asks is not answered, and who listens hears that it is over."""
        if self._runner is not None:
            self.drop_streams("")  # no page is waited for
            await self._runner.cleanup()
            self._runner = None

    def drop_streams(self, ending: str = "/stream") -> int:
        """Cut the connections whose request ends in this, as a proxy that dies does; how many there were."""
        server = self.running.server
        assert server is not None
        cut = 0
        for handler in list(server.connections):
            request = handler._current_request
            if handler.transport is not None and request is not None and request.path.endswith(ending):
                handler.transport.abort()
                cut += 1
        return cut

    async def key(self, *scopes: Scope | str, stores: list[str] | None = None) -> str:
        """Make a key with these scopes, or with all of them."""
        async with transaction(self.pool) as db:
            _, text = await keys.create(db, "test", [Scope(scope) for scope in scopes] or list(Scope), stores=stores)
        return text


def _listening(host: str, port: int) -> socket.socket:
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind((host, port))
    return door


class Screens:
    """Browsers that people hold: each `open` is somebody's own, with its own cookies and storage."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self.wrong: list[str] = []
        self._forgiven: list[re.Pattern[str]] = []
        self._contexts: list[BrowserContext] = []

    def forgive(self, pattern: str) -> None:
        """From now on, errors that say this are what the test is about."""
        self._forgiven.append(re.compile(pattern))

    async def open(self, path: str = "", **options: Any) -> Page:
        """Open a page in a browser of its own; options as for `person`."""
        page = await (await self.person(**options)).new_page()
        if path:
            await page.goto(self.url + path)
        return page

    async def person(
        self,
        *,
        locale: str = "fr-FR",
        size: ViewportSize = TABLET,
        zone: str = "Europe/Paris",
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        **options: Any,
    ) -> BrowserContext:
        """A browser of somebody's own: language, size, time zone, and what else Playwright's `new_context` takes."""
        context = await self.browser.new_context(
            locale=locale,
            timezone_id=zone,
            viewport=size,
            has_touch=options.pop("has_touch", True),
            extra_http_headers=dict(headers or {}),
            **options,
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        if cookies:
            await context.add_cookies(
                [{"name": name, "value": text, "url": self.url} for name, text in cookies.items()]
            )
        context.on("console", self._heard)
        context.on("weberror", lambda error: self._note(f"exception: {error.error}"))
        context.on("request", self._asked)
        return context

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"console: {message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, *INSIDE)):
            self._note(f"asked of the outside: {request.url}")

    def _note(self, fault: str) -> None:
        if not any(pattern.search(fault) for pattern in self._forgiven):
            self.wrong.append(fault)

    async def close(self) -> None:
        """Everybody goes home."""
        await asyncio.gather(*(context.close() for context in self._contexts))


async def axe(page: Page, *, without: tuple[str, ...] = ()) -> None:
    """Fail where the page, as it stands, breaks a rule of WCAG 2.2 A or AA that a machine can check."""
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate(
        "options => axe.run(document, options)",
        {
            "runOnly": RULES,
            "resultTypes": ["violations"],
            "rules": {name: {"enabled": False} for name in without},
        },
    )
    assert [] == [
        f"{fault['id']}: {fault['help']}: {[node['target'] for node in fault['nodes']]}: "
        f"{fault['nodes'][0]['failureSummary']}"
        for fault in found["violations"]
    ]


@pytest.fixture
async def served(pool: Pool, database_url: str) -> AsyncIterator[Served]:
    """The API over an empty database, where links and pages are at the same address."""
    door = _listening("127.0.0.1", 0)
    settings = settings_for(database_url, public_url=f"http://127.0.0.1:{door.getsockname()[1]}")
    served = Served(settings, pool, door)
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def shop(served: Served) -> AsyncIterator[Shop]:
    """The shop behind the screens; afterwards its ledger is proved."""
    yield Shop(served.pool, served.settings)
    await prove(served.pool)


@pytest.fixture
async def screens(browser: Browser, served: Served) -> AsyncIterator[Screens]:
    """People before their screens; afterwards nothing may have gone wrong that was not forgiven."""
    screens = Screens(browser, served.url)
    yield screens
    await screens.close()
    assert screens.wrong == []


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`silence()`: from now on every open stream says nothing, and yet stays open."""

    async def nothing(*_: object) -> None:
        await asyncio.sleep(0)

    return lambda: monkeypatch.setattr(streams, "write", nothing)
