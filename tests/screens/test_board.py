"""The board on a television: read from afar, live, and right again after whatever happened to the line."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import expect

from service import board
from service.api import streams
from service.callers import OPERATOR
from service.database import transaction
from service.models.board import BoardBody
from tests.screens.conftest import PHONE, TABLET, TELEVISION, Screens, Served, axe
from tests.service.api.test_streams import relay
from tests.shop import Shop

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
async def relaying(served: Served) -> AsyncIterator[None]:
    """The relay, as the worker runs it."""
    task = asyncio.create_task(relay(served.pool))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def path(shop: Shop) -> str:
    """The board of a shop with something in it."""
    await shop.stock("tea", 500)
    async with shop.pool.acquire() as db:
        return (await board.link(db, "lyon", links=shop.links)).url.removeprefix(shop.links.home)


def now() -> re.Pattern[str]:
    """What a clock in the shop shows now, or in a minute."""
    moments = [datetime.now(UTC) + timedelta(minutes=later) for later in (0, 1)]
    here = [moment.astimezone(ZoneInfo("Europe/Paris")) for moment in moments]
    return re.compile("|".join(f"^{moment.hour}\u00a0h\u00a0{moment:%M}$" for moment in here))


async def test_an_order_goes_over_the_board(shop: Shop, screens: Screens, path: str) -> None:
    page = await screens.open(path, size=TELEVISION, zone="Asia/Tokyo")
    await expect(page.locator(".clock")).to_have_text(now())
    preparing, ready = page.locator(".preparing li"), page.locator(".ready li")
    await expect(page.get_by_text("Aucune commande ne vous attend")).to_be_visible()
    confirmed = await shop.confirm(await shop.hold("tea", 1, order_ref="web-4711"))
    await expect(preparing).to_have_text(["4711 Camille D."])
    picking = await shop.take("pick", confirmed)
    await shop.take("shelve", picking)
    await expect(ready).to_have_text(["4711 Camille D."])
    await expect(ready).to_have_class("fresh")
    await expect(preparing).to_have_count(0)
    await page.get_by_role("button", name="Activer le son").click()
    await axe(page)
    await shop.collect(picking)
    await expect(ready).to_have_count(0)


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_a_full_board_fits_on_every_screen(shop: Shop, screens: Screens, path: str, language: str) -> None:
    for number in range(30):
        await shop.ready("tea", 1, order_ref=f"web-{number:04}")
    page = await screens.open(f"{path}&lang={language}", size=TELEVISION)
    await expect(page.locator(".live")).to_have_text({"fr": "En direct", "en": "Live"}[language])
    await axe(page)
    for size in (TELEVISION, TABLET, PHONE):
        await page.set_viewport_size(size)
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"
    await page.set_viewport_size(TELEVISION)
    await expect(page.locator(".ready li").last).to_be_in_viewport()


async def test_a_stream_that_falls_silent_is_noticed_and_opened_again(
    shop: Shop, screens: Screens, path: str, silence: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await (await screens.person(size=TELEVISION)).new_page()
    await page.clock.install()
    await page.route("**/stream?*", lambda _: None)
    await page.goto(screens.url + path)
    await expect(page.locator(".live")).to_have_text("Connexion…")
    await page.unroute("**/stream?*")
    await page.clock.run_for(13_000)
    await expect(page.locator(".live")).to_have_text("En direct")
    speaks = streams.write
    silence()
    await shop.ready("tea", 1, order_ref="web-4711")
    await page.clock.run_for(13_000)
    await expect(page.locator(".live")).to_have_text("Hors ligne")
    monkeypatch.setattr(streams, "write", speaks)
    await page.clock.run_for(13_000)
    await expect(page.locator(".ready li")).to_have_text(["4711 Camille D."])
    await expect(page.locator(".live")).to_have_text("En direct")
    for hours in (5, -7):  # somebody sets the television's clock, or it sets itself
        await page.clock.set_system_time(datetime.now(UTC) + timedelta(hours=hours))
        await page.clock.run_for(1000)
        await expect(page.locator(".clock")).to_have_text(now())


async def test_a_board_survives_cuts_reloads_and_a_service_that_restarts(
    shop: Shop, screens: Screens, served: Served, path: str
) -> None:
    screens.forgive("ERR_")
    page = await screens.open(path, size=TELEVISION)
    await expect(page.locator(".live")).to_have_text("En direct")
    assert served.drop_streams() == 1
    await shop.ready("tea", 1, order_ref="web-4711")
    await expect(page.locator(".ready li")).to_have_text(["4711 Camille D."])
    await served.stop()
    await expect(page.locator(".live")).to_have_text("Hors ligne")
    await served.start()
    await shop.ready("tea", 1, order_ref="web-4712")
    await expect(page.locator(".ready li")).to_have_text(["4712 Camille D.", "4711 Camille D."])
    await page.reload()
    await expect(page.locator(".ready li")).to_have_count(2)


async def test_a_television_whose_link_was_replaced_is_told_nothing_more(
    shop: Shop, screens: Screens, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    screens.forgive("404")
    page = await screens.open(path, size=TELEVISION)
    await expect(page.locator(".live")).to_have_text("En direct")
    async with transaction(shop.pool) as db:
        await board.change(db, "lyon", BoardBody(names=True, renew=True), links=shop.links, caller=OPERATOR)
    await page.reload()
    await page.get_by_role("heading", name="Ce lien n’ouvre plus de tableau").wait_for()
    await axe(page)
