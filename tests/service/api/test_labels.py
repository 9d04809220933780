"""Labels: what the shelf is read by, for the browser's printer and for a Zebra."""

from service.callers import Scope
from service.screens import zpl
from tests.service.api.conftest import Api
from tests.shop import Shop


def path(order: dict[str, str], **asked: str) -> str:
    """Where the label of an order is."""
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return f"/v1/stores/lyon/reservations/{order['id']}/label?{query}"


async def ready(shop: Shop, **fields: str) -> dict[str, str]:
    """An order of two bags on a shelf."""
    await shop.stock("tea", 9)
    picking = await shop.take("pick", await shop.confirm(await shop.hold("tea", 1, **fields)))
    return await shop.take("shelve", picking, shelf="B3", bags=2)


async def test_each_bag_has_a_label_with_code_initial_shelf_and_deadline(shop: Shop, api: Api) -> None:
    order = await ready(shop, order_ref="web-2026-0042")
    page = await api.get(path(order))
    code = order["pickup_code"]
    assert page.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    assert page.text.count("<article>") == page.text.count(f"{code[:3]} {code[3:]}</h1>") == 2
    for said in ("Camille D.", "B3", "Sac 1/2", "Sac 2/2", "-2026-0042", "Jusqu", "23:59", "<svg"):
        assert said in page.text
    assert "Durand" not in page.text
    assert "Bag 1/2" in (await api.get(path(order, lang="en"))).text


async def test_a_zebra_prints_the_same(shop: Shop, api: Api) -> None:
    order = await ready(shop)
    told = await api.get(path(order, format="zpl"))
    assert told.headers["Content-Type"].startswith("application/zpl")
    assert told.text.count("^XA") == told.text.count("^XZ") == 2
    assert f"MA,{order['pickup_code']}" in told.text
    assert "^PW496^LL800" in told.text


async def test_what_is_owed_stands_on_the_label(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 1)
    lines = [{"sku": "tea", "quantity": 1, "unit_price": 1250}]
    held = await shop.hold("tea", 1, lines=lines, currency="EUR", pay_in_store=True)
    told = await api.get(path(held, lang="fr"))
    assert "12,50\u00a0€" in told.text


def test_no_name_is_a_command_of_the_printer() -> None:
    spelled = zpl.label((zpl.Text("^XZ~JA_\\&\n", 30, 0),), code="K7", top=100)
    assert spelled.count("^XZ") == 1
    assert "~" not in spelled
    assert "_5EXZ_7EJA_5F_5C& " in spelled


async def test_a_label_needs_a_code_and_somebody_of_the_store(shop: Shop, api: Api) -> None:
    order = await ready(shop)
    await shop.pool.execute("update reservation set pickup_code = null, token = null")
    assert (await api.get(path(order))).json["code"] == "wrong_state"
    await shop.store("nice")
    assert (await api.get(path(order), key=await api.key(Scope.COUNTER, stores=["nice"]))).status == 404
