"""Picking in a real Chromium, on a phone: one walk for all orders, scan by scan."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import segno
from playwright.async_api import Page, expect

from demo.shoppers import CHANNELS
from service.api import routes
from service.callers import Scope
from service.database import Pool
from service.messages.spelling import Language
from service.screens import counter, rendering
from tests.screens import counters
from tests.screens.conftest import PHONE, Screens, Served, axe
from tests.screens.counters import AZERTY, Counters, became, heard, scan, tap
from tests.shop import Shop

pytestmark = pytest.mark.browser

TEA, CUP = "3017620422003", "4006381333931"


@pytest.fixture(autouse=True)
async def relay(pool: Pool) -> AsyncIterator[None]:
    """The relay, as the worker runs it."""
    async for _ in counters.relayed(pool):
        yield


@pytest.fixture
def tablets(screens: Screens, served: Served) -> Counters:
    """The devices of the store."""
    return Counters(screens, served)


async def shelves(shop: Shop) -> None:
    """Two items in two places, one of them in another store too."""
    await shop.store("lyon", latitude=45.76, longitude=4.84)
    await shop.store("dijon", name="Atelier Dijon", latitude=47.3, longitude=5.0)
    await shop.item("tea", name="Thé vert", gtin=TEA, shelf={"lyon": "Allée 1"})
    await shop.item("cup", name="Tasse", gtin=CUP, shelf={"lyon": "Allée 2"})
    for sku in ("tea", "cup"):
        await shop.stock(sku, 9)
    await shop.stock("cup", 9, store="dijon")


async def refuses_as_a_shelf(page: Page, order: dict[str, Any]) -> None:
    """A customer's QR and code name no shelf, read or typed."""
    for code in (order["pickup_url"].rpartition("/")[2], order["pickup_code"]):
        await scan(page, code)
        await expect(page.get_by_test_id("last-scan")).to_contain_text("Quelle étagère")
    await page.get_by_label("Étagère").fill(order["pickup_code"])
    await page.get_by_test_id("place").click()
    await expect(page.get_by_test_id("placing")).to_be_visible()
    await page.get_by_label("Étagère").fill("")


async def takes_a_new_shelf_by_a_touch(page: Page) -> None:
    """What is read is asked about where it names no shelf yet: it may be the label of another item."""
    await scan(page, "1013807")  # the label of another item
    await expect(page.get_by_test_id("last-scan")).to_contain_text("Nouvelle étagère : 1013807 ?")
    assert (await heard(page))[-1] == "wrong"
    await scan(page, "B-12")
    await expect(page.get_by_label("Étagère")).to_have_value("B-12")
    await page.get_by_test_id("place").click()
    await expect(page.get_by_test_id("last-scan")).to_contain_text("étagère B-12")


async def test_a_walk_ticks_by_scan_refuses_loudly_and_ends_on_a_shelf(shop: Shop, tablets: Counters) -> None:
    await shelves(shop)
    first = await shop.confirm(await shop.hold(("tea", 1), ("cup", 1)))
    second = await shop.confirm(await shop.hold("tea", 1, customer={"name": "Noé Petit", "phone": "+33639981111"}))
    page = await tablets.open("/counter/picking", size=PHONE)
    await expect(page.get_by_test_id("stop")).to_have_count(2)
    await axe(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await scan(page, "5901234123457")
    await expect(page.get_by_test_id("last-scan")).to_contain_text("Mauvais article")
    assert (await heard(page))[-1] == "wrong"
    await axe(page)
    await scan(page, TEA)
    await expect(page.get_by_test_id("last-scan")).to_contain_text("pour Camille D. · 1 sur 1")
    await page.locator("[data-sku=cup]").get_by_test_id("lacks").click()
    await expect(page.get_by_test_id("elsewhere")).to_contain_text("Atelier Dijon")
    await page.get_by_text("Abîmé").click()
    await axe(page)
    await page.get_by_test_id("sheet-done").click()
    await expect(page.get_by_test_id("placing")).to_contain_text("Camille D.")
    await refuses_as_a_shelf(page, second)
    await page.get_by_role("button", name="Un de plus").click()
    await takes_a_new_shelf_by_a_touch(page)
    await scan(page, TEA)
    await expect(page.get_by_test_id("placing")).to_contain_text("Noé P.")
    began = time.time()
    await scan(page, "B-12", at=began)
    await expect(page.get_by_test_id("last-scan")).to_contain_text("étagère B-12")
    await scan(page, "B-12", at=began + 0.5)
    assert (await heard(page))[-1] == "done"
    await expect(page.get_by_test_id("stop")).to_have_count(0)
    await became(shop, first, "ready")
    await became(shop, second, "ready")
    rows = await shop.pool.fetch("select id::text, state, shelf, bags from reservation")
    assert {row["id"]: (row["state"], row["shelf"], row["bags"]) for row in rows} == {
        first["id"]: ("ready", "B-12", 2),
        second["id"]: ("ready", "B-12", 1),
    }
    lacking = await shop.position("cup")
    assert (lacking["on_hand"], lacking["reserved"]) == (8, 0)


async def test_items_and_shelves_are_read_whatever_the_layout(shop: Shop, tablets: Counters) -> None:
    await shop.stock("WA-QZ", 1)
    await shop.stock("ZQWA", 1)
    order = await shop.confirm(await shop.hold(("WA-QZ", 1), ("ZQWA", 1)))
    page = await tablets.open("/counter/picking", size=PHONE)
    await expect(page.get_by_test_id("stop")).to_have_count(2)
    for sku in ("WA-QZ", "ZQWA"):
        await scan(page, sku.translate(AZERTY))
        await expect(page.locator(f".stop.done[data-sku={sku}]")).to_be_visible()
    await expect(page.get_by_test_id("placing")).to_be_visible()
    await scan(page, "A-12".translate(AZERTY))
    await expect(page.get_by_label("Étagère")).to_have_value("A-12")
    await page.get_by_test_id("place").click()
    await became(shop, order, "ready")
    assert await shop.pool.fetchval("select shelf from reservation") == "A-12"


async def test_what_was_noted_by_mistake_is_corrected(shop: Shop, tablets: Counters) -> None:
    await shelves(shop)
    await shop.confirm(await shop.hold(("tea", 2), ("cup", 1)))
    page = await tablets.open("/counter/picking", size=PHONE)
    tea, cup = page.locator("[data-sku=tea]"), page.locator("[data-sku=cup]")
    await expect(tea).to_be_visible()
    began = time.time()
    for moment in (0, 0.2, 0.7):  # one trigger that reads twice, and then another unit
        await scan(page, TEA, at=began + moment)
    await expect(page.get_by_test_id("last-scan")).to_contain_text("2 sur 2")
    await expect(tea.get_by_test_id("tick")).to_have_count(0)
    await tea.get_by_test_id("correct").click()
    await expect(tea.locator(".for")).to_contain_text("1/2")
    await tea.get_by_test_id("tick").press("Enter")  # it has come where the other was: a finger would have to wait
    await cup.get_by_test_id("lacks").click()
    await page.get_by_test_id("sheet-done").click()
    await expect(cup).to_have_class("stop done short")
    await expect(cup).to_contain_text("1 manque")
    await expect(tea).to_have_class("stop done")
    await expect(page.get_by_test_id("place")).to_have_text("Prête, avec ce qui est là")
    await axe(page)
    await cup.get_by_test_id("correct").click()
    await expect(page.get_by_test_id("placing")).to_have_count(0)
    await expect(cup.get_by_test_id("correct")).to_have_count(0)
    await cup.get_by_test_id("tick").press("Enter")
    await expect(page.get_by_test_id("place")).to_have_text("Prête, tout est là")


async def test_an_order_that_is_short_becomes_what_its_customer_wanted(shop: Shop, tablets: Counters) -> None:
    await shelves(shop)
    page = await tablets.open("/counter/picking", size=PHONE)
    for wish, says in (("cancel", "Annuler : il manque trop"), ("ask", "Demander au client")):
        order = await shop.confirm(await shop.hold(("tea", 1), ("cup", 1), if_short=wish))
        await page.locator("[data-sku=cup]").get_by_test_id("lacks").click()
        await page.get_by_test_id("sheet-done").click()
        await scan(page, TEA)
        await expect(page.get_by_test_id("place")).to_have_text(says)
        await scan(page, "B-12")
        if wish == "cancel":
            await expect(page.get_by_test_id("last-scan")).to_contain_text("la commande sera annulée")
            await axe(page)
            await became(shop, order, "picking")
            await page.get_by_test_id("place").click()
            await expect(page.get_by_test_id("last-scan")).to_contain_text("la commande est annulée")
            await became(shop, order, "cancelled")
            await expect(page.get_by_test_id("stop")).to_have_count(0)
        else:
            await page.get_by_test_id("place").click()
            await expect(page.get_by_test_id("last-scan")).to_contain_text("le client doit répondre")
            await expect(page.locator(".live .count")).to_have_count(0)
            assert await shop.state(order) == "picking"
            assert await shop.pool.fetchval("select answer_by is not null from reservation where state = 'picking'")
    await expect(page.get_by_test_id("placing")).to_have_count(0)
    await expect(page.locator(".complete")).to_have_count(0)


@pytest.mark.parametrize("late", [0, 0.2])
async def test_what_nobody_collected_is_scanned_back_to_its_shelf(shop: Shop, tablets: Counters, late: float) -> None:
    await shelves(shop)
    lapsed = await shop.take("lapse", await shop.ready("tea", 1))
    page = await tablets.open("/counter#returns", locale="en-GB")
    await expect(page.get_by_test_id("put-back")).to_have_count(1)
    await axe(page)
    began = time.time()
    await scan(page, lapsed["pickup_code"], late=late, at=began)
    await expect(page.get_by_test_id("put-back")).to_have_count(0)
    await scan(page, lapsed["pickup_code"], at=began + 0.5)
    assert (await heard(page))[-1] == "ok"
    await expect(page.locator(".live .count")).to_have_count(0)
    assert await shop.pool.fetchval("select put_back_at is not null from reservation")


async def test_a_double_tap_puts_back_one_order_and_leaves_the_next_alone(shop: Shop, tablets: Counters) -> None:
    await shelves(shop)
    for _ in range(2):
        await shop.take("lapse", await shop.ready("tea", 1))
    page = await tablets.open("/counter#returns")
    buttons = page.get_by_test_id("put-back")
    await expect(buttons).to_have_count(2)
    began = time.time()
    for moment, left in ((0, 1), (0.2, 1), (0.6, 0)):
        await tap(page, buttons.first, at=began + moment)
        await expect(buttons).to_have_count(left)
        await expect(page.locator(".live .count")).to_have_count(0)
        assert await shop.pool.fetchval("select count(*) from reservation where put_back_at is null") == left


async def test_the_camera_reads_where_there_is_no_scanner(shop: Shop, tablets: Counters) -> None:
    await shelves(shop)
    ready = await shop.ready("tea", 1)
    page = await tablets.open(permissions=["camera"])
    read = await page.evaluate(
        """async ([address, label]) => {
            const { prepareZXingModule, readBarcodes } = await import(address + "zxing/reader.mjs");
            prepareZXingModule({ overrides: { locateFile: (name) => address + "zxing/" + name } });
            const svg = (await (await fetch(label)).text()).match(/<svg[^]*?<\\/svg>/)[0];
            const picture = new Image();
            const sized = svg.replace("<svg", '<svg width="300" height="300"');
            picture.src = "data:image/svg+xml," + encodeURIComponent(sized);
            await picture.decode();
            const canvas = new OffscreenCanvas(400, 400);
            const drawing = canvas.getContext("2d");
            drawing.fillStyle = "white";
            drawing.fillRect(0, 0, 400, 400);
            drawing.drawImage(picture, 50, 50, 300, 300);
            return (await readBarcodes(drawing.getImageData(0, 0, 400, 400)))[0]?.text;
        }""",
        [counter.address(""), f"/v1/stores/lyon/reservations/{ready['id']}/label"],
    )
    assert read == ready["pickup_code"]
    await page.get_by_role("button", name="Scanner avec la caméra").click()
    await expect(page.locator("video")).to_be_visible()
    await page.get_by_role("dialog").get_by_role("button", name="Fermer").click()
    await expect(page.locator("video")).to_have_count(0)


async def test_the_camera_counts_what_comes_into_view_and_its_decoder_is_kept(shop: Shop, tablets: Counters) -> None:
    await shelves(shop)
    order = await shop.confirm(await shop.hold("tea", 2))
    page = await tablets.open("/counter/picking", size=PHONE, permissions=["camera"])
    await page.evaluate(BEFORE_THE_CAMERA)
    last = page.get_by_test_id("last-scan")
    await page.get_by_role("button", name="Scanner avec la caméra").click()
    await comes_into_view(page, TEA)
    await expect(last).to_contain_text("1 sur 2")
    await axe(page)
    await looks(page, 15)
    await expect(last).to_contain_text("1 sur 2")  # it is the same one
    await comes_into_view(page, None)
    await looks(page, 15)
    await comes_into_view(page, TEA)
    await expect(last).to_contain_text("2 sur 2")
    await comes_into_view(page, "B-12")
    await expect(page.get_by_label("Étagère")).to_have_value("B-12")
    await page.get_by_test_id("place").click()
    await became(shop, order, "ready")
    assert await shop.pool.fetchval("select shelf from reservation") == "B-12"
    decoder = counter.address("zxing/zxing_reader.wasm")
    assert await page.evaluate("async (path) => Boolean(await caches.match(path))", decoder)
    await page.get_by_role("button", name="Arrêter la caméra").click()
    await expect(page.locator("video")).to_have_count(0)


BEFORE_THE_CAMERA = """() => {
    window.looks = 0;
    OffscreenCanvasRenderingContext2D.prototype.getImageData = () => (looks++, window.view ?? new ImageData(9, 9));
    const later = setTimeout;
    window.setTimeout = (what, pause) => later(what, pause === 150 ? 0 : pause); // it looks without a rest
}"""


async def comes_into_view(page: Page, text: str | None) -> None:
    """Something, or nothing, is before the camera."""
    rows = [list(row) for row in segno.make(text).matrix_iter(scale=4)] if text else [[0] * 9] * 9
    await page.evaluate(
        """(rows) => {
            window.view = new ImageData(rows.length, rows.length);
            window.view.data.set(rows.flat().flatMap((dark) => [dark ? 0 : 255, dark ? 0 : 255, dark ? 0 : 255, 255]));
        }""",
        rows,
    )


async def looks(page: Page, times: int) -> None:
    """Wait until the camera has looked so often."""
    await page.wait_for_function("(until) => looks >= until", arg=times + await page.evaluate("looks"))


def test_every_word_is_said_in_both_languages() -> None:
    spoken = [set(rendering.words("counter", language)) for language in ("fr", "en")]
    assert spoken[0] == spoken[1]
    assert {f"sold_{channel}" for channel in (*CHANNELS, "pos", "b2b")} <= spoken[0]
    scripts = "".join(path.read_text() for path in Path(counter.FOLDER).glob("*.js"))
    bare = {name.partition(".")[0] for name in spoken[0]}
    assert [] == sorted(name for name in bare if name not in scripts and not name.startswith(PUT_TOGETHER))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_refusal_that_a_counter_may_meet_has_words(language: Language) -> None:
    known = rendering.words("counter", language)
    steps = [
        one for one in routes.ENDPOINTS if "/reservations/{id}" in one.path and Scope.COUNTER in (one.scopes or ())
    ]
    codes = {problem.code() for one in steps for problem in one.problems}
    codes |= {"unauthorized", "forbidden", "invalid_request", "too_many_requests", "unexpected", "busy", "unavailable"}
    assert len(codes) > 15
    assert [] == sorted(code for code in codes if f"why_{code}" not in known)


PUT_TOGETHER = (
    *("state_", "did_", "sent_", "send_", "message_", "channel_", "event_", "checked_", "reason_", "problem_"),
    *("act_", "room_", "lane_", "not_ready_", "why_", "sold_", "labels_"),
)
"""The beginnings of names that scripts put together."""
