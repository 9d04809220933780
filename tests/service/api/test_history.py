"""What left the shop, what goes back to its shelves, what the customer ordered before, and what they were told."""

from datetime import timedelta
from uuid import uuid4

from service import events
from service.callers import Scope
from tests.service.api.conftest import Api
from tests.shop import Shop

LYON = "/v1/stores/lyon"


async def test_the_latest_handover_comes_first_and_older_ones_follow_page_by_page(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 9)
    done = [(await shop.collected("tea", 1))["id"] for _ in range(3)]
    await shop.ready("tea", 1)
    await shop.hold("tea", 1)
    first = (await api.get(f"{LYON}/history?limit=2")).json
    assert [one["id"] for one in first["items"]] == [done[2], done[1]]
    rest = (await api.get(f"{LYON}/history?limit=2&before={first['next_before']}")).json
    assert [one["id"] for one in rest["items"]] == [done[0]]
    assert rest["next_before"] is None


async def test_the_history_ends_after_thirty_days(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 1)
    await shop.collected("tea", 1)
    await shop.pool.execute("update reservation set ended_at = ended_at - $1::interval", timedelta(days=31))
    assert (await api.get(f"{LYON}/history")).json["items"] == []


async def test_what_nobody_collected_goes_back_to_its_shelf_once(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 9)
    lapsed = await shop.take("lapse", await shop.ready("tea", 1))
    cancelled = await shop.cancel(await shop.ready("tea", 1))
    await shop.cancel(await shop.confirm(await shop.hold("tea", 1)))  # it never lay ready
    listed = (await api.get(f"{LYON}/put-back")).json["items"]
    assert [one["id"] for one in listed] == [lapsed["id"], cancelled["id"]]
    assert (await api.post(f"{LYON}/reservations/{lapsed['id']}/put-back", {})).status == 200
    assert [one["id"] for one in (await api.get(f"{LYON}/put-back")).json["items"]] == [cancelled["id"]]


async def test_a_clerk_sees_the_customers_orders_of_this_store_and_the_scope_customers_those_of_all(
    shop: Shop, api: Api
) -> None:
    await shop.stock("tea", 9)
    await shop.stock("tea", 9, store="nice")
    camille = {"name": "Camille Durand", "phone": "+33639981234", "customer_ref": "K1"}
    here = await shop.hold("tea", 1, customer=camille)
    by_phone = await shop.hold("tea", 2, customer={"name": "C. Durand", "phone": "+33639981234"})
    there = await shop.hold("tea", 3, store="nice", channel="mobile", customer={**camille, "phone": "+33639985555"})
    await shop.hold("tea", 1, customer={"name": "Camille Durand", "phone": "+33639980000"})
    path = f"{LYON}/reservations/{here['id']}/earlier"
    of_store = (await api.get(path, key=await api.key(Scope.COUNTER))).json["items"]
    assert [one["id"] for one in of_store] == [by_phone["id"]]
    everywhere = (await api.get(path, key=await api.key(Scope.COUNTER, Scope.CUSTOMERS))).json["items"]
    assert [(one["id"], one["store"], one["channel"], one["units"]) for one in everywhere] == [
        (there["id"], "nice", "mobile", 3),
        (by_phone["id"], "lyon", "web", 2),
    ]
    bound = await api.key(Scope.COUNTER, Scope.CUSTOMERS, stores=["lyon"])
    assert [one["id"] for one in (await api.get(path, key=bound)).json["items"]] == [by_phone["id"]]


async def test_what_the_customer_was_told_says_whether_it_arrived(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1)
    while await events.waiting_stores(shop.pool):
        await events.relay(shop.pool, "lyon")
    told = (await api.get(f"{LYON}/reservations/{ready['id']}/notifications")).json["items"]
    assert {(one["kind"], one["channel"]) for one in told} >= {("ready", "sms"), ("ready", "email")}
    assert {one["state"] for one in told} == {"pending"}


async def test_another_store_that_has_it_is_named_the_nearest_first(shop: Shop, api: Api) -> None:
    await shop.store("lyon", latitude=45.76, longitude=4.84)
    for store, latitude, units in (("nice", 43.7, 5), ("dijon", 47.3, 5), ("brest", 48.4, 1)):
        await shop.store(store, latitude=latitude, longitude=5.0)
        await shop.stock("tea", units, store=store)
    await shop.stock("tea", 9)
    device = await api.key(Scope.COUNTER, stores=["lyon"])
    told = await api.post(f"{LYON}/elsewhere", {"lines": [{"sku": "tea", "quantity": 2}]}, key=device)
    assert [one["store"] for one in told.json["items"]] == ["dijon", "nice"]


async def test_another_stores_history_is_none_of_yours(shop: Shop, api: Api) -> None:
    for store in ("lyon", "nice"):
        await shop.store(store)
    device = await api.key(Scope.COUNTER, stores=["lyon"])
    for path in ("history", "put-back"):
        assert (await api.get(f"/v1/stores/nice/{path}", key=device)).status == 404
        assert (await api.get(f"{LYON}/{path}", key=await api.key(Scope.CHECKOUT))).status == 403


async def test_of_what_is_no_reservation_nothing_is_told(shop: Shop, api: Api) -> None:
    await shop.store("lyon")
    for path in ("earlier", "notifications"):
        assert (await api.get(f"{LYON}/reservations/{uuid4()}/{path}")).json["code"] == "unknown_reservation"
