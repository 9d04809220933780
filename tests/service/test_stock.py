"""Reality wins: what was counted and what was told decides, nothing real is refused, and the ledger explains it all."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from service import stock
from service.database import transaction
from service.errors import (
    InvalidRequest,
    MovementAlreadyRecorded,
    OnHandOutOfRange,
    UnknownItem,
    UnknownSku,
    UnknownStore,
    VersionMismatch,
)
from service.models.stock import CountBody, Movement, Position, Recorded
from tests.shop import Shop

FEED = "key:feed"


def ago(**time: float) -> datetime:
    """A moment in the past."""
    return datetime.now(UTC) - timedelta(**time)


async def put(shop: Shop, on_hand: int, as_of: datetime, sku: str = "tea", **others: Any) -> Position:
    """Say what was counted."""
    if_match = others.pop("if_match", None)
    async with transaction(shop.pool) as db:
        body = CountBody(on_hand=on_hand, as_of=as_of, **others)
        return await stock.put(db, "lyon", sku, body, actor=FEED, if_match=if_match)


async def tell(shop: Shop, *movements: dict[str, Any]) -> list[Recorded]:
    """Say what came and left; everything that is left out is ordinary."""
    ordinary = {"sku": "tea", "reason": "sale"}
    told = [Movement.model_validate({**ordinary, "reference": str(uuid4()), **one}) for one in movements]
    async with transaction(shop.pool) as db:
        return await stock.record(db, "lyon", told, actor=FEED)


async def why(shop: Shop, sku: str = "tea") -> dict[str, tuple[int, int]]:
    """Sums of on_hand and reserved by reason."""
    async with shop.pool.acquire() as db:
        told = await stock.explain(db, "lyon", sku, limit=50)
    return {reason.reason: (reason.on_hand, reason.reserved) for reason in told.reasons}


async def on_hand(shop: Shop, sku: str = "tea") -> int:
    """What the position says."""
    return int((await shop.position(sku))["on_hand"])


@pytest.fixture(autouse=True)
async def lyon(shop: Shop) -> None:
    """A store, and something that can be sold there."""
    await shop.store()
    await shop.item("tea")


# Counting


async def test_a_count_is_what_there_is(shop: Shop) -> None:
    moment = ago(minutes=1)
    told = await put(shop, 5, moment, safety_stock=2)
    assert (told.on_hand, told.reserved, told.safety_stock, told.available, told.shortfall) == (5, 0, 2, 3, 0)
    assert told.as_of == moment


async def test_the_same_count_again_changes_nothing(shop: Shop) -> None:
    moment = ago(minutes=1)
    first = await put(shop, 5, moment)
    await shop.hold("tea", 2)
    between = await shop.pool.fetchrow("select * from position")
    again = await put(shop, 5, moment)
    assert (again.on_hand, again.reserved) == (5, 2)
    assert await shop.pool.fetchrow("select * from position") == between
    assert first.version + 1 == again.version  # the hold's


async def test_a_count_older_than_the_last_one_is_passed_over(shop: Shop) -> None:
    await put(shop, 5, ago(minutes=1), safety_stock=1)
    told = await put(shop, 9, ago(minutes=2), safety_stock=3)
    assert (told.on_hand, told.safety_stock) == (5, 1)


async def test_a_count_at_the_same_moment_corrects_the_first(shop: Shop) -> None:
    moment = ago(minutes=1)
    await put(shop, 5, moment)
    assert (await put(shop, 4, moment)).on_hand == 4


async def test_a_count_leaves_the_safety_stock_as_it_was_unless_it_says_one(shop: Shop) -> None:
    await put(shop, 5, ago(minutes=2), safety_stock=2)
    assert (await put(shop, 6, ago(minutes=1))).safety_stock == 2


async def test_a_count_in_the_future_is_refused_beyond_a_minute(shop: Shop) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await put(shop, 5, ago(minutes=-2))
    assert refused.value.facts["errors"][0]["pointer"] == "/as_of"
    assert (await put(shop, 5, ago(seconds=-30))).on_hand == 5


async def test_a_clock_that_runs_ahead_does_not_swallow_what_happens_after_the_count(shop: Shop) -> None:
    ahead = ago(seconds=-40)
    await put(shop, 5, ahead)
    await shop.collected("tea", 1)
    assert await on_hand(shop) == 4
    assert (await put(shop, 5, ahead)).on_hand == 4, "the same message again"
    assert (await put(shop, 6, ahead)).on_hand == 5, "corrected"
    assert (await put(shop, 6, ahead)).on_hand == 5, "and the same again"


async def test_nothing_is_known_of_a_count_in_a_store_or_of_an_item_that_is_not_there(shop: Shop) -> None:
    with pytest.raises(UnknownItem):
        await put(shop, 5, ago(minutes=1), sku="coffee")
    async with transaction(shop.pool) as db:
        with pytest.raises(UnknownStore):
            await stock.put(db, "paris", "tea", CountBody(on_hand=1, as_of=ago(minutes=1)), actor=FEED)


async def test_a_count_of_another_version_is_refused(shop: Shop) -> None:
    first = await put(shop, 5, ago(minutes=3), if_match=0)
    await shop.hold("tea", 1)
    with pytest.raises(VersionMismatch):
        await put(shop, 6, ago(minutes=1), if_match=first.version)
    assert (await put(shop, 6, ago(minutes=1), if_match=first.version + 1)).on_hand == 6


async def test_what_happened_since_the_count_is_kept(shop: Shop) -> None:
    """Counted, then collected, then sent: the count must not bring the collected units back."""
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 2)
    counted = datetime.now(UTC)
    await shop.collect(ready)
    told = await put(shop, 10, counted)
    assert (told.on_hand, told.reserved) == (8, 0)
    assert (await put(shop, 10, counted)).on_hand == 8


async def test_a_handover_from_before_the_count_that_comes_late_moves_nothing(shop: Shop) -> None:
    """A counter without a network collected, then somebody counted, then the counter told."""
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 2)
    handed_over = datetime.now(UTC)
    await put(shop, 7, datetime.now(UTC))
    await shop.collect(ready, happened_at=handed_over)
    assert (await shop.position("tea"))["on_hand"] == 7
    assert (await shop.position("tea"))["reserved"] == 0
    line = await shop.pool.fetchrow("select on_hand_change, stated_change from movement where reason = 'collect'")
    assert line is not None
    assert tuple(line) == (0, -2)


# Shortfall


async def test_a_count_below_what_is_reserved_raises_a_shortfall_once(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.hold("tea", 5)
    moment = ago(seconds=-1)
    for _ in range(2):
        told = await put(shop, 3, moment)
        assert (told.on_hand, told.reserved, told.shortfall, told.available) == (3, 5, 2, 0)
    assert (await put(shop, 2, ago(seconds=-2))).shortfall == 3
    assert await shop.events("stock.shortfall") == ["stock.shortfall"]


async def test_a_shortfall_goes_when_reality_improves_and_is_raised_anew_when_it_comes_back(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 5)
    await put(shop, 3, ago(seconds=-1))
    await tell(shop, {"delta": 1, "reason": "delivery", "happened_at": ago(seconds=-2)})
    assert (await shop.position("tea"))["shortfall"] == 1
    assert (await put(shop, 6, ago(seconds=-3))).shortfall == 0
    await put(shop, 4, ago(seconds=-4))
    assert await shop.events("stock.shortfall") == ["stock.shortfall"] * 2
    await shop.cancel(held)
    assert (await shop.position("tea"))["shortfall"] == 0


async def test_the_newest_reservations_suffer_first(shop: Shop) -> None:
    await shop.stock("tea", 6)
    orders = [await shop.hold("tea", units) for units in (3, 1, 2)]
    await put(shop, 3, ago(seconds=-1))
    async with shop.pool.acquire() as db:
        told = await stock.find_endangered(db, "lyon", "tea")
    assert [(str(one.id), one.units) for one in told.endangered] == [(orders[2]["id"], 2), (orders[1]["id"], 1)]
    assert told.endangered[0].order_ref == orders[2]["order_ref"]


async def test_nobody_is_endangered_where_nothing_is_missing(shop: Shop) -> None:
    await shop.stock("tea", 6)
    await shop.hold("tea", 6)
    async with shop.pool.acquire() as db:
        assert (await stock.find_endangered(db, "lyon", "tea")).endangered == []


async def test_the_last_unit_sold_at_the_till_is_told_as_out(shop: Shop) -> None:
    await shop.stock("tea", 3, safety=1)
    await tell(shop, {"delta": -1})
    assert await shop.events("stock.out") == []
    await tell(shop, {"delta": -1})
    await tell(shop, {"delta": -1})
    assert await shop.events("stock.out") == ["stock.out"]


async def test_a_safety_stock_that_hides_the_last_units_is_told_as_out(shop: Shop) -> None:
    await shop.stock("tea", 3)
    await put(shop, 3, ago(seconds=-1), safety_stock=3)
    assert await shop.events("stock.out") == ["stock.out"]


# Telling


async def test_a_sale_leaves_less_and_a_delivery_more(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await tell(shop, {"delta": -2}, {"delta": 7, "reason": "delivery"})
    assert await on_hand(shop) == 10
    assert await why(shop) == {"count": (5, 0), "sale": (-2, 0), "delivery": (7, 0)}


async def test_a_sale_of_what_is_not_there_is_recorded_all_the_same(shop: Shop) -> None:
    await shop.stock("tea", 1)
    await shop.hold("tea", 1)
    await tell(shop, {"delta": -3})
    position = await shop.position("tea")
    assert (position["on_hand"], position["shortfall"], position["available"]) == (-2, 1, 0)
    await tell(shop, {"delta": 4, "reason": "delivery"})
    position = await shop.position("tea")
    assert (position["on_hand"], position["shortfall"]) == (2, 0)


async def test_what_was_told_before_is_not_told_twice(shop: Shop) -> None:
    await shop.stock("tea", 5)
    sale = {"delta": -1, "reference": "till-1/7", "happened_at": ago(seconds=-1)}
    [first] = await tell(shop, sale)
    [again] = await tell(shop, sale)
    assert (first.recorded, again.recorded, again.on_hand_change) == (True, False, -1)
    assert await on_hand(shop) == 4


@pytest.mark.parametrize(
    "other", [{"delta": -2}, {"reason": "loss"}, {"order_ref": "o-1"}, {"happened_at": ago(hours=9)}]
)
async def test_another_content_under_the_same_reference_is_refused_and_nothing_else_is_recorded(
    shop: Shop, other: dict[str, Any]
) -> None:
    await shop.stock("tea", 5)
    sale = {"delta": -1, "reference": "till-1/7", "happened_at": ago(seconds=-1)}
    await tell(shop, sale)
    with pytest.raises(MovementAlreadyRecorded) as refused:
        await tell(shop, {"delta": -1}, {**sale, **other})
    assert refused.value.facts["movements"] == [{"sku": "tea", "reference": "till-1/7"}]
    assert await on_hand(shop) == 4


async def test_one_ticket_may_name_several_skus(shop: Shop) -> None:
    await shop.item("cup")
    await tell(shop, {"delta": -1, "reference": "ticket"}, {"sku": "cup", "delta": -1, "reference": "ticket"})
    assert (await on_hand(shop), await on_hand(shop, "cup")) == (-1, -1)


async def test_unknown_skus_are_all_named_and_nothing_is_recorded(shop: Shop) -> None:
    await shop.stock("tea", 5)
    with pytest.raises(UnknownSku) as refused:
        await tell(shop, {"delta": -1}, {"sku": "b", "delta": 1}, {"sku": "a", "delta": 1})
    assert refused.value.facts["skus"] == ["a", "b"]
    assert await on_hand(shop) == 5


async def test_what_happened_before_the_last_count_is_in_it_already(shop: Shop) -> None:
    counted = ago(minutes=10)
    await put(shop, 5, counted)
    [before, at, after] = await tell(
        shop,
        {"delta": -1, "happened_at": counted - timedelta(seconds=1)},
        {"delta": -1, "happened_at": counted},
        {"delta": -1, "happened_at": counted + timedelta(seconds=1)},
    )
    assert [before.on_hand_change, at.on_hand_change, after.on_hand_change] == [0, 0, -1]
    assert (await put(shop, 5, counted)).on_hand == 4, "the same count again changes nothing"
    stated = await shop.pool.fetch("select stated_change from movement where reason = 'sale' order by id")
    assert [line["stated_change"] for line in stated] == [-1, -1, None]


async def test_a_till_whose_clock_runs_ahead_is_not_counted_twice(shop: Shop) -> None:
    """Its sale was told before the count, whatever time it says: the count has it."""
    await shop.stock("tea", 5)
    await tell(shop, {"delta": -1, "happened_at": ago(minutes=-20)})
    assert (await put(shop, 4, datetime.now(UTC))).on_hand == 4


async def test_quantities_beyond_counting_are_refused(shop: Shop) -> None:
    await shop.stock("tea", 1)
    await shop.pool.execute(
        "insert into movement (store_id, sku, on_hand_change, reserved_change, reason, actor, happened_at)"
        " values ('lyon', 'tea', 2147483000, 0, 'delivery', 'test', now())"
    )
    await shop.pool.execute("update position set on_hand = on_hand + 2147483000")
    with pytest.raises(OnHandOutOfRange):
        await tell(shop, {"delta": 1_000_000})


# Sales of what was handed over


async def test_a_till_sale_of_an_order_that_was_handed_over_is_recorded_with_nothing(shop: Shop) -> None:
    await shop.stock("tea", 5)
    order = await shop.collected("tea", 2)
    [sale] = await tell(shop, {"delta": -2, "order_ref": order["order_ref"]})
    assert (sale.recorded, sale.on_hand_change) == (True, 0)
    assert await on_hand(shop) == 3


async def test_a_till_sale_is_covered_up_to_the_units_collected(shop: Shop) -> None:
    await shop.stock("tea", 9)
    order = await shop.collected("tea", 3)
    name = {"order_ref": order["order_ref"]}
    told = await tell(shop, {"delta": -2, **name}, {"delta": -2, **name})
    assert [sale.on_hand_change for sale in told] == [0, -1]
    [later] = await tell(shop, {"delta": -1, **name})
    assert later.on_hand_change == -1
    assert await on_hand(shop) == 4


async def test_a_till_sale_of_a_returned_order_is_covered_too(shop: Shop) -> None:
    await shop.stock("tea", 5)
    order = await shop.collected("tea", 1)
    await shop.take("return", order, lines=[{"sku": "tea", "quantity": 1, "sellable": True}])
    [sale] = await tell(shop, {"delta": -1, "order_ref": order["order_ref"]})
    assert sale.on_hand_change == 0
    assert await on_hand(shop) == 5


async def test_a_till_sale_of_an_order_still_on_the_shelf_or_of_another_sku_counts(shop: Shop) -> None:
    await shop.item("cup")
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 1)
    collected = await shop.collected("tea", 1)
    told = await tell(
        shop,
        {"delta": -1, "order_ref": ready["order_ref"]},
        {"delta": -1, "sku": "cup", "order_ref": collected["order_ref"]},
    )
    assert [sale.on_hand_change for sale in told] == [-1, -1]


async def test_a_sale_and_a_handover_at_the_same_time_are_judged_one_after_the_other(shop: Shop) -> None:
    """Whichever comes first, the sale sees the handover or comes before it; the ledger adds up."""
    await shop.stock("tea", 50)
    orders = [await shop.ready("tea", 1) for _ in range(8)]
    await asyncio.gather(
        *(shop.collect(order) for order in orders),
        *(tell(shop, {"delta": -1, "order_ref": order["order_ref"]}) for order in orders),
    )
    told = await shop.pool.fetchval("select sum(on_hand_change) from movement where reason = 'sale'")
    assert await on_hand(shop) == 50 - 8 + told


# Explaining


async def test_the_reasons_add_up_to_the_position(shop: Shop) -> None:
    await shop.stock("tea", 9)
    await shop.collected("tea", 2)
    await shop.hold("tea", 3)
    await tell(shop, {"delta": -1}, {"delta": -1, "reason": "loss"})
    async with shop.pool.acquire() as db:
        told = await stock.explain(db, "lyon", "tea", limit=2)
        rest = await stock.explain(db, "lyon", "tea", before=int(told.next_cursor or 0), limit=50)
    assert sum(reason.on_hand for reason in told.reasons) == told.position.on_hand == 5
    assert sum(reason.reserved for reason in told.reasons) == told.position.reserved == 3
    assert [line.reason for line in told.items + rest.items] == ["loss", "sale", "hold", "collect", "hold", "count"]
    assert rest.next_cursor is None


async def test_holds_whose_time_is_up_are_available(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 2)
    await shop.age(held)
    async with shop.pool.acquire() as db:
        told = await stock.explain(db, "lyon", "tea", limit=5)
    assert (told.due_holds, told.position.reserved, told.position.available) == (2, 2, 5)


async def test_positions_are_listed_by_sku_a_page_at_a_time(shop: Shop) -> None:
    for sku, units in {"a": 5, "b": 1, "c": 0}.items():
        await shop.stock(sku, units)
    async with shop.pool.acquire() as db:
        assert [one.sku for one in await stock.listed(db, "lyon", limit=2)] == ["a", "b"]
        assert [one.sku for one in await stock.listed(db, "lyon", after="b", limit=2)] == ["c"]
        assert [one.sku for one in await stock.listed(db, "lyon", below=2, limit=9)] == ["b", "c"]
        assert [one.sku for one in await stock.listed(db, "lyon", skus=["b"], limit=9)] == ["b"]


async def test_an_item_that_the_store_never_had_is_there_with_nothing(shop: Shop) -> None:
    async with shop.pool.acquire() as db:
        assert (await stock.find(db, "lyon", "tea")).version == 0
        with pytest.raises(UnknownItem):
            await stock.find(db, "lyon", "coffee")
        with pytest.raises(UnknownStore):
            await stock.find(db, "paris", "tea")


# At the same time


async def test_counts_and_sales_in_crossing_order_neither_block_each_other_nor_lose_a_unit(shop: Shop) -> None:
    """Twenty at once over the same skus, each in its own order; the fixture proves the ledger afterwards."""
    skus = [await shop.stock(f"sku-{n}", 100) for n in range(6)]
    new = [await shop.item(f"new-{n}") for n in range(6)]
    deadlocks = await shop.pool.fetchval("select deadlocks from pg_stat_database where datname = current_database()")

    async def one(turn: int) -> None:
        chosen = random.Random(turn).sample(skus + new, 8)
        if turn % 2:
            await tell(shop, *({"sku": sku, "delta": -1} for sku in chosen))
            return
        counts = [(sku, 50 + turn, None, ago(seconds=-1 - turn)) for sku in chosen]
        await shop.pool.fetchval("select count_stock('lyon', $1::stock_count[], 'key:feed')", counts)

    await asyncio.gather(*(one(turn) for turn in range(20)))
    after = await shop.pool.fetchval("select deadlocks from pg_stat_database where datname = current_database()")
    assert after == deadlocks
    sold = await shop.pool.fetchval("select count(*) from movement where reason = 'sale'")
    assert sold == 10 * 8


async def test_the_same_movement_told_by_many_at_once_is_recorded_once(shop: Shop) -> None:
    await shop.stock("tea", 5)
    sale = {"delta": -1, "reference": "till-1/7", "happened_at": ago(seconds=-1)}
    told = await asyncio.gather(*(tell(shop, sale) for _ in range(10)))
    assert sorted(one.recorded for [one] in told) == [False] * 9 + [True]
    assert await on_hand(shop) == 4
