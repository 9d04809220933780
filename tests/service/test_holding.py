"""Holding stock: never oversold, all or nothing, once."""

import asyncio
import json
from datetime import timedelta

import pytest

from service import clocks
from service.errors import IdempotencyInFlight, IdempotencyKeyReused, OrderDiffers, OutOfStock, SlotFull, UnknownSku
from service.idempotency import Kept
from tests.shop import Shop


async def test_a_hold_sets_stock_aside(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 2)
    assert (held["state"], held["version"], held["status"]) == ("held", 1, 201)
    assert held["lines"][0]["quantity"] == 2
    position = await shop.position("tea")
    assert (position["on_hand"], position["reserved"], position["available"]) == (5, 2, 3)
    assert await shop.events("reservation.held") == ["reservation.held"]


async def test_the_last_item_goes_to_one_shopper(shop: Shop) -> None:
    await shop.stock("tea", 1)
    answers = await asyncio.gather(*(shop.ask("tea", 1) for _ in range(200)))
    assert sum(isinstance(answer, Kept) for answer in answers) == 1
    assert sum(isinstance(answer, OutOfStock) for answer in answers) == 199
    assert (await shop.position("tea"))["reserved"] == 1


async def test_five_hundred_shoppers_share_a_hundred_units(shop: Shop) -> None:
    await shop.stock("tea", 100)
    asks = [shop.order("tea", 1) for _ in range(500)]
    batches = [asks[start : start + 50] for start in range(0, 500, 50)]
    answers = [answer for batch in await asyncio.gather(*map(shop.ask_all, batches)) for answer in batch]
    assert sum(isinstance(answer, Kept) for answer in answers) == 100
    assert sum(isinstance(answer, OutOfStock) for answer in answers) == 400


@pytest.mark.alone
async def test_crossing_baskets_never_deadlock(shop: Shop) -> None:
    await shop.stock("tea", 1000)
    await shop.stock("cup", 1000)
    before = await shop.pool.fetchval("select deadlocks from pg_stat_database where datname = current_database()")
    crossing = [(("tea", 1), ("cup", 1)), (("cup", 1), ("tea", 1))]
    answers = await asyncio.gather(*(shop.ask(*crossing[n % 2]) for n in range(300)))
    assert all(isinstance(answer, Kept) for answer in answers)
    await shop.pool.execute("select pg_stat_clear_snapshot()")
    after = await shop.pool.fetchval("select deadlocks from pg_stat_database where datname = current_database()")
    assert after == before


async def test_a_basket_with_one_short_line_changes_nothing(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.stock("cup", 0)
    answer = await shop.ask(("tea", 1), ("cup", 1))
    assert isinstance(answer, OutOfStock)
    assert answer.facts["lines"] == [{"sku": "cup", "asked": 1, "available": 0}]
    assert (await shop.position("tea"))["reserved"] == 0
    assert await shop.pool.fetchval("select count(*) from movement where reason = 'hold'") == 0
    assert await shop.pool.fetchval("select count(*) from reservation") == 0
    assert await shop.pool.fetchval("select count(*) from idempotency") == 0


async def test_the_same_key_fifty_times_at_once_is_one_reservation(shop: Shop) -> None:
    await shop.stock("tea", 100)
    asks = [shop.order("tea", 1, key="same", order_ref="A-1") for _ in range(50)]
    answers = await asyncio.gather(*(shop.ask_all([ask]) for ask in asks))
    bodies = {answer.body for [answer] in answers if isinstance(answer, Kept)}
    others = [answer for [answer] in answers if not isinstance(answer, Kept)]
    assert len(bodies) == 1
    assert all(isinstance(answer, IdempotencyInFlight) for answer in others)
    assert (await shop.position("tea"))["reserved"] == 1
    again = await shop.hold("tea", 1, key="same", order_ref="A-1")
    assert again["replayed"]
    assert json.loads(bodies.pop())["id"] == again["id"]


async def test_a_key_is_not_used_for_something_else(shop: Shop) -> None:
    await shop.stock("tea", 100)
    await shop.hold("tea", 1, key="same", order_ref="A-1")
    answer = await shop.ask("tea", 2, key="same", order_ref="A-2")
    assert isinstance(answer, IdempotencyKeyReused)
    assert (await shop.position("tea"))["reserved"] == 1


async def test_one_key_for_many_orders_at_once_holds_one_of_them(shop: Shop) -> None:
    await shop.stock("tea", 100)
    answers = await asyncio.gather(*(shop.ask("tea", 1, key="same", order_ref=f"A-{n}") for n in range(30)))
    assert sum(isinstance(answer, Kept) for answer in answers) == 1
    refused = [answer for answer in answers if not isinstance(answer, Kept)]
    assert all(isinstance(answer, IdempotencyKeyReused | IdempotencyInFlight) for answer in refused)
    assert (await shop.position("tea"))["reserved"] == 1


async def test_one_order_has_one_reservation(shop: Shop) -> None:
    await shop.stock("tea", 10)
    first = await shop.hold("tea", 2, order_ref="A-1")
    again = await shop.hold("tea", 2, order_ref="A-1")
    assert (again["id"], again["status"], again["applied"]) == (first["id"], 200, False)
    assert again["first_applied"]["by"] == "key:checkout"
    other = await shop.ask("tea", 3, order_ref="A-1")
    assert isinstance(other, OrderDiffers)
    assert (await shop.position("tea"))["reserved"] == 2


async def test_one_order_sent_at_once_under_many_keys_is_one_reservation(shop: Shop) -> None:
    await shop.stock("tea", 100)
    answers = await asyncio.gather(*(shop.ask("tea", 1, order_ref="A-1") for _ in range(30)))
    assert {answer.status for answer in answers if isinstance(answer, Kept)} == {200, 201}
    assert all(isinstance(answer, Kept) for answer in answers)
    assert (await shop.position("tea"))["reserved"] == 1


async def test_a_cancelled_order_can_be_held_again(shop: Shop) -> None:
    await shop.stock("tea", 2)
    first = await shop.hold("tea", 2, order_ref="A-1")
    await shop.cancel(first)
    again = await shop.hold("tea", 1, order_ref="A-1")
    assert again["id"] != first["id"]
    assert again["status"] == 201


async def test_travelling_together_changes_no_answer(shop: Shop) -> None:
    """Five units for 3, 3, 2 and 1 asked in one call: in their order 3 and 2 fit."""
    await shop.stock("tea", 5)
    answers = await shop.ask_all([shop.order("tea", n) for n in (3, 3, 2, 1)])
    assert [isinstance(answer, Kept) for answer in answers] == [True, False, True, False]
    assert [type(answer) for answer in answers if not isinstance(answer, Kept)] == [OutOfStock, OutOfStock]
    assert (await shop.position("tea"))["reserved"] == 5


async def test_a_poisoned_companion_harms_nobody(shop: Shop) -> None:
    await shop.stock("tea", 5)
    answers = await shop.ask_all(
        [
            shop.order("tea", 1),
            shop.order("no-such-thing", 1),
            shop.order("tea", 99),
            shop.order("tea", 1, store="nowhere"),
            shop.order("tea", 1, order_ref="twice"),
            shop.order("tea", 1, order_ref="twice"),
            shop.order("tea", 1),
        ]
    )
    assert [getattr(answer, "status", None) for answer in answers] == [201, 422, 409, 404, 201, 200, 201]
    assert isinstance(answers[1], UnknownSku)
    assert answers[1].facts == {"skus": ["no-such-thing"]}


async def test_a_sku_without_a_position_is_out_of_stock(shop: Shop) -> None:
    await shop.store()
    await shop.item("tea")
    answer = await shop.ask("tea", 1)
    assert isinstance(answer, OutOfStock)
    assert answer.facts["lines"] == [{"sku": "tea", "asked": 1, "available": 0}]


async def test_the_same_sku_twice_is_summed(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold(("tea", 2), ("tea", 2))
    assert [(line["sku"], line["quantity"]) for line in held["lines"]] == [("tea", 4)]


async def test_a_partial_hold_takes_what_there_is(shop: Shop) -> None:
    await shop.stock("tea", 2)
    await shop.stock("cup", 0)
    held = await shop.hold(("tea", 3), ("cup", 1), allow_partial=True)
    assert [(line["sku"], line["asked"], line["quantity"]) for line in held["lines"]] == [("cup", 1, 0), ("tea", 3, 2)]
    answer = await shop.ask("tea", 1, allow_partial=True)
    assert isinstance(answer, OutOfStock)


async def test_a_partial_hold_passes_over_what_the_store_never_had(shop: Shop) -> None:
    await shop.stock("tea", 2)
    await shop.item("ash")  # no position: it comes before tea in every order
    await shop.item("wax")
    held = await shop.hold(("tea", 3), ("ash", 1), ("wax", 1), allow_partial=True)
    assert [(line["sku"], line["quantity"]) for line in held["lines"]] == [("ash", 0), ("tea", 2), ("wax", 0)]
    assert (await shop.position("tea"))["reserved"] == 2


async def test_safety_stock_is_never_promised(shop: Shop) -> None:
    await shop.stock("tea", 5, safety=3)
    assert isinstance(await shop.ask("tea", 3), OutOfStock)
    await shop.hold("tea", 2)


async def test_expired_holds_are_bought_by_the_next_customer_with_no_worker_running(shop: Shop) -> None:
    await shop.stock("tea", 1)
    first = await shop.hold("tea", 1)
    assert isinstance(await shop.ask("tea", 1), OutOfStock)
    await shop.age(first)
    second = await shop.hold("tea", 1)
    assert second["state"] == "held"
    assert await shop.state(first) == "expired"


async def test_many_want_one_due_hold_and_one_gets_it(shop: Shop) -> None:
    await shop.stock("tea", 1)
    first = await shop.hold("tea", 1)
    await shop.age(first)
    answers = await asyncio.gather(*(shop.ask("tea", 1) for _ in range(20)))
    assert sum(isinstance(answer, Kept) for answer in answers) == 1


async def test_what_is_due_is_given_back_to_the_last_for_who_waits(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "MOST_AT_ONCE", 2)
    await shop.stock("tea", 4)
    await shop.stock("cup", 1)
    for held in [await shop.hold("tea", 1) for _ in range(4)] + [await shop.hold("cup", 1)]:
        await shop.age(held)
    assert (await shop.hold("cup", 1))["state"] == "held"


async def test_a_hold_to_be_paid_in_the_store_is_confirmed_at_once(shop: Shop) -> None:
    await shop.stock("tea", 1)
    held = await shop.hold("tea", 1, pay_in_store=True)
    assert (held["state"], held["version"], held["hold_expires_at"]) == ("confirmed", 2, None)
    assert await shop.events() == ["reservation.held", "reservation.confirmed", "stock.out"]
    await shop.age(held, timedelta(days=1))
    again = await shop.confirm(held)
    assert again["applied"] is False


async def test_prices_are_summed_in_minor_units(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.stock("cup", 5)
    held = await shop.hold(
        ("tea", 1),
        currency="EUR",
        lines=[{"sku": "tea", "quantity": 3, "unit_price": 250}, {"sku": "cup", "quantity": 2, "total": 999}],
    )
    assert (held["total"], held["amount_due"], held["currency"]) == (1749, 1749, "EUR")


async def test_slots_fill_up_and_are_given_back(shop: Shop) -> None:
    await shop.store(slots={"minutes": 60, "capacity": 2})
    await shop.stock("tea", 10)
    slot = await shop.pool.fetchval("select date_trunc('hour', now()) + interval '1 day'")
    held = [await shop.hold("tea", 1, slot=slot.isoformat()) for _ in range(2)]
    assert isinstance(await shop.ask("tea", 1, slot=slot.isoformat()), SlotFull)
    await shop.cancel(held[0])
    await shop.hold("tea", 1, slot=slot.isoformat())
    assert await shop.pool.fetchval("select taken from slot") == 2


async def test_one_slot_left_goes_to_one_of_many(shop: Shop) -> None:
    await shop.store(slots={"minutes": 60, "capacity": 1})
    await shop.stock("tea", 50)
    slot = await shop.pool.fetchval("select date_trunc('hour', now()) + interval '1 day'")
    answers = await asyncio.gather(*(shop.ask("tea", 1, slot=slot.isoformat()) for _ in range(30)))
    assert sum(isinstance(answer, Kept) for answer in answers) == 1
    assert sum(isinstance(answer, SlotFull) for answer in answers) == 29
    assert (await shop.position("tea"))["reserved"] == 1


async def test_capitals_and_small_letters_are_kept_apart_in_any_order(shop: Shop) -> None:
    """In most languages "cup" comes before "MUG"; here, as PostgreSQL's "C" has it, after."""
    await shop.stock("MUG", 2)
    await shop.stock("cup", 9)
    await shop.hold(("cup", 8), ("MUG", 1))
    assert isinstance(await shop.ask(("MUG", 2), ("cup", 1)), OutOfStock)
    await shop.hold(("cup", 1), ("MUG", 1))
