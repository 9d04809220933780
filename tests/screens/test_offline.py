"""The counter without a network: it goes on, sends once what was done, and loses nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from service.database import Pool
from service.screens import counter
from tests.screens import counters
from tests.screens.conftest import PATIENCE, Screens, Served, axe
from tests.screens.counters import FILES, Counters, at_work, became, fits, heard, lane, panel, scan
from tests.shop import Shop

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
async def relay(pool: Pool) -> AsyncIterator[None]:
    """The relay, as the worker runs it."""
    async for _ in counters.relayed(pool):
        yield


@pytest.fixture
def tablets(screens: Screens, served: Served) -> Counters:
    """The devices of the store; a network that is away shows in their consoles."""
    screens.forgive("ERR_INTERNET_DISCONNECTED|ERR_FAILED|ERR_CONNECTION|ERR_EMPTY|ERR_INCOMPLETE|ERR_NETWORK")
    return Counters(screens, served)


async def cut(page: Page, served: Served) -> None:
    """Take the network away, from the open stream too."""
    await kept(page)
    await page.context.set_offline(True)
    served.drop_streams()
    await expect(page.locator(".live.off")).to_be_visible(timeout=PATIENCE)


async def kept(page: Page) -> None:
    """Wait until the device has everything that it needs without a network."""
    await page.evaluate("navigator.serviceWorker.ready.then((worker) => new Promise((done) => { const look = () =>"
        " worker.active?.state === 'activated' ? done() : setTimeout(look, 20); look(); }))")  # fmt: skip
    await page.wait_for_timeout(400)  # the queue is on its disk


async def sent(page: Page) -> None:
    """Wait until nothing is left to be sent."""
    await expect(page.locator(".live.on")).to_be_visible()
    await expect(page.locator(".live .count")).to_have_count(0, timeout=PATIENCE)


async def test_a_handover_without_a_network_survives_a_reload_and_goes_out_once(
    shop: Shop, served: Served, tablets: Counters, screens: Screens
) -> None:
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1)
    to_prepare = await shop.confirm(await shop.hold("tea", 1, customer={"name": "Noé Petit", "phone": "+33639981111"}))
    page = await tablets.open()
    ines = await at_work(page, tablets)
    await expect(lane(page, "ready")).to_have_count(1)
    await cut(page, served)
    await scan(page, ready["pickup_code"])
    await page.get_by_test_id("hand-over").click()
    await expect(page.locator(".live .count")).to_contain_text("1 à envoyer")
    await lane(page, "preparing").click()
    await page.get_by_test_id("shelve").click()
    await page.get_by_test_id("shelf").fill("A1")
    await page.get_by_test_id("sheet-done").click()
    await expect(page.locator(".live .count")).to_contain_text("3 à envoyer")
    await axe(page)
    await fits(page)
    await page.reload()
    await page.get_by_test_id("open").click()
    await expect(page.locator(".live .count")).to_contain_text("3 à envoyer")
    await expect(lane(page, "ready")).to_contain_text(["Noé P."])
    await page.get_by_test_id("find").fill("durand")
    await expect(page.get_by_test_id("hit")).to_contain_text("Remise")
    await axe(page)
    assert await shop.state(ready) == "ready"
    screens.forgive("401")
    await shop.pool.execute("update clerk_session set ended_at = now()")
    await page.context.set_offline(False)
    await sent(page)
    assert await shop.events("reservation.collected") == ["reservation.collected"]
    signed = await shop.pool.fetchval("select array_agg(distinct actor) from event where actor like 'device:%'")
    assert [by.partition("/")[2] for by in signed] == [f"clerk:{ines}"], "who did it, not who sent it"
    late = await shop.pool.fetchval("select at - happened_at from event where type = 'reservation.collected'")
    assert timedelta(0) < late < timedelta(minutes=2)
    assert [await shop.state(order) for order in (ready, to_prepare)] == ["collected", "ready"]
    assert await page.get_by_test_id("conflict").count() == 0


async def test_an_answer_that_was_lost_is_no_second_handover(shop: Shop, tablets: Counters) -> None:
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1)
    page = await tablets.open(service_workers="block")
    asked: list[str | None] = []

    async def lose_the_first_answers(route: Route) -> None:
        asked.append(await route.request.header_value("idempotency-key"))
        answer = await route.fetch()
        await (route.abort() if len(asked) < 3 else route.fulfill(response=answer))

    await page.route("**/collect", lose_the_first_answers)
    await scan(page, ready["pickup_code"])
    await page.get_by_test_id("hand-over").click()
    await became(shop, ready, "collected")  # at the first asking, whose answer is lost
    await sent(page)
    assert len(asked) >= 3
    assert len(set(asked)) == 1
    assert await shop.events("reservation.collected") == ["reservation.collected"]
    assert await page.get_by_test_id("conflict").count() == 0


async def test_what_was_handed_over_and_cancelled_meanwhile_is_to_be_checked_and_never_lost(
    shop: Shop, served: Served, tablets: Counters, screens: Screens
) -> None:
    screens.forgive("409")
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1)
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(1)
    await cut(page, served)
    await scan(page, ready["pickup_code"])
    await page.get_by_test_id("hand-over").click()
    await shop.cancel(ready)
    await page.context.set_offline(False)
    await expect(page.get_by_test_id("conflict")).to_contain_text("La commande est : Annulée.")
    await expect(page.get_by_test_id("undo")).to_have_count(0)
    await axe(page)
    await page.get_by_role("link", name="Préparation").click()
    await expect(page.get_by_test_id("conflict")).to_contain_text("Camille D.")
    await axe(page)
    await page.get_by_role("button", name="Ouvrir").click()
    await expect(panel(page)).to_have_attribute("data-state", "cancelled")
    assert "wrong" in await heard(page)
    await page.reload()
    await page.get_by_test_id("open").click()
    await expect(page.get_by_test_id("conflict")).to_contain_text("Camille D.")
    await page.get_by_role("button", name="C’est réglé").click()
    await expect(page.get_by_test_id("conflict")).to_have_count(0)
    await page.reload()
    await page.get_by_test_id("open").click()
    await expect(page.locator(".live.on")).to_be_visible()
    await expect(page.get_by_test_id("conflict")).to_have_count(0)


async def test_an_order_that_two_tablets_handed_over_is_to_be_checked(
    shop: Shop, served: Served, tablets: Counters
) -> None:
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1)
    away, other = await tablets.open(), await tablets.open()
    await expect(lane(away, "ready")).to_have_count(1)
    await cut(away, served)
    for page in (away, other):
        await scan(page, ready["pickup_code"])
        await page.get_by_test_id("hand-over").press("Enter")
    await sent(other)
    await away.context.set_offline(False)
    await expect(away.get_by_test_id("conflict")).to_contain_text("deux remises")
    assert await shop.events("reservation.collected") == ["reservation.collected"]
    assert await other.get_by_test_id("conflict").count() == 0


async def test_streams_that_are_cut_come_back_with_what_was_missed(
    shop: Shop, served: Served, tablets: Counters
) -> None:
    await shop.stock("tea", 9)
    page = await tablets.open()
    for number in (1, 2):
        assert served.drop_streams() == 1
        await shop.ready("tea", 1)
        await expect(lane(page, "ready")).to_have_count(number)
    await served.stop()
    await expect(page.locator(".live.off")).to_be_visible(timeout=PATIENCE)
    await shop.ready("tea", 1)
    await served.start()
    await expect(lane(page, "ready")).to_have_count(3)
    await expect(page.locator(".live.on")).to_be_visible()


async def test_a_stream_that_says_nothing_is_noticed_and_opened_anew(
    shop: Shop, tablets: Counters, silence: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.stock("tea", 9)
    page = await tablets.open(clock=datetime.now(UTC))
    with monkeypatch.context() as quiet:
        silence()
        here = await shop.ready("tea", 1)
        await shop.confirm(await shop.hold("tea", 1))
        await tablets.ask("POST", f"/v1/stores/lyon/reservations/{here['id']}/arrive")
        await asyncio.sleep(0.3)
        await expect(lane(page, "arrived")).to_have_count(0)
        quiet.undo()
        monkeypatch.undo()
    async with page.expect_request("**/stream*") as again:
        await page.clock.run_for(13_000)
    assert "last_event_id" not in (await again.value).url
    await expect(lane(page, "arrived")).to_have_count(1)
    assert [tone for tone in await heard(page) if tone != "away"] == ["order", "arrival"]
    await page.clock.set_system_time(datetime.now(UTC) - timedelta(hours=1))  # since when nothing was heard, who knows
    async with page.expect_request("**/stream*"):
        await page.clock.run_for(13_000)


async def test_a_tablet_whose_clock_is_wrong_tells_the_servers_time(
    shop: Shop, served: Served, tablets: Counters
) -> None:
    await shop.stock("tea", 9)
    first, *others = [await shop.ready("tea", 1) for _ in range(3)]
    page = await tablets.open(clock=datetime.now(UTC) + timedelta(hours=1))
    await shows_the_time(page, shop)
    await cut(page, served)
    await page.reload()
    await page.get_by_test_id("open").click()
    await shows_the_time(page, shop)
    await scan(page, first["pickup_code"])
    await page.get_by_test_id("hand-over").click()
    await expect(page.locator(".live .count")).to_contain_text("1 à envoyer")
    await page.context.set_offline(False)
    await sent(page)
    for hours, order in zip((2, -2), others, strict=True):  # somebody sets it, or it sets itself
        await page.clock.set_system_time(datetime.now(UTC) + timedelta(hours=hours))
        await scan(page, order["pickup_code"])
        await page.get_by_test_id("hand-over").press("Enter")
        await became(shop, order, "collected")
        await sent(page)
        await expect(page.get_by_test_id("undo")).to_be_visible()
    late = await shop.pool.fetch("select at - happened_at as by from event where type = 'reservation.collected'")
    assert [True] * 3 == [timedelta(0) < one["by"] < timedelta(minutes=1) for one in late]


async def shows_the_time(page: Page, shop: Shop) -> None:
    """The clock of the page is the server's."""
    paris = await shop.pool.fetchval("select to_char(now() at time zone 'Europe/Paris', 'HH24 \"h\" MI')")
    shown = (await page.locator(".clock").inner_text()).replace("\u00a0", " ").rjust(7, "0")
    apart = [60 * int(clock[:2]) + int(clock[-2:]) for clock in (paris, shown)]
    assert abs(apart[0] - apart[1]) in {0, 1, 24 * 60 - 1}
    assert shown[:2] == paris[:2] or shown[-2:] in {"00", "59"}


async def test_a_tablet_that_is_paired_anew_sends_what_it_did_before_and_hands_nothing_over_twice(
    shop: Shop, screens: Screens, tablets: Counters
) -> None:
    screens.forgive("401|412")
    await shop.stock("tea", 9)
    undone, other = await shop.ready("tea", 1), await shop.ready("tea", 1)
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(2)
    await page.context.set_offline(True)
    for order in (undone, other):
        await scan(page, order["pickup_code"])
        await page.get_by_test_id("hand-over").press("Enter")
    await expect(page.locator(".live .count")).to_contain_text("2 à envoyer")
    await page.wait_for_function(
        f"async () => (await (await import({FILES} + 'keeping.js')).all('outbox'))[0].attempts > 0"
    )
    await shop.take("undo", await shop.collect(undone), reason="mistake")  # as if its answer alone had been lost
    await tablets.ask("DELETE", f"/v1/devices/{await shop.pool.fetchval('select id from device')}")
    await page.context.set_offline(False)
    await page.get_by_label("Code d’association").fill(await tablets.pairing_code())
    async with page.expect_navigation():
        await page.get_by_role("button", name="Associer").click()
    await page.get_by_test_id("open").click()
    await became(shop, other, "collected")
    await sent(page)
    await expect(page.get_by_test_id("conflict")).to_have_count(1)
    assert await shop.state(undone) == "ready"


async def test_only_the_shell_is_kept_and_no_answer_of_the_service(
    shop: Shop, served: Served, tablets: Counters
) -> None:
    await shop.stock("tea", 1)
    await shop.ready("tea", 1)
    page = await tablets.open()
    await lane(page, "ready").click()
    await page.get_by_text("Historique de la commande").click()
    await kept(page)
    paths = await page.evaluate(
        "async () => (await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name))"
        ".keys()).map((request) => new URL(request.url).pathname)))).flat()"
    )
    assert "/counter" in paths
    assert [] == [path for path in paths if not path.startswith("/counter")]
    await cut(page, served)
    await page.goto(f"{served.url}/counter/picking")
    await page.get_by_test_id("open").click()
    await expect(page.get_by_role("heading", name="Préparation")).to_be_visible()


async def test_a_browser_that_was_asleep_shows_nothing_old(shop: Shop, served: Served, tablets: Counters) -> None:
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1)
    page = await tablets.open(clock=datetime.now(UTC))
    await expect(lane(page, "ready")).to_have_count(1)
    await page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=30))
    await page.context.set_offline(True)
    served.drop_streams()
    await shop.collect(ready)
    await page.context.set_offline(False)
    await page.clock.fast_forward("08:00:00")
    await page.clock.resume()
    await expect(lane(page, "ready")).to_have_count(0)
    await expect(panel(page)).to_have_count(0)
    await expect(page.locator(".live.on")).to_be_visible()


async def test_an_order_that_the_service_fails_at_holds_up_no_other_and_is_shown(
    shop: Shop, screens: Screens, tablets: Counters
) -> None:
    screens.forgive("500")
    await shop.stock("tea", 9)
    failing, other = await shop.ready("tea", 1), await shop.ready("tea", 1)
    page = await tablets.open(service_workers="block")
    await expect(lane(page, "ready")).to_have_count(2)
    await page.route(f"**/{failing['id']}/collect", lambda route: route.fulfill(status=500, body="{}"))
    for order in (failing, other):
        await scan(page, order["pickup_code"])
        await page.get_by_test_id("hand-over").press("Enter")
        await expect(page.get_by_test_id("undo")).to_be_visible()
    await became(shop, other, "collected")
    await expect(page.locator(".live .count")).to_contain_text("1 à envoyer")
    await expect(page.get_by_test_id("stuck")).to_contain_text("n’arrive pas à l’enregistrer")
    await axe(page)
    await page.reload()
    await page.get_by_test_id("open").click()
    await expect(page.get_by_test_id("stuck")).to_contain_text("Camille D.")
    await page.unroute(f"**/{failing['id']}/collect")
    await page.get_by_role("button", name="Réessayer maintenant").click()
    await became(shop, failing, "collected")
    await expect(page.get_by_test_id("stuck")).to_have_count(0)
    assert len(await shop.events("reservation.collected")) == 2


async def test_words_that_are_missing_after_a_deployment_are_read_anew(
    shop: Shop, screens: Screens, tablets: Counters
) -> None:
    screens.forgive("404")
    await shop.store("lyon")
    page = await tablets.open(service_workers="block")
    await page.route("**/en.json", lambda route: route.fulfill(status=404, json={"code": "not_found"}), times=1)
    await page.get_by_role("button", name="Menu").click()
    async with page.expect_navigation():
        await page.get_by_role("button", name="English").click()
    await expect(page.get_by_test_id("open")).to_have_text("Open the counter")
    await page.route("**/fr.json", lambda route: route.fulfill(status=404, json={"code": "not_found"}))
    async with page.expect_navigation():
        await page.get_by_role("button", name="Français").click()
    await expect(page.get_by_test_id("open")).to_have_text("Open the counter")  # not again and again, and in words
    await page.get_by_test_id("open").click()
    await expect(page.locator(".live.on")).to_be_visible()


async def test_a_new_version_takes_over_when_nobody_is_at_work(
    shop: Shop, served: Served, tablets: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1)
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(1)
    await kept(page)
    await page.reload()  # from now on there is a version that another takes the place of
    await page.get_by_test_id("open").click()
    await scan(page, ready["pickup_code"])
    await expect(panel(page)).to_be_visible()
    with deployed(monkeypatch):
        async with page.expect_event("load", timeout=4 * PATIENCE) as renewed:
            await served.stop()
            await served.start()
            await expect(page.locator(".live.on")).to_be_visible()
            await page.wait_for_function("navigator.serviceWorker.controller.scriptURL && caches.keys().then((names) =>"
                f" names.length === 1 && names[0] === 'comptoir-{NEXT}')")  # fmt: skip
            await page.wait_for_timeout(3000)
            await expect(panel(page)).to_have_attribute("data-state", "ready")  # somebody is at work
            await page.get_by_test_id("hand-over").press("Enter")
            await became(shop, ready, "collected")
        await renewed.value
        await expect(page.locator(".live.on")).to_be_visible()  # it was open, and is
        assert NEXT in (await page.locator("meta[name=comptoir-files]").get_attribute("content") or "")


NEXT = "0" * 12


@contextmanager
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve the screens as another version of them."""
    for known in (counter.import_map, counter.content_security):
        known.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(counter, "version", lambda: NEXT)
        yield
    for known in (counter.import_map, counter.content_security):
        known.cache_clear()


async def test_what_nobody_said_is_not_stated(shop: Shop, served: Served, tablets: Counters) -> None:
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1)
    await shop.take("lapse", await shop.ready("tea", 1))
    await shop.confirm(await shop.hold("tea", 1, customer={"name": "Noé Petit", "phone": "+33639981111"}))
    page = await tablets.open()
    await expect(lane(page, "ready")).to_have_count(1)
    await cut(page, served)
    await scan(page, other_code(ready["pickup_code"]))
    await expect(page.get_by_test_id("notice")).to_contain_text("n’est pas connu de cet appareil")
    await expect(page.get_by_test_id("hits")).to_contain_text("le service n’a pas pu répondre")
    await page.keyboard.press("Escape")
    await lane(page, "preparing").click()
    await page.get_by_test_id("shelve").click()
    await page.get_by_test_id("something-missing").click()
    await page.get_by_role("button", name="Un de moins").last.click()
    await expect(page.get_by_test_id("elsewhere")).to_contain_text("on ne sait pas")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    for room in ("Historique", "Retours", "Préparation"):
        await page.get_by_role("link", name=room).click()
        await expect(page.locator("main")).to_contain_text("cette liste n’est pas connue")
        await axe(page)
    await page.evaluate("addEventListener('online', (event) => event.stopImmediatePropagation(), true)")
    await page.context.set_offline(False)  # and no browser says so, as when it is the service that was away
    await expect(page.get_by_test_id("stop")).to_have_count(1, timeout=2 * PATIENCE)  # it is tried every five seconds
    await page.get_by_role("link", name="Retours").click()
    await expect(page.get_by_test_id("put-back")).to_have_count(1)
    await expect(page.locator("main")).not_to_contain_text("cette liste n’est pas connue")
    await shop.take("lapse", ready)  # it is told, and not asked for
    await expect(page.get_by_test_id("put-back")).to_have_count(2)


def other_code(code: str) -> str:
    """A code that is one, and of no order: two symbols moved such that the sum stays."""
    symbols = [CODE.index(symbol) for symbol in code]
    symbols[0], symbols[1] = (symbols[0] + 2) % len(CODE), (symbols[1] - 1) % len(CODE)
    return "".join(CODE[symbol] for symbol in symbols)


CODE = "23456789BCDFGHJKNPRSTVX"
