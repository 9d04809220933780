"""The customer's page: what a link opens, and what it lets its holder do."""

from uuid import UUID

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
    assert "http" not in french.text.replace("http://www.w3.org/2000/svg", ""), "it asks nothing of the outside"
    assert "default-src 'none'" in french.headers["Content-Security-Policy"]
    gone = await api.get("/p/" + "2" * 24, key="", headers={"Accept": "text/html"})
    assert (gone.status, "aucune commande" in gone.text) == (404, True)


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
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    back = await api.request("POST", f"{page}/delegate", data="name=Sasha&phone=", key="", headers=form)
    assert (back.status, back.headers["Location"]) == (303, page)
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
