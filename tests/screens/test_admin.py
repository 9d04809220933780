"""The administration in a real Chromium: in with a key, from room to room, and out."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from service import message_policies
from service.database import connection
from service.screens.admin_frame import COOKIE, ROOMS
from tests.screens.conftest import PHONE, TABLET, Screens, Served, axe
from tests.shop import Shop

pytestmark = pytest.mark.browser


async def come_in(screens: Screens, served: Served, *, path: str = "/admin", **options: Any) -> Page:
    """Type a key at the door, and go on to where one wanted to go."""
    page = await screens.open(path, **options)
    await page.fill("[name=key]", await served.key())
    await page.click("button.big")
    return page


@pytest.mark.timeout(180)
async def test_every_room_in_both_languages_on_a_tablet_and_on_a_phone(
    screens: Screens, served: Served, shop: Shop
) -> None:
    await shop.stock("tea", 20)
    await shop.collected("tea", 2)
    page = await come_in(screens, served)
    more = [
        "/admin/messages?channel=sms",
        "/admin/messages/policy",
        "/admin/messages/failed",
        "/admin/stores/lyon",
        "/admin/new-store",
        "/admin/stores/lyon/clerks",
        "/admin/day?store=lyon",
    ]
    for size in (PHONE, TABLET):
        await page.set_viewport_size(size)
        for path in [*(path for _, path, _ in ROOMS), *more]:
            told = await page.goto(served.url + path)
            assert told
            assert told.status == 200, path
            assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), path
            await axe(page)
        await page.click("[name=language]")
    assert await page.get_attribute("html", "lang") == "fr"


async def test_a_wrong_key_and_a_device_s_stay_before_the_door(screens: Screens, served: Served, shop: Shop) -> None:
    screens.forgive("status of 40[13]")
    page = await screens.open("/admin/keys")
    await page.fill("[name=key]", "ck_nonsense")
    await page.click("button.big")
    await expect(page.get_by_role("alert")).to_contain_text("n’ouvre rien")
    await axe(page)
    await page.fill("[name=key]", await served.key("checkout"))
    await page.click("button.big")
    await expect(page.get_by_role("alert")).to_contain_text("n’ouvre rien")
    await page.fill("[name=key]", await served.key("admin"))
    await page.click("button.big")
    await expect(page).to_have_url(served.url + "/admin/keys")  # where they wanted to go
    await expect(page.locator(".rooms a")).to_have_count(4)  # devices, keys, messages, webhooks: what this key may
    told = await page.goto(served.url + "/admin/stores")
    assert told
    assert told.status == 403


async def test_a_session_ends_with_its_key_and_when_they_leave(screens: Screens, served: Served, shop: Shop) -> None:
    page = await come_in(screens, served)
    [cookie] = await page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["secure"], cookie["path"]) == (COOKIE, True, True, "/")
    await page.get_by_role("button", name="Quitter").click()
    await expect(page).to_have_url(re.compile("/admin/sign-in"))
    kept = {"Cookie": f"{COOKIE}={cookie['value']}"}
    told = await page.request.get(served.url + "/admin/stores", headers=kept, max_redirects=0)
    assert told.headers["location"].startswith("/admin/sign-in")  # the cookie means nothing any more
    again = await come_in(screens, served)
    await served.pool.execute("update key set revoked_at = now()")
    await again.goto(served.url + "/admin/stores")
    await expect(again).to_have_url(re.compile("/admin/sign-in"))


async def test_a_tablet_is_paired_by_its_code(screens: Screens, served: Served, shop: Shop) -> None:
    await shop.store()
    screens.forgive("404")  # where it goes afterwards is another test's
    manager = await come_in(screens, served, path="/admin/devices")
    await manager.fill("[name=name]", "Tablette de gauche")
    await manager.get_by_role("button", name="Obtenir un code").click()
    code = await manager.inner_text(".big-code")
    assert re.fullmatch(r"[2-9B-X]{4}-[2-9B-X]{4}", code)
    await expect(manager.get_by_role("img", name="QR")).to_be_visible()
    await axe(manager)
    await manager.reload()  # the form is sent again, and makes no second device
    assert await served.pool.fetchval("select count(*) from device") == 1

    tablet = await screens.open(f"/pair?code={code.replace('-', '')}", size=TABLET)
    await axe(tablet)
    await tablet.get_by_role("button", name="Associer").click()
    await tablet.wait_for_url(served.url + "/counter")
    seen = await (await tablet.request.get(served.url + "/v1/device")).json()
    assert (seen["name"], seen["store"]["id"]) == ("Tablette de gauche", "lyon")
    assert await tablet.evaluate("() => document.cookie") == ""

    late = await screens.open("/pair", locale="en-GB")
    screens.forgive("status of 422")
    await late.fill("[name=code]", code)
    await late.get_by_role("button", name="Pair").click()
    await expect(late.get_by_role("alert")).to_contain_text("or nothing any more")

    await manager.goto(served.url + "/admin/devices")
    await manager.locator("td summary").click()
    await manager.get_by_role("button", name="Oui, révoquer").click()
    await expect(manager.get_by_role("status")).to_contain_text("révoqué")
    assert await served.pool.fetchval("select revoked_at from device") is not None


async def test_people_are_welcomed_given_another_pin_and_said_goodbye(
    screens: Screens, served: Served, shop: Shop
) -> None:
    await shop.store()
    page = await come_in(screens, served, path="/admin/stores/lyon/clerks", locale="en-GB")
    await page.fill("section:last-of-type [name=name]", "Inès")
    await page.fill("section:last-of-type [name=pin]", "4071")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("status")).to_contain_text("Welcome")
    first = await served.pool.fetchval("select pin_hash from clerk")
    row = page.get_by_role("form", name="Inès")
    await row.locator("[name=name]").fill("Inès B.")
    await row.locator("[name=pin]").fill("998877")
    await row.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved")
    assert await served.pool.fetchval("select pin_hash from clerk where name = 'Inès B.'") != first
    row = page.get_by_role("form", name="Inès B.")
    await row.get_by_text("Works here no more").click()
    await row.get_by_role("button", name="Yes, remove").click()
    await expect(page.get_by_role("status")).to_contain_text("don’t work here")
    assert await served.pool.fetchval("select left_at from clerk") is not None


async def test_a_key_is_shown_once_and_revoked(screens: Screens, served: Served, shop: Shop) -> None:
    page = await come_in(screens, served, path="/admin/keys", locale="en-GB")
    await page.fill("[name=name]", "Till")
    await page.check("[value=stock]")
    await page.get_by_role("button", name="Make the key").click()
    text = await page.inner_text(".secret")
    assert text.startswith("ck_")
    await axe(page)
    await page.reload()
    assert await page.locator(".secret").count() == 0
    assert await served.pool.fetchval("select count(*) from key where name = 'Till'") == 1
    await page.get_by_role("row", name="Till").locator("summary").click()
    await page.get_by_role("row", name="Till").get_by_role("button", name="Yes, revoke").click()
    assert await served.pool.fetchval("select revoked_at from key where name = 'Till'") is not None


async def test_a_store_is_opened_and_its_week_changed(screens: Screens, served: Served, shop: Shop) -> None:
    page = await come_in(screens, served, path="/admin/new-store")
    await page.fill("[name=id]", "nantes")
    await page.fill("[name=name]", "Atelier Nantes")
    for day in ("mo", "tu"):
        await page.locator(f"[name={day}_opens]").first.fill("09:30")
        await page.locator(f"[name={day}_closes]").first.fill("12:30")
    await page.locator("[name=mo_opens]").nth(1).fill("14:00")
    await page.locator("[name=mo_closes]").nth(1).fill("19:00")
    await page.locator("[name=date_on]").first.fill("2026-12-25")
    await page.locator(".foot button").click()
    await expect(page.get_by_role("status")).to_contain_text("enregistré")
    store = await served.pool.fetchrow("select opening_hours, exceptional_days, active from store where id = 'nantes'")
    assert store is not None
    assert {(tuple(one["days"]), one["opens"], one["closes"]) for one in store["opening_hours"]} == {
        (("mo", "tu"), "09:30", "12:30"),
        (("mo",), "14:00", "19:00"),
    }
    assert [day["date"] for day in store["exceptional_days"]] == ["2026-12-25"]
    assert store["active"]

    screens.forgive("status of 4(12|22)")
    await page.fill("[name=time_zone]", "Nowhere/Else")
    await page.locator(".foot button").click()
    await expect(page.get_by_role("alert")).to_contain_text("Fuseau horaire")
    await axe(page)
    assert await page.input_value("[name=time_zone]") == "Nowhere/Else"  # nothing typed is lost
    await page.fill("[name=time_zone]", "Europe/Paris")
    await served.pool.execute("update store set version = version + 1")  # somebody else was quicker
    await page.locator(".foot button").click()
    await expect(page.get_by_role("alert")).to_contain_text("Quelqu’un d’autre")


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
async def test_a_file_is_taken_in_and_its_wrong_lines_are_told(
    screens: Screens, served: Served, shop: Shop, tmp_path: Path, *, script: bool
) -> None:
    await shop.stock("tea", 1)
    file = tmp_path / "stock.csv"
    file.write_text(
        "store,sku,on_hand,as_of\nlyon,tea,7,2099-01-01T00:00:00Z\n"
        + "".join(f"lyon,tea,{n},2026-01-0{n}T00:00:00Z\n" for n in range(1, 4))
        + "lyon,nonesuch,4,2026-01-01T00:00:00Z\n"
    )
    page = await come_in(screens, served, path="/admin/imports", locale="en-GB", java_script_enabled=script)
    await page.set_input_files("[name=file]", file)
    await page.get_by_role("button", name="Import").click()
    await page.wait_for_url(re.compile("/admin/imports/[0-9a-f-]{36}$"))
    await expect(page.locator("main")).to_contain_text("Nothing was changed")  # it was a dry run
    await expect(page.get_by_role("table")).to_contain_text("unknown_sku")
    if script:
        await axe(page)
    assert (await shop.position("tea"))["on_hand"] == 1


async def test_webhooks_are_added_looked_at_and_sent_again(screens: Screens, served: Served, shop: Shop) -> None:
    await shop.stock("tea", 3)
    page = await come_in(screens, served, path="/admin/webhooks", locale="en-GB")
    screens.forgive("status of 422")
    await page.fill("[name=url]", "https://127.0.0.1/hooks")
    await page.fill("[name=description]", "Order system")
    await page.get_by_text("Choose").click()
    await page.get_by_label("reservation.ready").check()
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await page.input_value("[name=description]") == "Order system"
    await expect(page.get_by_label("reservation.ready")).to_be_checked()
    await page.fill("[name=url]", "https://shop.example/hooks")
    await page.get_by_role("button", name="Add").click()
    assert (await page.inner_text(".secret")).startswith("whsec_")
    await page.get_by_role("link", name="Order system").click()
    await expect(page.get_by_label("reservation.ready")).to_be_checked()
    await expect(page.get_by_label("reservation.held")).not_to_be_checked()
    await page.get_by_role("button", name="Send a ping").click()
    await expect(page.get_by_role("status")).to_contain_text("ping")
    await served.pool.execute(
        "update delivery set state = 'dead', attempts = 10, reason = 'http_500', next_attempt_at = null"
    )
    await page.reload()
    await expect(page.get_by_role("table")).to_contain_text("given up")
    await axe(page)
    await page.get_by_role("table").get_by_role("button", name="Send again").click()
    await expect(page.get_by_role("table")).to_contain_text("pending")
    await page.get_by_role("button", name="Change the secret").click()
    assert (await page.inner_text(".secret")).startswith("whsec_")


async def test_a_message_is_seen_said_in_other_words_and_in_ours_again(
    screens: Screens, served: Served, shop: Shop
) -> None:
    page = await come_in(screens, served, path="/admin/messages")
    await expect(page.frame_locator(".letter").locator("body")).to_contain_text("Bonjour")
    await page.select_option("[name=channel]", "sms")
    await page.get_by_role("button", name="Afficher").click()
    await page.fill("[name=text]", "{{ nonsense")
    screens.forgive("status of 422")
    await page.get_by_role("button", name="Essayer et enregistrer").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await page.input_value("[name=text]") == "{{ nonsense"
    await page.fill("[name=text]", "Bonne nouvelle ! Code {{ code }}")
    await page.get_by_role("button", name="Essayer et enregistrer").click()
    await expect(page.locator(".bubble")).to_contain_text("Bonne nouvelle")
    await page.get_by_role("button", name="Revenir à nos textes").click()
    await expect(page.locator(".bubble")).not_to_contain_text("Bonne nouvelle")


async def test_rules_are_changed_for_one_store_and_kept_for_the_others(
    screens: Screens, served: Served, shop: Shop
) -> None:
    await shop.store()
    page = await come_in(screens, served, path="/admin/messages/policy?store=lyon", locale="en-GB")
    await page.select_option("[name=hours]", "own")
    await page.fill("main [name=from]", "21:00")
    await page.fill("main [name=to]", "08:00")
    await page.select_option("[name='ready.sms.customer.send']", "never")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved")
    async with connection(served.pool) as db:
        here, everywhere = await message_policies.find(db, "lyon"), await message_policies.find(db)
    assert [(rule.kind, rule.channel, rule.send) for rule in here.rules] == [("ready", "sms", "never")]
    assert here.quiet_hours
    assert f"{here.quiet_hours.starts:%H:%M}" == "21:00"
    assert (everywhere.version, everywhere.rules) == (0, ())


async def test_the_day_is_drawn_and_told_in_numbers(screens: Screens, served: Served, shop: Shop) -> None:
    await shop.stock("tea", 20)
    day = await shop.pool.fetchval("select (now() at time zone 'Europe/Paris')::date")
    orders = [await shop.collected("tea", 2) for _ in range(3)] + [await shop.ready("tea", 1) for _ in range(2)]
    for order, days, minutes in zip(orders, (0, 0, 0, 0, 1), (10, 10, 10, -5, -5), strict=True):
        await shop.pool.execute(  # all within an hour; the day before, none of one was in time: that is no quiet day
            "update reservation set confirmed_at = noon, ready_at = noon + interval '5 minutes',"
            " ready_by = noon + make_interval(mins => $3), collected_at = noon + (collected_at - confirmed_at)"
            " from (select ($1::date - $2::integer + time '12:00') at time zone 'Europe/Paris') at(noon)"
            " where id = $4::text::uuid",
            *(day, days, minutes, order["id"]),
        )
    page = await come_in(screens, served, path=f"/admin/day?date={day}", locale="en-GB")
    await expect(page.locator(".figures")).to_contain_text("75 %")
    await expect(page.locator(".figures")).to_contain_text("3 of 4 orders that were due")
    assert await page.locator("#by-hour ~ svg rect").count() == 3
    assert await page.locator("#kept ~ svg rect").count() == 2
    await page.locator("#kept ~ details summary").click()
    await expect(page.locator("#kept ~ details table")).to_contain_text("75 %")
    await axe(page)


async def test_another_site_can_t_make_a_key(screens: Screens, served: Served, shop: Shop) -> None:
    page = await come_in(screens, served)
    told = await page.request.post(
        served.url + "/admin/keys",
        form={"name": "evil", "scope": "admin"},
        headers={"Origin": "https://evil.example"},
    )
    assert told.status == 403
    told = await page.request.post(served.url + "/admin/keys", form={"name": "evil", "scope": "admin"})
    assert told.status == 403  # nobody says where it comes from
    assert await served.pool.fetchval("select count(*) from key where name = 'evil'") == 0
