"""Handing over in a real Chromium: never by accident, never twice, and it can be taken back."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Page, Route, ViewportSize, expect

from service import codes
from service.database import Pool
from tests.screens import counters
from tests.screens.conftest import PHONE, Screens, Served, axe
from tests.screens.counters import FILES, Counters, became, lane, panel, scan
from tests.shop import Shop

pytestmark = pytest.mark.browser

PAUSE = 1600  # milliseconds after which a second read was meant
AGAIN = 30_000  # milliseconds in which it has been tried again, however often it has failed
SOON = 0.1  # seconds until a scanner reads a phone again that lies before it


@pytest.fixture(autouse=True)
async def relay(pool: Pool) -> AsyncIterator[None]:
    """The relay, as the worker runs it."""
    async for _ in counters.relayed(pool):
        yield


@pytest.fixture
def tablets(screens: Screens, served: Served) -> Counters:
    """The devices of the store."""
    return Counters(screens, served)


async def read_again(page: Page, order: dict[str, Any]) -> None:
    """Read the same code once more, as somebody who means it."""
    await page.wait_for_timeout(PAUSE)
    await scan(page, order["pickup_code"])


async def test_a_scanner_that_reads_a_phone_again_and_again_hands_nothing_over(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1)
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(1)
    began = time.time()
    await scan(page, ready["pickup_code"], at=began)
    await page.wait_for_timeout(PAUSE)  # the tablet is busy, and hears of the others late
    for number in range(1, 4):
        await scan(page, ready["pickup_code"], at=began + number * SOON)
    await expect(panel(page)).to_have_attribute("data-state", "ready")
    await page.wait_for_timeout(PAUSE)
    meant = time.time()
    await scan(page, ready["pickup_code"], at=meant)
    await expect(page.get_by_test_id("undo")).to_be_visible()
    await scan(page, ready["pickup_code"], at=meant + SOON)
    await expect(page.get_by_test_id("notice")).to_contain_text("Remise à Camille D.")
    await expect(panel(page)).to_have_count(0)
    await became(shop, ready, "collected")


UNTIL = f"""async () => {{
    const {{ until }} = await import({FILES} + "words.js"), night = "2026-11-25T23:00Z", eve = Date.parse("2026-11-24");
    return [until(night, eve), until(night, eve + 86_400_000), until("2026-11-25T17:30Z", eve + 86_400_000)];
}}"""
"""Until when two orders wait, the first until midnight: told on the day before, and on the day."""


async def test_what_is_to_be_paid_is_handed_over_by_a_touch_alone(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 1)
    lines = [{"sku": "tea", "quantity": 1, "total": 590}]
    due = await shop.ready("tea", 1, lines=lines, currency="EUR", pay_in_store=True)
    page = await tablets.open(zone="Pacific/Noumea")  # what a tablet takes the hour to be says nothing of the store's
    until = ["jusqu’au mer. 25\u00a0nov.", "jusqu’à 23\u00a0h\u00a059", "jusqu’à 18\u00a0h\u00a030"]
    assert await page.evaluate(UNTIL) == until
    await expect(lane(page, "ready")).to_have_count(1)
    await scan(page, due["pickup_code"])
    await expect(panel(page)).to_contain_text("À encaisser")
    await read_again(page, due)
    await expect(page.locator("#open-title")).to_be_focused()
    await expect(panel(page)).to_have_attribute("data-state", "ready")
    await page.get_by_test_id("hand-over").click()
    await became(shop, due, "collected")


async def test_a_read_hands_nothing_over_while_something_is_asked_about_it(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 2)
    ready = await shop.ready("tea", 2)
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(1)
    await scan(page, ready["pickup_code"])
    for sheet in ("act-partial", "act-problem"):
        await page.get_by_test_id(sheet).click()
        await read_again(page, ready)
        await expect(page.get_by_test_id("sheet")).to_be_visible()
        await page.get_by_role("button", name="Retour", exact=True).click()
    await expect(panel(page)).to_have_attribute("data-state", "ready")


async def test_an_order_opened_by_hand_is_handed_over_by_the_second_read_of_its_code(
    shop: Shop, tablets: Counters
) -> None:
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1)
    page = await tablets.open()
    await lane(page, "ready").click()
    await page.get_by_test_id("hand-over").click()
    await expect(page.get_by_test_id("sheet")).to_be_visible()
    await scan(page, ready["pickup_code"])
    await expect(page.get_by_test_id("sheet")).to_have_count(0)  # they need not be asked any more
    await expect(panel(page)).to_have_attribute("data-state", "ready")
    await read_again(page, ready)
    await became(shop, ready, "collected")
    assert await shop.pool.fetchval("select checked_by from reservation") == "code"


async def test_a_name_that_is_typed_slowly_hands_nothing_over(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 2)
    ready = await shop.ready("tea", 1)
    await shop.ready("tea", 1, customer={"name": "Rosa Petit", "phone": "+33639981111"})
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(2)
    await scan(page, ready["pickup_code"])
    await expect(panel(page)).to_contain_text("Camille Durand")
    for symbol in ("R", "o", "s", "a", " ", "p"):
        await page.keyboard.press(symbol)
        await page.wait_for_timeout(250)
    await expect(page.get_by_test_id("find")).to_have_value("Rosa p")
    await expect(page.get_by_test_id("hit")).to_contain_text("Rosa Petit")
    await expect(page.locator("iframe.printing")).to_have_count(0)
    await became(shop, ready, "ready")


@pytest.mark.parametrize("network", ["there", "away"])
async def test_touched_twice_it_is_handed_over_once_and_taken_back_whole(
    shop: Shop, served: Served, screens: Screens, tablets: Counters, network: str
) -> None:
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1)
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(1)
    if network == "away":
        screens.forgive("ERR_")
        await page.context.set_offline(True)
        served.drop_streams()
        await expect(page.locator(".live.off")).to_be_visible()
    await scan(page, ready["pickup_code"])
    await page.get_by_test_id("hand-over").evaluate("button => { button.click(); button.click(); }")
    await expect(page.get_by_test_id("undo")).to_be_visible()
    if network == "away":
        await expect(page.locator(".live .count")).to_contain_text("1 à envoyer")
    else:
        await became(shop, ready, "collected")
    await expect(page.get_by_test_id("undo")).to_be_enabled()
    await page.get_by_test_id("undo").evaluate("button => { button.click(); button.click(); }")
    await expect(page.get_by_test_id("notice")).to_contain_text("Remise annulée")
    await page.context.set_offline(False)
    await expect(page.locator(".live.on")).to_be_visible()
    await expect(page.locator(".live .count")).to_have_count(0)
    await became(shop, ready, "ready")
    await expect(panel(page)).to_have_attribute("data-state", "ready")
    assert await shop.events("reservation.collected") == ["reservation.collected"]
    assert await shop.events("reservation.collect_undone") == ["reservation.collect_undone"]
    assert await page.get_by_test_id("conflict").count() == 0


async def test_a_handover_that_was_never_sent_is_taken_back_here(
    shop: Shop, screens: Screens, tablets: Counters
) -> None:
    screens.forgive("ERR_")
    await shop.stock("tea", 2)
    before, ready = await shop.ready("tea", 1), await shop.ready("tea", 1)
    page = await tablets.open(service_workers="block")
    await page.route("**/collect", lambda route: route.abort())
    for order in (before, ready):
        await scan(page, order["pickup_code"])
        await page.get_by_test_id("hand-over").press("Enter")
        await expect(page.get_by_test_id("undo")).to_be_visible()
    await expect(page.locator(".live .count")).to_contain_text("2 à envoyer")
    await page.get_by_test_id("undo").click()
    await expect(page.locator(".live .count")).to_contain_text("1 à envoyer")
    await page.unroute("**/collect")
    await expect(page.locator(".live .count")).to_have_count(0, timeout=AGAIN)
    assert [await shop.state(order) for order in (before, ready)] == ["collected", "ready"]
    assert await shop.events("reservation.collect_undone") == []


async def test_a_handover_whose_first_attempt_failed_is_undone_after_it(
    shop: Shop, screens: Screens, tablets: Counters
) -> None:
    screens.forgive("ERR_")
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1)
    page = await tablets.open(service_workers="block")
    await page.route("**/collect", lambda route: route.abort())
    await scan(page, ready["pickup_code"])
    async with page.expect_event("requestfailed"):
        await page.get_by_test_id("hand-over").click()
    await page.get_by_test_id("undo").click()
    await expect(page.locator(".live .count")).to_contain_text("2 à envoyer")
    await page.unroute("**/collect")
    await expect(page.locator(".live .count")).to_have_count(0, timeout=AGAIN)
    await became(shop, ready, "ready")
    assert await shop.events("reservation.collect_undone") == ["reservation.collect_undone"]


async def test_two_touches_are_one_message_and_so_is_asking_again_for_an_answer_that_was_lost(
    shop: Shop, screens: Screens, tablets: Counters
) -> None:
    screens.forgive("ERR_")
    await shop.stock("tea", 1)
    await shop.ready("tea", 1)
    page = await tablets.open(service_workers="block")
    keys: list[str | None] = []

    async def lose_the_first_answer(route: Route) -> None:
        if route.request.method != "POST":
            return await route.continue_()
        keys.append(await route.request.header_value("idempotency-key"))
        answer = await route.fetch()
        await page.wait_for_timeout(300)
        return await (route.abort() if len(keys) == 1 else route.fulfill(response=answer))

    await page.route("**/notifications", lose_the_first_answer)
    await lane(page, "ready").click()
    await page.get_by_test_id("act-message").click()
    button = page.get_by_role("button", name="Par SMS")
    await button.dblclick()
    await expect(button).to_have_attribute("aria-disabled", "true")
    await expect(page.get_by_test_id("notice")).to_contain_text("Il faut le réseau")
    await button.click()
    await expect(page.get_by_test_id("notice")).to_contain_text("Le message part")
    assert (len(keys), len(set(keys))) == (2, 1)
    assert len(await shop.events("notification.requested")) == 1
    await page.get_by_test_id("act-message").click()
    await button.click()
    await expect(page.get_by_test_id("sheet")).to_have_count(0)
    assert len(await shop.events("notification.requested")) == 2


async def test_what_comes_back_is_taken_back_once_though_the_answer_was_lost(
    shop: Shop, screens: Screens, tablets: Counters
) -> None:
    screens.forgive("ERR_")
    await shop.stock("tea", 3)
    given = await shop.collected("tea", 3)
    page = await tablets.open(service_workers="block")
    asked = 0

    async def lose_the_first_answer(route: Route) -> None:
        nonlocal asked
        asked += 1
        answer = await route.fetch()
        await (route.abort() if asked == 1 else route.fulfill(response=answer))

    await page.route("**/return", lose_the_first_answer)
    await page.get_by_test_id("find").fill(given["order_ref"])
    await page.get_by_test_id("hit").click()
    await page.get_by_test_id("act-return").click()
    await page.get_by_role("button", name="Un de plus").click()
    await page.get_by_test_id("sheet-done").click()
    await expect(page.get_by_test_id("notice")).to_contain_text("Il faut le réseau")
    await page.get_by_test_id("sheet-done").click()
    await expect(page.get_by_test_id("notice")).to_contain_text("Le retour est enregistré")
    assert asked == 2
    assert await shop.pool.fetchval("select returned from reservation_line") == 1


async def test_a_part_is_handed_over_by_the_code_that_was_read(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 2)
    ready = await shop.ready("tea", 2)
    page = await tablets.open()
    await lane(page, "ready").click()
    await page.get_by_test_id("act-partial").click()
    await page.get_by_role("button", name="Un de moins").click()
    await page.get_by_test_id("sheet-done").click()
    await expect(page.get_by_test_id("sheet")).to_contain_text("Comment avez-vous reconnu")
    await scan(page, ready["pickup_code"])  # they found it
    await expect(page.get_by_test_id("sheet")).to_contain_text("Que prend le client")
    await page.get_by_test_id("sheet-done").press("Enter")
    await became(shop, ready, "collected")
    assert await shop.pool.fetchval("select checked_by from reservation") == "code"
    assert await shop.pool.fetchval("select collected from reservation_line") == 1


@pytest.mark.parametrize("size", [PHONE, {"width": 800, "height": 600}])
async def test_what_can_be_taken_back_covers_nothing_and_stays_while_something_else_goes_wrong(
    shop: Shop, tablets: Counters, size: ViewportSize
) -> None:
    await shop.stock("tea", 2)
    ready, other = await shop.ready("tea", 1), await shop.ready("tea", 1)
    page = await tablets.open(size=size)
    await expect(lane(page, "ready")).to_have_count(2)
    await scan(page, ready["pickup_code"])
    where = await page.get_by_test_id("hand-over").bounding_box()
    assert where is not None
    await page.touchscreen.tap(where["x"] + where["width"] - 40, where["y"] + where["height"] / 2)
    await page.touchscreen.tap(where["x"] + where["width"] - 40, where["y"] + where["height"] / 2)
    await expect(page.get_by_test_id("undo")).to_be_enabled()
    await expect(page.get_by_test_id("find")).to_be_in_viewport(ratio=1)
    await page.get_by_test_id("find").click()
    await expect(page.get_by_test_id("find")).to_be_focused()
    await scan(
        page, "2" + ready["pickup_code"][1:] if ready["pickup_code"][0] != "2" else "3" + ready["pickup_code"][1:]
    )
    await expect(page.get_by_test_id("notice").first).to_contain_text("un symbole est faux")
    await axe(page)
    await scan(page, other["pickup_code"])
    await expect(panel(page)).to_have_attribute("data-state", "ready")
    await expect(page.get_by_test_id("hand-over")).to_be_in_viewport(ratio=1)
    await page.get_by_test_id("undo").click()
    await expect(page.get_by_test_id("notice")).to_contain_text("Remise annulée")
    await became(shop, ready, "ready")


async def test_what_can_be_taken_back_no_more_is_not_offered_by_a_tablet_that_slept(
    shop: Shop, tablets: Counters
) -> None:
    await shop.stock("tea", 1)
    await shop.ready("tea", 1)
    page = await tablets.open(clock=datetime.now(UTC))
    await lane(page, "ready").click()
    await page.get_by_test_id("hand-over").click()
    await page.get_by_role("button", name="Téléphone confirmé").click()
    await expect(page.get_by_test_id("undo")).to_be_enabled()
    await page.clock.fast_forward("15:00")
    await expect(page.get_by_test_id("undo")).to_have_count(0)


async def test_a_refusal_is_said_in_the_language_of_the_counter(
    shop: Shop, screens: Screens, tablets: Counters
) -> None:
    screens.forgive("409")
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1)
    page = await tablets.open(service_workers="block")
    await lane(page, "ready").click()
    await page.get_by_test_id("act-message").click()
    problem = {"code": "nothing_to_send", "detail": "There is no message to send.", "status": 409}
    await page.route("**/notifications", lambda route: route.fulfill(status=409, json=problem))
    await page.get_by_role("button", name="Par SMS").click()
    await expect(page.get_by_test_id("notice")).to_contain_text("Refusé : Il n’y a pas de message pour cette commande")
    await became(shop, ready, "ready")


async def test_a_tablet_that_tried_too_many_codes_says_so_and_opens_what_it_knows_by_itself(
    shop: Shop, screens: Screens, tablets: Counters
) -> None:
    screens.forgive("429")
    await shop.stock("tea", 3)
    order = await shop.ready("tea", 1)
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(1)
    await shop.pool.execute(
        "insert into attempt (store_id, kind, subject, failed_at, under_way)"
        " select 'lyon', 'pickup_code', 'device:' || id, array_fill(now(), array[10]), '{}' from device"
    )
    await scan(page, codes.new_code())
    await expect(page.get_by_test_id("notice")).to_contain_text("Trop d’essais avec de mauvais codes")
    await scan(page, order["pickup_code"])
    await expect(panel(page)).to_contain_text(order["order_ref"])


async def test_a_screen_at_double_size_loses_nothing(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 1)
    await shop.ready("tea", 1)
    page = await tablets.open(
        size={"width": 640, "height": 400}, forced_colors="active", reduced_motion="reduce", color_scheme="dark"
    )
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await lane(page, "ready").click()
    await page.get_by_test_id("act-partial").scroll_into_view_if_needed()
    assert await page.get_by_test_id("hand-over").is_visible()
    await axe(page, without=("color-contrast",))  # the colours are the system's
