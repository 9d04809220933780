"""The customer's page: what a link opens, and what it lets its holder do."""

import re
from uuid import UUID

import pytest

from tests.service.api.conftest import Api
from tests.shop import Shop


def path_of(reservation: dict[str, str]) -> str:
    """The page's path."""
    return "/p/" + reservation["pickup_url"].rsplit("/", 1)[1]


async def test_a_link_opens_its_order_and_no_other(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 2)
    seen = await api.get(path_of(ready), key="")
    assert (seen.status, seen.json["state"], seen.json["pickup_code"]) == (200, "ready", ready["pickup_code"])
    assert "camille" not in seen.text.lower(), "a shared link tells nobody's name, mail or phone"
    token = path_of(ready)[3:]
    for wrong in (
        token[:-1] + ("2" if token[-1] != "2" else "3"),
        token[::-1],
        "short",
        "../../etc/passwd",
        token + "2",
    ):
        answer = await api.get(f"/p/{wrong}", key="")
        assert answer.status == 404, wrong


async def test_the_page_says_where_the_order_is_in_the_customers_language(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 2, customer={"name": "Camille", "email": "c@atelier.example", "locale": "en-GB"})
    english = await api.get(path_of(ready), key="", headers={"Accept": "text/html"})
    assert "Your order is ready" in english.text
    french = await api.get(path_of(ready) + "?lang=fr", key="", headers={"Accept": "text/html"})
    assert "Votre commande est prête" in french.text
    code = ready["pickup_code"]
    assert f"{code[:3]} {code[3:]}" in french.text
    assert "<svg" in french.text
    assert re.findall(r"""(?:src|<link[^>]+href)=["']?(?!/|data:)([^"'>]+)""", french.text) == [], (
        "asked of the outside"
    )
    assert "default-src 'none'" in french.headers["Content-Security-Policy"]
    gone = await api.get("/p/" + "2" * 24, key="", headers={"Accept": "text/html"})
    assert (gone.status, "aucune commande" in gone.text) == (404, True)


async def test_no_moment_is_promised_that_has_passed(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 9)
    late = await shop.confirm(await shop.hold("tea", 1))
    short = await shop.take("pick", await shop.confirm(await shop.hold("tea", 2, if_short="ask")))
    await shop.take("shelve", short, lines=[{"sku": "tea", "found": 1}])
    said = {
        "held": (await shop.hold("tea", 1), "set aside until", "The time to pay is over"),
        "ready": (await shop.ready("tea", 1), "waits for you until", "The time to collect is over"),
        "late": (late, "It will be ready", "It is late"),
        "short": (short, "waiting for your answer", "waiting for your answer"),
    }
    for when in (0, 1):
        for order, *sentences in said.values():
            page = await api.get(path_of(order) + "?lang=en", key="", headers={"Accept": "text/html"})
            detail = re.search(r'class="detail">([^<]*)', page.text)
            assert detail
            assert sentences[when] in detail[1]
        for order, *_ in said.values():
            await shop.age(order)
    await shop.arrive(late)
    page = await api.get(path_of(late) + "?lang=en", key="", headers={"Accept": "text/html"})
    assert "you are here, and is preparing your order" in page.text


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/x-www-form-urlencoded", b"name=\xff"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"name=Sasha"),
        ("multipart/form-data", b"name=Sasha"),
        ("multipart/form-data; boundary=x", b"--x\r\nnothing"),
    ],
)
async def test_a_form_that_can_not_be_read_is_refused(api: Api, shop: Shop, media: str, body: bytes) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 2)
    for page in (f"{path_of(held)}/delegate", "/pair", "/admin/sign-in"):
        told = await api.request("POST", page, data=body, key="", headers={"Content-Type": media})
        assert told.status < 500, page


async def test_the_customer_arrives_extends_and_names_someone(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 2)
    page = path_of(ready)
    assert (await api.post(f"{page}/arrive", key="")).json["arrived"]
    extended = await api.post(f"{page}/extend", key="")
    assert extended.json["collect_by"] > ready["collect_by"]
    assert (await api.post(f"{page}/extend", key="")).json["code"] == "already_extended"
    named = await api.post(f"{page}/delegate", {"name": "Alix"}, key="")
    assert named.json["delegate"] == "Alix"
    form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    back = await api.request("POST", f"{page}/delegate", data="name=Sasha&phone=", key="", headers=form)
    assert (back.status, back.headers["Location"]) == (303, page)
    dialled = await api.request(
        "POST", f"{page}/delegate", data="name=Sasha&phone=06 39 98 12 34", key="", headers=form
    )
    assert dialled.status == 303
    delegate = (await api.get(f"/v1/stores/lyon/reservations/{ready['id']}")).json["delegate"]
    assert delegate == {"name": "Sasha", "phone": "+33639981234"}
    cancelled = await api.post(f"{page}/cancel", key="")
    assert (cancelled.json["state"], cancelled.json["can"]) == ("cancelled", [])
    assert (await shop.position("tea"))["reserved"] == 0


async def test_the_customer_answers_what_to_do_about_a_short_order(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    picking = await shop.take("pick", await shop.confirm(await shop.hold("tea", 3, if_short="ask")))
    await shop.take("shelve", picking, lines=[{"sku": "tea", "found": 2}])
    page = path_of(picking)
    assert "answer" in (await api.get(page, key="")).json["can"]
    assert (await api.post(f"{page}/answer", {"answer": "maybe"}, key="")).status == 422
    assert (await api.post(f"{page}/answer", {"answer": "take"}, key="")).json["state"] == "ready"
    assert (await api.post(f"{page}/answer", {"answer": "take"}, key="")).json["code"] == "too_late"


async def test_a_calendar_and_a_qr_go_with_it(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 2)
    calendar = await api.get(path_of(ready) + "/reservation.ics", key="")
    assert calendar.text.startswith("BEGIN:VCALENDAR\r\n")
    assert ready["pickup_code"] in calendar.text
    assert all(len(line.encode()) <= 75 for line in calendar.text.split("\r\n"))
    assert (await api.get(path_of(ready) + "/qr.svg", key="")).text.startswith("<svg")


async def test_an_old_link_stays_closed_when_its_code_is_given_again(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    old, new = await shop.hold("tea", 1), await shop.hold("tea", 1)
    row = await shop.pool.fetchrow("select pickup_code, token from reservation where id = $1", UUID(old["id"]))
    assert row is not None
    await shop.pool.execute("update reservation set pickup_code = null, token = null where id = $1", UUID(old["id"]))
    await shop.pool.execute(
        "update reservation set pickup_code = $2 where id = $1", UUID(new["id"]), row["pickup_code"]
    )
    assert (await api.get(f"/p/{row['token']}", key="")).status == 404


async def test_a_form_that_is_refused_comes_back_with_what_was_typed_and_why(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    page = path_of(await shop.ready("tea", 2))
    form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    wrong = await api.request("POST", f"{page}/delegate", data="name=Sasha&phone=call+me", key="", headers=form)
    assert wrong.status == 422
    assert "Ce numéro de téléphone ne convient pas" in wrong.text
    assert 'value="Sasha"' in wrong.text
    assert 'aria-invalid="true"' in wrong.text
    await api.post(f"{page}/extend", key="")
    again = await api.request("POST", f"{page}/extend?lang=en", data="", key="", headers=form)
    assert (again.status, "was kept longer once already" in again.text) == (409, True)


async def test_the_page_says_until_when_it_would_wait_and_when_the_store_is_open(api: Api, shop: Shop) -> None:
    week = [{"days": ["mo", "tu", "we", "th", "fr", "sa", "su"], "opens": "09:00", "closes": "00:00"}]
    await shop.store("lyon", opening_hours=week, latitude=45.7617, longitude=4.8357)
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 1)
    seen = (await api.get(path_of(ready), key="")).json
    assert seen["extends_to"] > seen["collect_by"]
    assert [len(seen["store"]["today"]["openings"]), seen["store"]["latitude"]] == [1, 45.7617]
    text = (await api.get(path_of(ready), key="", headers={"Accept": "text/html"})).text
    assert "9\u00a0h – 0\u00a0h" in text
    assert text.count("à 23\u00a0h\u00a059") == 2  # until then it waits, and would wait: not until the day after at 0
    assert "mlat=45.76170&amp;mlon=4.83570" in text


async def test_who_has_the_page_as_it_is_is_told_only_that(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 1)
    first = await api.get(path_of(ready), key="", headers={"Accept": "text/html"})
    asked = {"Accept": "text/html", "If-None-Match": first.headers["ETag"]}
    assert (await api.get(path_of(ready), key="", headers=asked)).status == 304
    assert (await api.get(path_of(ready) + "?lang=en", key="", headers=asked)).status == 200
    await api.post(f"{path_of(ready)}/arrive", key="")
    assert (await api.get(path_of(ready), key="", headers=asked)).status == 200


@pytest.mark.parametrize("locale", ["fr-FR", "en-GB"])
async def test_every_state_has_its_words(api: Api, shop: Shop, locale: str) -> None:
    await shop.stock("tea", 50)
    customer = {"name": "Camille", "email": "c@atelier.example", "locale": locale}
    held = await shop.hold("tea", 1, customer=customer)
    confirmed = await shop.confirm(await shop.hold("tea", 1, customer=customer))
    picking = await shop.take("pick", await shop.confirm(await shop.hold("tea", 1, customer=customer)))
    lapsed = await shop.take("lapse", await shop.ready("tea", 1, customer=customer))
    cancelled = await shop.cancel(await shop.hold("tea", 1, customer=customer))
    collected = await shop.collected("tea", 1, customer=customer)
    lines = [{"sku": "tea", "quantity": 1, "sellable": True}]
    returned = await shop.take("return", await shop.collected("tea", 1, customer=customer), lines=lines)
    for one in (held, confirmed, picking, lapsed, cancelled, collected, returned):
        told = await api.get(path_of(one), key="", headers={"Accept": "text/html"})
        assert told.status == 200, one["state"]
        assert f'<html lang="{locale[:2]}">' in told.text
