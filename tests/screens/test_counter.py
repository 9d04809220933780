"""The counter in a real Chromium: found in one scan, handed over in two touches, live, and undone with one."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from service import replies
from service.database import Pool, transaction
from service.opt_outs import OptOuts
from tests.screens import counters
from tests.screens.conftest import PATIENCE, PHONE, SMALL_TABLET, TABLET, Screens, Served, axe
from tests.screens.counters import AZERTY, Counters, became, heard, lane, on_disk, panel, press, scan
from tests.service.test_notifications import BY_PHONE, tell
from tests.shop import Shop

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
async def relay(pool: Pool) -> AsyncIterator[None]:
    """The relay, as the worker runs it."""
    async for _ in counters.relayed(pool):
        yield


@pytest.fixture
def tablets(screens: Screens, served: Served) -> Counters:
    """The devices of the store."""
    return Counters(screens, served)


async def test_a_device_is_paired_with_a_code(shop: Shop, screens: Screens, tablets: Counters) -> None:
    await shop.store("lyon")
    screens.forgive("401")
    screens.forgive("422")
    page = await screens.open("/counter")
    await axe(page)
    await page.get_by_label("Code d’association").fill("2222-2222")
    await page.get_by_role("button", name="Associer").click()
    await expect(page.get_by_role("alert")).to_contain_text("ne convient pas")
    await page.get_by_label("Code d’association").fill(await tablets.pairing_code())
    async with page.expect_navigation():  # it begins anew, as a device of the store
        await page.get_by_role("button", name="Associer").click()
    await expect(page.get_by_role("heading", name="Atelier lyon")).to_be_visible()
    await axe(page)


async def test_a_tablet_that_was_revoked_has_no_orders_before_it(
    shop: Shop, screens: Screens, tablets: Counters
) -> None:
    await shop.stock("tea", 1)
    await shop.ready("tea", 1)
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(1)
    await page.wait_for_timeout(400)  # the queue is on its disk
    screens.forgive("401")
    device = await shop.pool.fetchval("select id from device")
    await tablets.ask("DELETE", f"/v1/devices/{device}")
    await expect(page.get_by_role("heading", name="Associer cet appareil")).to_be_visible(timeout=2 * PATIENCE)
    await page.wait_for_timeout(400)
    assert "Camille" not in str(await on_disk(page, "queue"))


async def test_a_scan_opens_and_one_touch_hands_over(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 2, order_ref="web-4711", customer=BY_PHONE)
    page = await tablets.open()
    await expect(lane(page, "ready")).to_contain_text("Camille D. 4711")
    await scan(page, ready["pickup_code"])
    await expect(panel(page)).to_contain_text("Camille Durand")
    await expect(panel(page)).to_contain_text("06 39 98 00 01")
    await page.get_by_test_id("hand-over").click()
    await expect(page.get_by_test_id("notice")).to_contain_text("Remise à Camille D.")
    await expect(lane(page, "ready")).to_have_count(0)
    await expect(page.locator(".live .count")).to_have_count(0)  # sent
    await became(shop, ready, "collected")
    assert await shop.pool.fetchval("select checked_by from reservation") == "code"
    took = await page.evaluate("performance.measure('all', 'scanned', 'handed-over').duration")
    assert took < 5000, "two touches, and no waiting between them"
    await page.get_by_test_id("undo").click()
    await expect(panel(page)).to_have_attribute("data-state", "ready")
    await expect(page.locator(".live .count")).to_have_count(0)
    assert await shop.events("reservation.collected") == ["reservation.collected"]
    await became(shop, ready, "ready")


async def test_scanning_twice_hands_over_whatever_the_layout_and_wherever_the_focus(
    shop: Shop, tablets: Counters
) -> None:
    await shop.stock("tea", 9)
    orders = [await shop.ready("tea", 1, order_ref=f"web-{number}") for number in range(3)]
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(3)
    for order, focus in zip(orders[:2], ("find", None), strict=True):
        code = order["pickup_code"].translate(AZERTY)
        for pause in (0, 1600):
            await page.wait_for_timeout(pause)
            if focus:
                await page.get_by_test_id(focus).focus()
            await scan(page, code)
        await expect(page.get_by_test_id("notice")).to_contain_text("Remise")
        await expect(page.get_by_test_id("find")).to_have_value("")
    token = orders[2]["pickup_url"].rpartition("/")[2]
    await scan(page, token)
    await expect(panel(page)).to_have_attribute("data-state", "ready")
    await page.wait_for_timeout(1600)
    await scan(page, token)
    await expect(lane(page, "ready")).to_have_count(0)
    await expect(page.locator(".live .count")).to_have_count(0)
    for order in orders:
        await became(shop, order, "collected")
    assert len(await shop.events("reservation.collected")) == 3


async def test_a_wrong_symbol_is_loud_and_opens_nothing(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1)
    page = await tablets.open()
    code = ready["pickup_code"]
    wrong = code[:-1] + ("3" if code[-1] != "3" else "4")
    await scan(page, wrong)
    await expect(page.get_by_test_id("notice")).to_contain_text("un symbole est faux")
    await expect(panel(page)).to_have_count(0)
    assert (await heard(page))[-1] == "wrong"


async def test_a_shelf_is_scanned_and_a_customers_code_is_none(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 9)
    order = await shop.confirm(await shop.hold("tea", 1))
    page = await tablets.open()
    await lane(page, "preparing").click()
    await page.get_by_test_id("shelve").click()
    await expect(page.get_by_test_id("shelf")).to_be_visible()
    for code in (order["pickup_url"].rpartition("/")[2], order["pickup_code"]):
        await scan(page, code)
        await expect(page.get_by_test_id("shelf")).to_have_value("")
        assert (await heard(page))[-1] == "wrong"
    await page.get_by_test_id("shelf").fill(f"{order['pickup_code'][:3].lower()} {order['pickup_code'][3:]}")
    await page.get_by_test_id("sheet-done").click()  # typed, it is none either
    await expect(page.get_by_test_id("notice")).to_contain_text("Quelle étagère")
    await expect(page.get_by_test_id("sheet")).to_be_visible()
    await page.get_by_test_id("shelf").fill("")
    await scan(page, "B-C")  # by a scanner whose layout is right
    await expect(page.get_by_test_id("notice")).to_contain_text("Nouvelle étagère : B-C ?")
    await page.get_by_test_id("sheet-done").click()
    await became(shop, order, "ready")
    await expect(lane(page, "ready")).to_contain_text("B-C")


@pytest.mark.parametrize("shelf", ["A-12", "Z4", "B6", "Q-W", "Aile 3"])
async def test_a_shelf_is_read_as_it_is_called_whatever_the_layout(shop: Shop, tablets: Counters, shelf: str) -> None:
    await shop.stock("tea", 9)
    order = await shop.confirm(await shop.hold("tea", 1))
    page = await tablets.open()
    await lane(page, "preparing").click()
    await page.get_by_test_id("shelve").click()
    await expect(page.get_by_test_id("shelf")).to_be_visible()
    await scan(page, shelf.translate(AZERTY))
    await page.get_by_test_id("sheet-done").click()
    await became(shop, order, "ready")
    assert await shop.pool.fetchval("select shelf from reservation") == shelf


async def test_two_tablets_and_a_phone_tell_the_same(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 9)
    left, right, phone = await tablets.open(), await tablets.open(locale="en-GB"), await tablets.open(size=PHONE)
    everywhere = (left, right, phone)
    order = await shop.confirm(await shop.hold("tea", 1))
    for page in everywhere:
        await expect(lane(page, "preparing")).to_have_count(1)
    assert "order" in await heard(right)
    await lane(phone, "preparing").click()
    await phone.get_by_test_id("shelve").click()
    await phone.get_by_test_id("shelf").fill("B3")
    await phone.get_by_test_id("sheet-done").click()
    for page in (left, right):
        await expect(lane(page, "ready")).to_contain_text("B3")
    await scan(left, order["pickup_code"])
    await expect(panel(left)).to_be_visible()
    await left.get_by_test_id("hand-over").click()
    for page in everywhere:
        await expect(lane(page, "ready")).to_have_count(0)
    assert await shop.events("reservation.collected") == ["reservation.collected"]


async def test_an_arrival_insists_until_somebody_takes_it(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1)
    page = await tablets.open(clock=datetime.now(UTC))
    await tablets.ask("POST", f"/v1/stores/lyon/reservations/{ready['id']}/arrive")
    await expect(lane(page, "arrived")).to_have_count(1)
    await expect(page.get_by_role("alert")).to_have_text("Camille D. est là.")
    for times in (2, 3):
        await page.clock.run_for(20_000)
        assert (await heard(page)).count("arrival") == times
    await lane(page, "arrived").click()
    await expect(page.get_by_role("alert")).to_be_empty()
    await page.clock.run_for(45_000)
    assert (await heard(page)).count("arrival") == 3
    assert await on_disk(page, "taken") == [ready["id"]]
    await page.add_init_script(
        "AudioContext = class extends AudioContext { resume() { window.sound = this; return super.resume(); } }"
    )
    await page.reload()
    await page.get_by_test_id("open").click()
    await expect(lane(page, "arrived")).to_have_count(1)
    await page.clock.run_for(45_000)
    assert "arrival" not in await heard(page)
    await page.evaluate("sound.suspend()")  # as a call does
    await expect(page.locator(".dims")).to_have_text("Touchez l’écran : le son revient.")
    await page.get_by_role("heading", name="Arrivés").click()
    await expect(page.locator(".dims")).to_have_count(0)


async def test_an_arrival_insists_in_a_busy_shop_too(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1)
    page = await tablets.open(clock=datetime.now(UTC))
    await tablets.ask("POST", f"/v1/stores/lyon/reservations/{ready['id']}/arrive")
    await expect(lane(page, "arrived")).to_have_count(1)
    for number in range(1, 4):
        await page.clock.run_for(8_000)
        await shop.ready("tea", 1)
        await expect(lane(page, "ready")).to_have_count(number)
    assert (await heard(page)).count("arrival") == 2


async def test_a_handover_without_a_code_says_how_they_were_recognised(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 9)
    await shop.stock("cup", 9)
    ready = await shop.ready(("tea", 2), ("cup", 1))
    page = await tablets.open(locale="en-GB")
    slowly = [{"key": letter, "text": letter} for letter in "durand"]
    await press(page, slowly, began=time.time() - 6, apart=0.5)  # a person types, and a busy tablet hears of it at once
    await expect(page.get_by_test_id("find")).to_have_value("durand")
    await page.get_by_test_id("hit").click()
    await page.get_by_test_id("act-partial").click()
    await page.get_by_role("group", name="Taken: Some cup").get_by_role("button", name="One less").click()
    await page.get_by_test_id("sheet-done").click()
    await expect(page.get_by_test_id("sheet")).to_contain_text("How did you recognise the person?")
    await page.get_by_role("button", name="Back", exact=True).click()
    await expect(page.get_by_role("group", name="Taken: Some cup")).to_contain_text("0")
    await page.get_by_test_id("sheet-done").click()
    await page.get_by_role("button", name="Name and order number").click()
    await expect(page.get_by_test_id("notice")).to_contain_text("Handed over to Camille D.")
    await expect(page.locator(".live .count")).to_have_count(0)
    assert await shop.pool.fetchval("select checked_by from reservation") == "name_and_order"
    lines = await shop.pool.fetch("select sku, collected, refused from reservation_line order by sku")
    assert [tuple(line) for line in lines] == [("cup", 0, 1), ("tea", 2, 0)]
    await became(shop, ready, "collected")
    await page.get_by_role("link", name="History").click()
    await expect(page.get_by_test_id("history-undo")).to_be_visible()
    await axe(page)
    await page.get_by_test_id("history-undo").click()
    await expect(page.locator(".live .count")).to_have_count(0)
    await became(shop, ready, "ready")


async def test_everything_can_be_done_with_keys_alone(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1)
    page = await tablets.open(has_touch=False)
    await expect(lane(page, "ready")).to_have_count(1)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Scannez un code")
    await page.keyboard.press("Escape")
    await page.keyboard.press("/")
    await expect(page.get_by_test_id("find")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(lane(page, "ready")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#open-title")).to_be_focused()
    await page.keyboard.press("Alt+r")
    await expect(page.get_by_test_id("sheet")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(lane(page, "ready")).to_be_focused()  # back where they came from
    await scan(page, ready["pickup_code"])
    await expect(panel(page)).to_be_visible()
    await page.keyboard.press("Alt+r")
    await expect(page.get_by_test_id("undo")).to_be_visible()
    await expect(page.locator(".live .count")).to_have_count(0)
    await became(shop, ready, "collected")


async def test_single_keys_can_be_switched_off(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1)
    page = await tablets.open()
    await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("button", name="Touches rapides activées").click()
    await page.keyboard.press("Escape")
    await scan(page, ready["pickup_code"])
    await expect(panel(page)).to_be_visible()
    await page.keyboard.press("Alt+r")
    await page.keyboard.press("?")
    await expect(page.get_by_test_id("find")).to_have_value("?")
    await expect(panel(page)).to_have_attribute("data-state", "ready")


async def test_a_message_is_sent_again_and_what_came_of_it_is_seen(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 1)
    await shop.ready("tea", 1)
    page = await tablets.open()
    await lane(page, "ready").click()
    await page.get_by_test_id("act-message").click()
    await page.get_by_role("button", name="Par SMS").click()
    await expect(page.get_by_test_id("notice")).to_contain_text("Le message part")
    await page.get_by_text("Messages au client").click()
    await expect(page.locator(".rows")).to_contain_text("Commande prête · SMS")
    await expect(page.locator(".rows")).to_contain_text("en attente")


async def written_back(shop: Shop, phone: str, text: str) -> None:
    """A customer answers a text message of ours."""
    async with transaction(shop.pool) as db:
        written = replies.Written("twilio", phone, text)
        assert await replies.receive(db, written, links=shop.links, opt_outs=OptOuts(shop.settings))


async def test_labels_are_printed_as_this_device_was_told(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1, order_ref="web-4711")
    page = await tablets.open(locale="en-GB")
    await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("button", name="Labels: printed page").click()
    await axe(page)
    await page.reload()
    await page.get_by_test_id("open").click()
    await lane(page, "ready").click()
    async with page.expect_download() as saved:
        await page.get_by_test_id("act-print").click()
    file = await saved.value
    assert file.suggested_filename == "web-4711.zpl"
    text = await asyncio.to_thread(Path(await file.path()).read_text)
    assert text.startswith("^XA")
    assert ready["pickup_code"] in text


async def test_who_works_here_says_so_by_their_pin(shop: Shop, screens: Screens, tablets: Counters) -> None:
    screens.forgive("422")
    await shop.store()
    await tablets.ask("POST", "/v1/stores/lyon/clerks", {"name": "Inès", "pin": "4071"}, **{"Idempotency-Key": "ines"})
    page = await tablets.open()
    await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("button", name="Aide").click()
    await axe(page)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("button", name="Qui est au comptoir").click()
    await page.get_by_role("dialog").get_by_role("button", name="Inès").click()
    await page.get_by_label("Code PIN").fill("1111")
    twice = "field => [1, 2].forEach(() => field.value && field.form.requestSubmit())"
    await page.get_by_label("Code PIN").evaluate(twice)
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("n’est pas le bon")
    await expect(page.get_by_label("Code PIN")).to_have_value("")
    tried = "select cardinality(failed_at) + cardinality(under_way) from attempt where kind = 'pin'"
    assert await shop.pool.fetchval(tried) == 1
    await axe(page)
    await page.get_by_label("Code PIN").fill("4071")
    await page.get_by_role("button", name="Commencer").click()
    await expect(page.locator(".shop")).to_contain_text("Inès")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_what_a_customer_writes_back_is_seen(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 3)
    delegate = {"name": "Noé", "phone": "+33639980078"}
    ready = await shop.ready("tea", 1, customer=BY_PHONE, delegate=delegate)
    await shop.ready("tea", 1)
    await tell(shop)
    await written_back(shop, BY_PHONE["phone"], "J'arrive à 18 h")
    page = await tablets.open()
    marked = lane(page, "ready").filter(has_text="A répondu")
    await expect(marked).to_have_count(1)
    await axe(page)
    await marked.click()
    await expect(page.get_by_test_id("replies")).to_contain_text("J'arrive à 18 h")
    await written_back(shop, BY_PHONE["phone"], "Plutôt <b>19 h</b>")  # told while it is open
    await expect(page.get_by_test_id("replies")).to_contain_text("Plutôt <b>19 h</b>")
    await written_back(shop, delegate["phone"], "Je passe à sa place")
    theirs = page.get_by_test_id("replies").get_by_role("listitem").filter(has_text="Je passe à sa place")
    await expect(theirs).to_contain_text("De la personne qui peut la retirer")
    await written_back(shop, BY_PHONE["phone"], "STOP")
    await expect(page.get_by_test_id("replies")).to_contain_text("Ne veut plus de SMS")
    await axe(page)
    await page.get_by_text("Historique de la commande").click()
    await expect(page.locator(".rows")).to_contain_text("Réponse reçue")
    await shop.collect(ready)
    await expect(lane(page, "ready")).to_have_count(1)
    await page.reload()
    await page.get_by_test_id("open").click()
    await page.get_by_role("link", name="Historique").click()
    await page.get_by_test_id("card").or_(page.locator(".past .hit")).first.click()
    await expect(page.get_by_test_id("replies")).to_contain_text("J'arrive à 18 h")


@pytest.mark.parametrize("locale", ["fr-FR", "en-GB"])
async def test_every_state_is_accessible_in_every_size(shop: Shop, tablets: Counters, locale: str) -> None:
    await shop.stock("tea", 9)
    await shop.confirm(await shop.hold("tea", 1, customer={"name": "Noé Late", "phone": "+33639981111"}))
    await shop.pool.execute("update reservation set ready_by = now() - $1::interval", timedelta(minutes=9))
    await shop.ready("tea", 1)
    arrived = await shop.ready("tea", 1)
    await tablets.ask("POST", f"/v1/stores/lyon/reservations/{arrived['id']}/arrive")
    page = await tablets.open(locale=locale)
    await expect(lane(page, "arrived")).to_have_count(1)
    for size in (TABLET, SMALL_TABLET, PHONE):
        await page.set_viewport_size(size)
        if size is PHONE:
            await axe(page)  # on a tablet what follows stands beside the lanes
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await lane(page, "ready").click()
        await page.get_by_test_id("act-problem").click()
        await axe(page)
        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")


async def test_every_sheet_is_accessible(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 9)
    await shop.confirm(await shop.hold("tea", 2))
    await shop.ready("tea", 1)
    given = await shop.collected("tea", 1)
    page = await tablets.open()
    await lane(page, "ready").click()
    for button in ("hand-over", "act-partial", "act-message"):
        await page.get_by_test_id(button).click()
        await axe(page)
        await page.keyboard.press("Escape")
    await lane(page, "preparing").click()
    await page.get_by_test_id("shelve").click()
    await page.get_by_test_id("something-missing").click()
    await page.get_by_role("button", name="Un de moins").last.click()
    await expect(page.get_by_test_id("elsewhere")).to_be_visible()
    await axe(page)
    await page.keyboard.press("Escape")
    await page.get_by_test_id("find").fill(given["order_ref"])
    await page.get_by_test_id("hit").click()
    await page.get_by_test_id("act-return").click()
    await axe(page)
