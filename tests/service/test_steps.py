"""Every step of the life: what it does to stock, when it is refused, and that repeating it changes nothing."""

import asyncio
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest

from service import changes, clocks
from service.callers import CUSTOMER
from service.database import transaction
from service.errors import (
    AlreadyExtended,
    LinesDontFit,
    OutOfStock,
    Superseded,
    TooLate,
    UnknownReservation,
    WrongCode,
    WrongState,
)
from service.idempotency import Kept
from service.lifecycle import STEPS, TAKEN_BEFORE, State
from service.steps import SQL
from tests.shop import Shop


async def stands(shop: Shop, sku: str = "tea") -> tuple[int, int, int]:
    """(on_hand, reserved, shortfall) of a position."""
    position = await shop.position(sku)
    return position["on_hand"], position["reserved"], position["shortfall"]


async def test_an_order_goes_through_its_whole_life(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 2)
    confirmed = await shop.confirm(held, payment_ref="pay-1")
    assert (confirmed["state"], confirmed["paid"], confirmed["amount_due"]) == ("confirmed", True, None)
    assert confirmed["ready_by"] is not None
    picking = await shop.take("pick", confirmed)
    ready = await shop.take("shelve", picking, shelf="B3", bags=2)
    assert (ready["state"], ready["shelf"], ready["bags"], ready["promise_kept"]) == ("ready", "B3", 2, True)
    assert ready["collect_by"] is not None
    assert await stands(shop) == (5, 2, 0), "ready is not handed over"
    collected = await shop.collect(ready)
    assert (collected["state"], collected["checked_by"]) == ("collected", "code")
    assert await stands(shop) == (3, 0, 0)
    returned = await shop.take("return", collected, lines=[{"sku": "tea", "quantity": 2, "sellable": True}])
    assert returned["state"] == "returned"
    assert await stands(shop) == (5, 0, 0)
    assert await shop.events() == [
        "reservation.held",
        "reservation.confirmed",
        "reservation.picking",
        "reservation.ready",
        "reservation.collected",
        "reservation.returned",
    ]


async def test_a_repeated_step_changes_nothing_and_says_who_was_first(shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 2)
    first = await shop.collect(ready)
    again = await shop.collect(ready)
    assert (first["applied"], again["applied"], again["version"]) == (True, False, first["version"])
    assert again["first_applied"]["by"] == "key:clerk"
    assert (await shop.confirm(ready))["applied"] is False
    assert await stands(shop) == (3, 0, 0)


async def test_two_tablets_hand_over_once(shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 2)
    answers = await asyncio.gather(*(shop.collect(ready) for _ in range(10)))
    assert sorted(answer["applied"] for answer in answers) == [False] * 9 + [True]
    assert await shop.events("reservation.collected") == ["reservation.collected"]


@pytest.mark.parametrize("reason", ["not_found", "damaged", "sold"])
async def test_what_was_not_found_is_given_up_with_its_reason(shop: Shop, reason: str) -> None:
    await shop.stock("tea", 5)
    picking = await shop.take("pick", await shop.confirm(await shop.hold("tea", 3)))
    ready = await shop.take("shelve", picking, lines=[{"sku": "tea", "found": 1, "reason": reason}])
    assert (ready["state"], ready["lines"][0]["short"]) == ("ready", 2)
    assert await stands(shop) == (5 if reason == "sold" else 3, 1, 0)


async def test_nothing_found_is_a_cancellation(shop: Shop) -> None:
    await shop.stock("tea", 3)
    picking = await shop.take("pick", await shop.confirm(await shop.hold("tea", 3)))
    gone = await shop.take("shelve", picking, lines=[{"sku": "tea", "found": 0}])
    assert gone["state"] == "cancelled"
    assert await stands(shop) == (0, 0, 0)
    assert (
        await shop.pool.fetchval("select data->>'cause' from event where type = 'reservation.cancelled'")
        == "out_of_stock"
    )


async def test_a_short_order_is_cancelled_where_the_customer_wanted_all_or_nothing(shop: Shop) -> None:
    await shop.stock("tea", 3)
    picking = await shop.take("pick", await shop.confirm(await shop.hold("tea", 3, if_short="cancel")))
    gone = await shop.take("shelve", picking, lines=[{"sku": "tea", "found": 2}])
    assert gone["state"] == "cancelled"
    assert await stands(shop) == (2, 0, 0)


async def test_the_customer_is_asked_and_silence_means_take(shop: Shop) -> None:
    await shop.stock("tea", 3)
    picking = await shop.take("pick", await shop.confirm(await shop.hold("tea", 3, if_short="ask")))
    asked = await shop.take("shelve", picking, lines=[{"sku": "tea", "found": 2}], shelf="A1")
    assert (asked["state"], asked["shelf"]) == ("picking", "A1")
    assert asked["answer_by"] is not None
    assert await clocks.answer_due(shop.pool, "lyon") == 0
    await shop.age(asked, timedelta(hours=3))
    assert await clocks.due_stores(shop.pool) == ["lyon"]
    assert await clocks.answer_due(shop.pool, "lyon") == 1
    assert await shop.state(asked) == "ready"
    assert await stands(shop) == (2, 2, 0)


@pytest.mark.parametrize(("take", "state"), [(True, "ready"), (False, "cancelled")])
async def test_the_customer_answers(shop: Shop, take: bool, state: str) -> None:  # noqa: FBT001
    await shop.stock("tea", 3)
    picking = await shop.take("pick", await shop.confirm(await shop.hold("tea", 3, if_short="ask")))
    asked = await shop.take("shelve", picking, lines=[{"sku": "tea", "found": 2}])
    async with transaction(shop.pool) as db:
        await changes.answer(db, "lyon", UUID(asked["id"]), take=take, caller=CUSTOMER, links=shop.links)
    assert await shop.state(asked) == state
    async with transaction(shop.pool) as db:
        with pytest.raises(TooLate):
            await changes.answer(db, "lyon", UUID(asked["id"]), take=take, caller=CUSTOMER, links=shop.links)


async def test_part_is_taken_and_the_rest_refused(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.stock("cup", 5)
    ready = await shop.ready(("tea", 3), ("cup", 1))
    collected = await shop.collect(ready, lines=[{"sku": "tea", "taken": 1}])
    assert [(line["sku"], line["collected"], line["refused"]) for line in collected["lines"]] == [
        ("cup", 1, 0),
        ("tea", 1, 2),
    ]
    assert await stands(shop, "tea") == (4, 0, 0)
    assert await stands(shop, "cup") == (4, 0, 0)


async def test_taking_nothing_is_no_handover(shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 3)
    with pytest.raises(LinesDontFit):
        await shop.collect(ready, lines=[{"sku": "tea", "taken": 0}])
    with pytest.raises(LinesDontFit):
        await shop.collect(ready, lines=[{"sku": "tea", "taken": 4}])


async def test_only_its_own_code_or_token_opens_an_order(shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready, other = await shop.ready("tea", 1), await shop.ready("tea", 1)
    for proof in ({"code": other["pickup_code"]}, {"code": "222222"}, {"token": other["pickup_url"].split("/")[-1]}):
        with pytest.raises(WrongCode):
            await shop.collect(ready, **proof)
    spelled = ready["pickup_code"].lower()
    assert (await shop.collect(ready, code=f"{spelled[:3]} {spelled[3:]}"))["applied"]
    assert (await shop.collect(other, token=other["pickup_url"].split("/")[-1]))["checked_by"] == "token"


async def test_a_handover_is_undone_within_fifteen_minutes(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.stock("cup", 5)
    ready = await shop.ready(("tea", 3), ("cup", 1))
    collected = await shop.collect(ready, lines=[{"sku": "tea", "taken": 1}])
    again = await shop.take("undo", collected, reason="wrong customer")
    assert again["state"] == "ready"
    assert [(line["sku"], line["collected"], line["refused"]) for line in again["lines"]] == [
        ("cup", 0, 0),
        ("tea", 0, 2),
    ]
    assert await stands(shop, "tea") == (5, 1, 0)
    assert (await shop.take("undo", collected, reason="twice"))["applied"] is False
    collected = await shop.collect(again)
    await shop.pool.execute("update event set at = at - interval '16 minutes' where action = 'collect'")
    with pytest.raises(TooLate):
        await shop.take("undo", collected, reason="too late")


async def test_what_comes_back_is_on_hand_again_where_it_can_be_sold(shop: Shop) -> None:
    await shop.stock("tea", 5)
    collected = await shop.collected("tea", 3)
    some = await shop.take("return", collected, lines=[{"sku": "tea", "quantity": 2, "sellable": False}])
    assert (some["state"], some["lines"][0]["returned"]) == ("collected", 2)
    assert await stands(shop) == (2, 0, 0)
    with pytest.raises(LinesDontFit):
        await shop.take("return", collected, lines=[{"sku": "tea", "quantity": 2, "sellable": True}])
    done = await shop.take("return", collected, lines=[{"sku": "tea", "quantity": 1, "sellable": True}])
    assert done["state"] == "returned"
    assert await stands(shop) == (3, 0, 0)


async def test_they_came_after_all(shop: Shop) -> None:
    """The claim was released at the lapse and sold to another: the handover still wins, and leaves a shortfall."""
    await shop.stock("tea", 2)
    late = await shop.ready("tea", 2)
    await shop.age(late)
    assert await clocks.lapse_due(shop.pool, "lyon") == 1
    assert await shop.state(late) == "uncollected"
    await shop.hold("tea", 2)
    collected = await shop.collect(late)
    assert collected["state"] == "collected"
    assert await stands(shop) == (0, 2, 2)
    assert await shop.events("stock.shortfall") == ["stock.shortfall"]


async def test_a_late_payment_gets_its_stock_back_while_it_is_there(shop: Shop) -> None:
    await shop.stock("tea", 2)
    held = await shop.hold("tea", 2)
    await shop.age(held)
    assert await clocks.expire_due(shop.pool, "lyon") == 1
    assert await stands(shop) == (2, 0, 0)
    confirmed = await shop.confirm(held)
    assert confirmed["state"] == "confirmed"
    assert await stands(shop) == (2, 2, 0)


async def test_a_late_payment_for_what_is_gone_is_refused_with_the_lines(shop: Shop) -> None:
    await shop.stock("tea", 2)
    held = await shop.hold("tea", 2)
    await shop.age(held)
    await shop.hold("tea", 1)
    assert await shop.state(held) == "expired"
    with pytest.raises(OutOfStock) as refused:
        await shop.confirm(held)
    assert refused.value.facts["lines"] == [{"sku": "tea", "asked": 2, "available": 1}]
    assert await shop.state(held) == "expired"


async def test_a_late_payment_of_an_order_that_was_placed_again_is_superseded(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 1, order_ref="A-1")
    await shop.age(held)
    await clocks.expire_due(shop.pool, "lyon")
    newer = await shop.hold("tea", 2, order_ref="A-1")
    with pytest.raises(Superseded) as refused:
        await shop.confirm(held)
    assert refused.value.facts["reservation"] == newer["id"]


async def test_until_expiry_is_written_confirm_wins(shop: Shop) -> None:
    await shop.stock("tea", 1)
    held = await shop.hold("tea", 1)
    await shop.age(held)
    assert (await shop.confirm(held))["state"] == "confirmed"
    assert await clocks.expire_due(shop.pool, "lyon") == 0


async def test_confirm_against_expiry_at_the_same_instant(shop: Shop) -> None:
    await shop.stock("tea", 40)
    held = [await shop.hold("tea", 1) for _ in range(40)]
    for one in held:
        await shop.age(one)
    confirms = [shop.confirm(one) for one in held]
    sweeps = [clocks.expire_due(shop.pool, "lyon", limit=10) for _ in range(8)]
    outcomes = await asyncio.gather(*confirms, *sweeps)
    assert all(outcome["state"] == "confirmed" for outcome in outcomes[:40]), (
        "the stock is there: late payment holds anew"
    )
    assert await stands(shop) == (40, 40, 0)


async def test_collect_against_lapse_at_the_same_instant(shop: Shop) -> None:
    await shop.stock("tea", 30)
    ready = [await shop.ready("tea", 1) for _ in range(30)]
    for one in ready:
        await shop.age(one)
    await asyncio.gather(*map(shop.collect, ready), *(clocks.lapse_due(shop.pool, "lyon", limit=5) for _ in range(8)))
    assert {await shop.state(one) for one in ready} == {"collected"}
    assert await stands(shop) == (0, 0, 0)


async def test_holding_against_collecting_on_the_same_position_never_deadlocks(shop: Shop) -> None:
    await shop.stock("tea", 60)
    await shop.stock("cup", 60)
    ready = [await shop.ready(("tea", 1), ("cup", 1)) for _ in range(20)]
    work = [*map(shop.collect, ready), *(shop.ask(("cup", 1), ("tea", 1)) for _ in range(20))]
    outcomes = await asyncio.gather(*work)
    assert all(isinstance(outcome, Kept) for outcome in outcomes[20:])
    assert await stands(shop, "tea") == (40, 20, 0)


async def test_four_sweepers_at_once_expire_each_hold_once(shop: Shop) -> None:
    await shop.stock("tea", 500)
    for batch in range(10):
        await shop.ask_all([shop.order("tea", 2, order_ref=f"{batch}-{n}") for n in range(20)])
    await shop.pool.execute("update reservation set hold_expires_at = now() - interval '1 second'")

    async def sweep() -> int:
        total = 0
        while done := await clocks.expire_due(shop.pool, "lyon", limit=30):
            total += done
        return total

    swept = await asyncio.gather(*(sweep() for _ in range(4)))
    assert sum(swept) == 200
    assert len(await shop.events("reservation.expired")) == 200
    assert await stands(shop) == (500, 0, 0)


async def test_two_sweepers_never_have_the_same_hold_in_hand(shop: Shop) -> None:
    await shop.stock("tea", 10)
    for held in [await shop.hold("tea", 1) for _ in range(6)]:
        await shop.age(held)
    async with transaction(shop.pool) as one, transaction(shop.pool) as other:
        first = {row["id"] for row in await SQL["due_holds"].rows(one, store="lyon", limit=3)}
        second = {row["id"] for row in await SQL["due_holds"].rows(other, store="lyon", limit=6)}
    assert (len(first), len(second), first & second) == (3, 3, set())


async def test_a_wrong_ready_goes_back_to_picking(shop: Shop) -> None:
    await shop.stock("tea", 3)
    ready = await shop.ready("tea", 2)
    back = await shop.take("unshelve", ready)
    assert (back["state"], back["ready_at"], back["collect_by"]) == ("picking", None, None)
    assert (await shop.take("unshelve", ready))["applied"] is False
    assert (await shop.take("shelve", back))["state"] == "ready"


async def test_the_collect_by_date_is_extended_once(shop: Shop) -> None:
    await shop.stock("tea", 3)
    ready = await shop.ready("tea", 2)
    extended = await shop.extend(ready)
    assert extended["collect_by"] > ready["collect_by"]
    with pytest.raises(AlreadyExtended):
        await shop.extend(ready)


async def test_a_hold_is_extended_from_now(shop: Shop) -> None:
    await shop.stock("tea", 3)
    held = await shop.hold("tea", 2)
    extended = await shop.extend(held, hold_seconds=3600)
    assert extended["hold_expires_at"] > held["hold_expires_at"]
    assert extended["version"] == 2


async def test_reminders_are_due_once_for_each_date(shop: Shop) -> None:
    await shop.stock("tea", 3)
    ready = await shop.ready("tea", 2)
    assert await clocks.remind_due(shop.pool, "lyon") == 0
    await shop.pool.execute(
        "update reservation set ready_at = now() - interval '3 days', collect_by = now() + interval '20 hours'"
    )
    assert await clocks.remind_due(shop.pool, "lyon") == 1
    assert await clocks.remind_due(shop.pool, "lyon") == 0
    assert await shop.state(ready) == "ready"
    await shop.pool.execute(
        "update reservation set collect_by = collect_by + interval '3 days', ready_at = ready_at + interval '1 day'"
    )
    assert await clocks.remind_due(shop.pool, "lyon") == 0


async def test_cancelling_gives_the_stock_back_from_wherever_it_is(shop: Shop) -> None:
    await shop.stock("tea", 3)
    held = await shop.hold("tea", 3)
    for steps in ((), ("confirm",), ("confirm", "pick"), ("confirm", "pick", "shelve")):
        for step in steps:
            held = await shop.take(step, held)
        cancelled = await shop.cancel(held, reason="changed my mind")
        assert cancelled["state"] == "cancelled"
        assert (await shop.cancel(held))["applied"] is False
        assert await stands(shop) == (3, 0, 0)
        held = await shop.hold("tea", 3)


async def arrange(shop: Shop, state: State) -> dict[str, object]:
    """A reservation in this state."""
    path: dict[State, tuple[str, ...]] = {
        State.HELD: (),
        State.CONFIRMED: ("confirm",),
        State.PICKING: ("confirm", "pick"),
        State.READY: ("confirm", "pick", "shelve"),
        State.COLLECTED: ("confirm", "pick", "shelve", "collect"),
        State.RETURNED: ("confirm", "pick", "shelve", "collect", "return"),
        State.CANCELLED: ("cancel",),
        State.EXPIRED: (),
        State.UNCOLLECTED: ("confirm", "pick", "shelve", "lapse"),
    }
    reservation = await shop.hold("tea", 1)
    for action in path[state]:
        reservation = await shop.take(action, reservation, **body_of(action, reservation))
    if state is State.EXPIRED:
        await shop.age(reservation)
        await clocks.expire_due(shop.pool, "lyon")
    return reservation


def body_of(action: str, reservation: dict[str, object]) -> dict[str, object]:
    """What a step needs to be asked."""
    bodies: dict[str, dict[str, object]] = {
        "collect": {"code": reservation["pickup_code"]},
        "undo": {"reason": "a mistake"},
        "return": {"lines": [{"sku": "tea", "quantity": 1, "sellable": True}]},
    }
    return bodies.get(action, {})


ASKED = [action for action in STEPS if action not in {"hold", "expire"}]


@pytest.mark.parametrize(("state", "action"), list(product(State, ASKED)))
async def test_every_step_is_tried_from_every_state(shop: Shop, state: State, action: str) -> None:
    await shop.stock("tea", 2)
    reservation = await arrange(shop, state)
    before = await shop.pool.fetchrow("select version, state from reservation")
    taken = await shop.pool.fetchval("select exists (select from event where action = $1)", action)
    if state in STEPS[action].sources:
        answer = await shop.take(action, reservation, **body_of(action, reservation))
        assert answer["applied"]
        assert answer["state"] in STEPS[action].targets
        return
    if taken and state in TAKEN_BEFORE.get(action, ()):
        answer = await shop.take(action, reservation, **body_of(action, reservation))
        assert (answer["applied"], answer["state"]) == (False, state)
    else:
        with pytest.raises(WrongState):
            await shop.take(action, reservation, **body_of(action, reservation))
    assert await shop.pool.fetchrow("select version, state from reservation") == before


async def test_another_stores_reservation_is_not_there(shop: Shop) -> None:
    await shop.stock("tea", 2)
    held = await shop.hold("tea", 1)
    await shop.store("nice")
    with pytest.raises(UnknownReservation):
        await shop.confirm(held | {"store": "nice"})
