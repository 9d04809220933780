"""Reservations over HTTP, as a checkout and a counter meet them."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from service import clocks, together
from tests.service.api.conftest import Api
from tests.shop import Shop

HOLD = "/v1/stores/lyon/reservations"


def order(sku: str = "tea", quantity: int = 1, **fields: Any) -> dict[str, Any]:
    """A checkout's request."""
    return {
        "order_ref": f"order-{uuid4()}",
        "customer": {"name": "Camille Durand", "email": "camille@atelier.example"},
        "lines": [{"sku": sku, "quantity": quantity}],
        **fields,
    }


@pytest.fixture
async def stocked(shop: Shop) -> Shop:
    """Five units of tea in Lyon."""
    await shop.stock("tea", 5)
    return shop


async def test_a_checkout_holds_confirms_and_cancels(api: Api, stocked: Shop) -> None:
    key = await api.key("checkout")
    held = await api.post(HOLD, order(), key=key)
    assert held.status == 201
    path = f"{HOLD}/{held.json['id']}"
    assert held.headers["ETag"] == '"1"'
    confirmed = await api.post(f"{path}/confirm", {"payment_ref": "pay-1"}, key=key)
    assert (confirmed.status, confirmed.json["state"], confirmed.json["applied"]) == (200, "confirmed", True)
    again = await api.post(f"{path}/confirm", key=key)
    assert (again.json["applied"], again.json["first_applied"]["by"].split(":")[0]) == (False, "key")
    cancelled = await api.post(f"{path}/cancel", key=key)
    assert cancelled.json["state"] == "cancelled"
    assert (await api.get(path, key=key)).json["version"] == 3


async def test_a_late_payment_is_given_what_due_holds_still_have(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 1)
    late = await shop.hold("tea", 1)
    await shop.age(late)
    unpaid = await shop.hold("tea", 1)
    assert await shop.state(late) == "expired"
    refused = await api.post(f"{HOLD}/{late['id']}/confirm")
    assert (refused.status, refused.json["code"]) == (409, "out_of_stock")
    await shop.age(unpaid)
    paid = await api.post(f"{HOLD}/{late['id']}/confirm")
    assert (paid.status, paid.json["state"]) == (200, "confirmed")
    assert await shop.state(unpaid) == "expired"


async def test_the_same_key_gives_the_first_answer_byte_for_byte(api: Api, stocked: Shop) -> None:
    body = order()
    first = await api.post(HOLD, body, once="checkout-1")
    await api.post(f"{HOLD}/{first.json['id']}/confirm")
    again = await api.post(HOLD, body, once="checkout-1")
    assert (again.status, again.text) == (201, first.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    quoted = await api.post(HOLD, body, once='"checkout-1"')
    assert quoted.text == first.text
    other = await api.post(HOLD, order(quantity=2), once="checkout-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")


async def test_a_hold_needs_an_idempotency_key(api: Api, stocked: Shop) -> None:
    answer = await api.post(HOLD, order(), once="")
    assert (answer.status, answer.json["code"]) == (400, "idempotency_key_missing")
    assert (await stocked.position("tea"))["reserved"] == 0


async def test_a_refusal_names_every_short_line(api: Api, stocked: Shop) -> None:
    await stocked.stock("cup", 1)
    lines = [{"sku": "tea", "quantity": 9}, {"sku": "cup", "quantity": 2}]
    answer = await api.post(HOLD, order(lines=lines))
    assert (answer.status, answer.json["code"]) == (409, "out_of_stock")
    assert answer.json["lines"] == [
        {"sku": "cup", "asked": 2, "available": 1},
        {"sku": "tea", "asked": 9, "available": 5},
    ]


NONSENSE: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown sku": ({"lines": [{"sku": "nothing", "quantity": 1}]}, 422, "unknown_sku"),
    "quantity 0": ({"lines": [{"sku": "tea", "quantity": 0}]}, 422, "invalid_request"),
    "quantity below 0": ({"lines": [{"sku": "tea", "quantity": -1}]}, 422, "invalid_request"),
    "half a unit": ({"lines": [{"sku": "tea", "quantity": 0.5}]}, 422, "invalid_request"),
    "a text for a number": ({"lines": [{"sku": "tea", "quantity": "1"}]}, 422, "invalid_request"),
    "more than there can be": ({"lines": [{"sku": "tea", "quantity": 10**12}]}, 422, "invalid_request"),
    "no lines": ({"lines": []}, 422, "invalid_request"),
    "a sku of nothing": ({"lines": [{"sku": " ", "quantity": 1}]}, 422, "invalid_request"),
    "a sku with a NUL": ({"lines": [{"sku": "te\0a", "quantity": 1}]}, 422, "invalid_request"),
    "a phone that is none": ({"customer": {"name": "C", "phone": "12"}}, 422, "invalid_request"),
    "a mail address that is none": ({"customer": {"name": "C", "email": "c@"}}, 422, "invalid_request"),
    "nobody to tell": ({"customer": {"name": "C"}}, 422, "invalid_request"),
    "a currency that is none": (
        {"currency": "EUX", "lines": [{"sku": "tea", "quantity": 1, "unit_price": 1}]},
        422,
        "invalid_request",
    ),
    "a price of nobody knows what": (
        {"lines": [{"sku": "tea", "quantity": 1, "unit_price": 1}]},
        422,
        "invalid_request",
    ),
    "a slot in a store without": ({"slot": "2030-01-01T10:00:00Z"}, 422, "invalid_slot"),
    "a slot in the past": ({"slot": "2001-01-01T10:00:00Z"}, 422, "invalid_slot"),
    "a slot at the end of time": ({"slot": "9999-12-31T23:59:59Z"}, 422, "invalid_slot"),
    "a slot after the end of time": ({"slot": "9999-12-31T23:59:59-14:00"}, 422, "invalid_request"),
    "a slot before time began": ({"slot": "0001-01-01T00:00:00+14:00"}, 422, "invalid_request"),
    "a slot in seconds, or thousandths": ({"slot": 1_900_000_000}, 422, "invalid_request"),
    "a time without a zone": ({"slot": "2030-01-01T10:00:00"}, 422, "invalid_request"),
    "a second to pay": ({"hold_seconds": 1}, 422, "invalid_request"),
    "a year to pay": ({"hold_seconds": 31_536_000}, 422, "invalid_request"),
    "an unknown field": ({"price": 1}, 422, "invalid_request"),
    "a language that is none": (
        {"customer": {"name": "C", "email": "c@a.example", "locale": "!!"}},
        422,
        "invalid_request",
    ),
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_nonsense_is_refused_and_leaves_no_trace(api: Api, stocked: Shop, name: str) -> None:
    fields, status, code = NONSENSE[name]
    answer = await api.post(HOLD, order(**fields))
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["detail"]
    assert await stocked.pool.fetchval("select count(*) from reservation") == 0
    assert await stocked.pool.fetchval("select count(*) from idempotency") == 0
    assert (await stocked.position("tea"))["reserved"] == 0


async def test_a_refusal_says_each_fault_once_and_where(api: Api, stocked: Shop) -> None:
    answer = await api.post(HOLD, order(lines=[{"sku": "tea", "quantity": 0}], customer={"name": "C"}))
    assert [(fault["pointer"], fault["code"]) for fault in answer.json["errors"]] == [
        ("/customer", "value_error"),
        ("/lines/0/quantity", "greater_than_equal"),
    ]
    assert answer.json["errors"][0]["message"] == "give an email or a phone, so that the customer can be told"
    answer = await api.post(HOLD, {"order_reference": "1", "lines": [], "customer": {"name": "C"}, "slot": "noon"})
    assert {fault["pointer"]: fault["message"] for fault in answer.json["errors"]} == {
        "/customer": "give an email or a phone, so that the customer can be told",
        "/lines": "give at least 1",
        "/order_ref": "this is needed",
        "/order_reference": "there is nothing of that name here",
        "/slot": "give a moment with its offset (RFC 3339), like 2026-11-23T18:30:00Z",
    }
    answer = await api.post(HOLD, order(lines=[{"sku": "tea", "quantity": 1, "unit_price": 12.5}], currency="EUR"))
    assert answer.json["errors"][0]["message"] == "give a whole number of the smallest unit: 1250 for 12.50 EUR"


async def test_ten_thousand_lines_are_refused_as_too_much(api: Api, stocked: Shop) -> None:
    lines = [{"sku": f"s{n}", "quantity": 1} for n in range(10_000)]
    answer = await api.post(HOLD, order(lines=lines))
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")
    few = [{"sku": f"s{n}", "quantity": 1} for n in range(501)]
    assert (await api.post(HOLD, order(lines=few))).json["code"] == "invalid_request"


async def test_a_closed_store_takes_no_orders(api: Api, stocked: Shop) -> None:
    late, held = await stocked.hold("tea", 1), await stocked.hold("tea", 1)
    await stocked.age(late)
    await clocks.expire_due(stocked.pool, "lyon")
    await stocked.pool.execute("update store set active = false")
    for answer in (await api.post(HOLD, order()), await api.post(f"{HOLD}/{late['id']}/confirm")):
        assert (answer.status, answer.json.get("code")) == (409, "store_closed")
    assert (await api.post(f"{HOLD}/{held['id']}/confirm")).json["state"] == "confirmed", "what it holds, it serves"


async def test_a_store_that_is_not_the_keys_is_not_there(api: Api, stocked: Shop) -> None:
    await stocked.store("nice")
    key = await api.key("checkout", "counter", stores=["nice"])
    answers = [await api.post(HOLD, order(), key=key), await api.get(f"{HOLD}/{uuid4()}", key=key)]
    assert {(answer.status, answer.json["code"]) for answer in answers} == {(404, "unknown_store")}
    held = (await api.post(HOLD, order(order_ref="A-1"))).json
    found = await api.get("/v1/reservations?order_ref=A-1", key=key)
    assert found.json["items"] == []
    assert [one["id"] for one in (await api.get("/v1/reservations?order_ref=A-1")).json["items"]] == [held["id"]]


async def test_a_counter_takes_an_order_through_its_life(api: Api, stocked: Shop) -> None:
    held = (await api.post(HOLD, order(quantity=2, pay_in_store=True))).json
    path, key = f"{HOLD}/{held['id']}", await api.key("counter", stores=["lyon"])
    assert (await api.post(f"{path}/pick", key=key)).json["state"] == "picking"
    lines = [{"sku": "tea", "found": 1, "reason": "damaged"}]
    ready = await api.post(f"{path}/shelve", {"lines": lines, "shelf": "B3", "bags": 1}, key=key)
    assert (ready.json["state"], ready.json["shelf"]) == ("ready", "B3")
    assert (await api.post(f"{path}/arrive", key=key)).json["arrived_at"] is not None
    wrong = await api.post(f"{path}/collect", {"code": "222222"}, key=key)
    assert (wrong.status, wrong.json["code"]) == (422, "wrong_code")
    collected = await api.post(f"{path}/collect", {"code": ready.json["pickup_code"]}, key=key)
    assert collected.json["state"] == "collected"
    undone = await api.post(f"{path}/undo", {"reason": "the other Camille"}, key=key)
    assert undone.json["state"] == "ready"
    lapsed = await api.post(f"{path}/lapse", key=key)
    assert lapsed.json["state"] == "uncollected"
    back = await api.post(f"{path}/put-back", key=key)
    assert back.json["put_back_at"] is not None
    refused = await api.post(f"{path}/pick", key=key)
    assert (refused.status, refused.json["code"], refused.json["possible_steps"]) == (409, "wrong_state", ["collect"])


async def test_a_return_needs_a_key_and_counts_once(api: Api, stocked: Shop) -> None:
    collected = await stocked.collected("tea", 2)
    path = f"{HOLD}/{collected['id']}/return"
    body = {"lines": [{"sku": "tea", "quantity": 1, "sellable": True}]}
    assert (await api.post(path, body, once="")).json["code"] == "idempotency_key_missing"
    answers = await asyncio.gather(*(api.post(path, body, once="r-1") for _ in range(5)))
    assert {answer.status for answer in answers} <= {200, 409}
    assert (await api.post(path, body, once="r-1")).json["lines"][0]["returned"] == 1
    assert (await stocked.position("tea"))["on_hand"] == 4


async def test_if_match_protects_what_was_not_seen(api: Api, stocked: Shop) -> None:
    held = (await api.post(HOLD, order())).json
    path = f"{HOLD}/{held['id']}"
    changed = await api.patch(path, {"note": "ring twice"}, headers={"If-Match": '"1"'})
    assert (changed.json["note"], changed.headers["ETag"]) == ("ring twice", '"2"')
    stale = await api.patch(path, {"note": "no"}, headers={"If-Match": '"1"'})
    assert (stale.status, stale.json["code"], stale.json["version"]) == (412, "version_mismatch", 2)
    assert (await api.post(f"{path}/confirm", headers={"If-Match": '"1"'})).status == 412
    assert (await api.post(f"{path}/confirm", headers={"If-Match": '"2"'})).status == 200
    repeated = await api.post(f"{path}/confirm", headers={"If-Match": '"2"'})
    assert (repeated.status, repeated.json["applied"]) == (200, False)


async def test_a_delegate_is_named_and_taken_away(api: Api, stocked: Shop) -> None:
    held = (await api.post(HOLD, order(delegate={"name": "Alix"}))).json
    path = f"{HOLD}/{held['id']}"
    assert held["delegate"] == {"name": "Alix", "phone": None}
    assert (await api.patch(path, {"delegate": None})).json["delegate"] is None
    refused = await api.patch(path, {"email": None})
    assert (refused.status, refused.json["code"]) == (422, "invalid_request")


async def test_pages_of_a_list_meet_without_gap_or_overlap(api: Api, stocked: Shop) -> None:
    await stocked.stock("cup", 30)
    made = [(await api.post(HOLD, order("cup"))).json["id"] for _ in range(7)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await api.get(f"{HOLD}?state=held&limit=3{cursor}")).json
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made
    assert (await api.get(f"{HOLD}?cursor=zzz")).status == 422
    assert (await api.get(f"{HOLD}?state=flying")).status == 422


async def test_a_clerk_finds_an_order_by_whatever_they_have(api: Api, stocked: Shop) -> None:
    customer = {"name": "Camille Durand", "phone": "+33639981234"}
    held = (await api.post(HOLD, order(customer=customer, order_ref="W-1001"))).json
    await api.post(HOLD, order(customer={"name": "Alix", "email": "alix@atelier.example"}))
    token = held["pickup_url"].rsplit("/", 1)[1]
    for q in (held["pickup_code"].lower(), token, "durand", "06 39 98 12 34", "1234", "W-1001", "w-10"):
        found = (await api.post(f"{HOLD}/search", {"q": q})).json["items"]
        assert [one["id"] for one in found] == [held["id"]], q
    for q in ("%", "_", "nobody", "222222"):
        assert (await api.post(f"{HOLD}/search", {"q": q})).json["items"] == [], q


async def test_the_lanes_are_counted_and_the_pick_list_is_by_place(api: Api, stocked: Shop) -> None:
    await stocked.item("pot", shelf={"lyon": "A1"})
    await stocked.stock("pot", 5)
    await api.post(HOLD, order("tea", 2, pay_in_store=True))
    await api.post(HOLD, order("pot", 1, pay_in_store=True))
    await api.post(HOLD, order("tea", 1))
    counts = (await api.get("/v1/stores/lyon/counts")).json
    assert (counts["held"], counts["confirmed"], counts["ready"]) == (1, 2, 0)
    lines = (await api.get("/v1/stores/lyon/pick-list")).json["items"]
    assert [(line["place"], line["sku"], line["quantity"]) for line in lines] == [("", "tea", 2), ("A1", "pot", 1)]


async def test_the_current_message_is_sent_again(api: Api, stocked: Shop) -> None:
    ready = await stocked.ready("tea", 1)
    answer = await api.post(f"{HOLD}/{ready['id']}/notifications", {"channel": "email"})
    assert answer.status == 202
    assert await stocked.events("notification.requested") == ["notification.requested"]


async def test_a_position_that_somebody_keeps_locked_holds_up_who_wants_it_and_the_others_once(
    api: Api, stocked: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "TOGETHER_SECONDS", 0.1)
    monkeypatch.setattr(together, "GLANCE_SECONDS", 0.02)
    await stocked.stock("stuck", 5)
    key = await api.key("checkout")
    await api.post(HOLD, order(quantity=9), key=key)
    baskets = ["tea", "stuck", "tea", "tea", "stuck", "tea", "tea"]
    async with stocked.pool.acquire() as other, other.transaction():
        await other.execute("select from position where sku = 'stuck' for update")
        asked = [asyncio.create_task(api.post(HOLD, order(sku), key=key)) for sku in baskets]
        free = [task for task, sku in zip(asked, baskets, strict=True) if sku == "tea"]
        assert {told.status for told in await asyncio.wait_for(asyncio.gather(*free), 1)} == {201}
        assert [task.done() for task in asked] == [sku == "tea" for sku in baskets]
    assert {told.status for told in await asyncio.gather(*asked)} == {201}, "and held when it is free again"
