"""Ready by when: the rule on paper, and the work it reads from the database."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from service import promise, stores
from service.database import Pool
from tests.paper import WEEKDAYS, a_store, opening, utc
from tests.shop import Shop


@pytest.mark.parametrize(
    ("now", "fields", "orders", "longest", "ready_by"),
    [
        ("2026-11-23 09:00", {}, 0, 0, "2026-11-23 11:00"),  # two hours, unless said otherwise
        ("2026-11-23 09:00", {"preparation_minutes": 0}, 5, 0, "2026-11-23 09:00"),
        ("2026-11-23 09:00", {"preparation_minutes": 30}, 0, 45, "2026-11-23 09:45"),  # the slowest item
        ("2026-11-23 09:00", {"preparation_minutes": 30}, 0, 15, "2026-11-23 09:30"),  # the store is slower
        ("2026-11-23 09:00", {"preparation_minutes": 30, "parallel_orders": 4}, 3, 0, "2026-11-23 09:30"),
        ("2026-11-23 09:00", {"preparation_minutes": 30, "parallel_orders": 4}, 9, 0, "2026-11-23 10:30"),
        ("2026-11-23 09:00", {"preparation_minutes": 30}, 2, 60, "2026-11-23 11:00"),  # others take the store's time
    ],
)
def test_ready_by_follows_the_rule(now: str, fields: dict[str, Any], orders: int, longest: int, ready_by: str) -> None:
    assert promise.ready_by(a_store(**fields), utc(now), orders=orders, longest=longest) == utc(ready_by)


@pytest.mark.parametrize(
    ("now", "ready_by"),
    [
        ("2026-11-23 10:00", "2026-11-23 12:00"),  # Monday, Paris is an hour ahead
        ("2026-11-23 16:59", "2026-11-24 09:59"),  # just before the cut-off: 31 minutes are left of today
        ("2026-11-23 17:00", "2026-11-24 10:30"),  # at the cut-off: tomorrow
        ("2026-11-27 17:30", "2026-11-30 10:30"),  # Friday evening: Monday
        ("2026-11-28 10:00", "2026-11-30 10:30"),  # Saturday: Monday all the same
        ("2026-11-24 05:00", "2026-11-24 10:30"),  # early: from the opening on
    ],
)
def test_after_the_cut_off_the_next_opening_day_begins(now: str, ready_by: str) -> None:
    shop = a_store(opening_hours=[opening("09:30", "18:30", *WEEKDAYS)], cut_off="18:00")
    assert promise.ready_by(shop, utc(now), orders=0) == utc(ready_by)


def test_after_the_cut_off_means_tomorrow_even_when_the_door_opens_again_today() -> None:
    shop = a_store(opening_hours=[opening("09:00", "12:00"), opening("14:00", "19:00")], cut_off="11:00")
    assert promise.ready_by(shop, utc("2026-11-23 10:30"), orders=0) == utc("2026-11-24 10:00")


def test_only_opening_time_counts() -> None:
    shop = a_store(opening_hours=[opening("09:30", "18:30", *WEEKDAYS)], public_holidays="FR", preparation_minutes=120)
    assert promise.ready_by(shop, utc("2026-12-24 16:30"), orders=0) == utc("2026-12-28 09:30")


def test_a_store_that_never_gets_there_promises_nothing() -> None:
    shop = a_store(opening_hours=[opening("09:00", "09:01", "mo")])
    assert promise.ready_by(shop, utc("2026-11-23 09:00"), orders=0) is None
    assert promise.ready_by(a_store(), utc("2026-11-23 09:00"), orders=1_000_000) is None


@pytest.mark.parametrize(
    ("ready_at", "days", "collect_by"),
    [
        ("2026-11-23 10:00", 3, "2026-11-26 18:30"),  # the day it became ready does not count
        ("2026-11-23 10:00", 1, "2026-11-24 18:30"),
        (
            "2026-12-23 10:00",
            3,
            "2026-12-29 18:30",
        ),  # Thursday, Monday, Tuesday: Christmas and the week-end don't count
    ],
)
def test_a_ready_order_waits_for_whole_opening_days(ready_at: str, days: int, collect_by: str) -> None:
    shop = a_store(opening_hours=[opening("09:30", "19:30", *WEEKDAYS)], public_holidays="FR", collect_days=days)
    assert promise.collect_by(shop, utc(ready_at), None) == utc(collect_by)


def test_what_happens_after_midnight_belongs_to_the_evening_before() -> None:
    late = a_store(opening_hours=[opening("18:00", "02:00")], cut_off="23:00", collect_days=1)
    assert promise.ready_by(late, utc("2026-11-23 23:30"), orders=0) == utc("2026-11-24 19:00")  # as an hour before
    assert promise.ready_by(late, utc("2026-11-24 01:30"), orders=0) == utc("2026-11-24 19:00")
    assert promise.collect_by(late, utc("2026-11-23 23:30"), None) == utc("2026-11-25 01:00")
    assert promise.collect_by(late, utc("2026-11-25 01:00"), None) == utc("2026-11-26 01:00")  # a day more
    always = a_store(collect_days=3)
    assert promise.collect_by(always, utc("2026-11-23 10:00"), None) == utc("2026-11-26 23:00")
    assert promise.collect_by(always, utc("2026-11-26 23:00"), None) == utc("2026-11-29 23:00")  # three days more


def test_it_never_waits_for_less_than_its_slot() -> None:
    shop = a_store(opening_hours=[opening("09:30", "19:30")], slots={"minutes": 30, "capacity": 2}, collect_days=1)
    assert promise.collect_by(shop, utc("2026-11-23 10:00"), utc("2026-11-24 10:00")) == utc("2026-11-24 18:30")
    assert promise.collect_by(shop, utc("2026-11-23 10:00"), utc("2026-11-30 10:00")) == utc("2026-11-30 10:30")


def test_a_store_that_opens_no_more_waits_for_calendar_days() -> None:
    closed = [{"date": f"{utc('2026-11-20 12:00').date() + timedelta(days=n)}"} for n in range(400)]
    shop = a_store(exceptional_days=closed)
    assert promise.collect_by(shop, utc("2026-11-23 10:00"), None) == utc("2026-11-26 10:00")


async def estimate(pool: Pool, *skus: str, store: str = "lyon") -> timedelta:
    """How far from now the store would promise these skus."""
    async with pool.acquire() as db, db.transaction():
        [ready_by] = await promise.estimates(db, [(await stores.find(db, store), skus)])
        now = await db.fetchval("select now()")
    assert isinstance(ready_by, datetime)
    assert isinstance(now, datetime)
    return ready_by - now


async def test_the_slowest_item_of_the_basket_decides(shop: Shop, pool: Pool) -> None:
    await shop.store()
    await shop.item("cup", preparation_minutes=10)
    await shop.item("cake", preparation_minutes=600)
    assert await estimate(pool) == timedelta(hours=2)
    assert await estimate(pool, "cup", "nothing known") == timedelta(hours=2)
    assert await estimate(pool, "cup", "cake") == timedelta(hours=10)


async def test_orders_confirmed_or_being_picked_are_work_and_others_are_not(shop: Shop, pool: Pool) -> None:
    await shop.store("lyon", preparation_minutes=30, parallel_orders=2)
    await shop.stock("tea", 50)
    await shop.stock("tea", 50, store="lille")
    for _ in range(3):
        await shop.hold("tea", 1)
    await shop.ready("tea", 1)
    await shop.collected("tea", 1)
    await shop.cancel(await shop.confirm(await shop.hold("tea", 1)))
    await shop.confirm(await shop.hold("tea", 1, store="lille"))
    assert await estimate(pool, "tea") == timedelta(minutes=30)
    await shop.confirm(await shop.hold("tea", 1))
    assert await estimate(pool, "tea") == timedelta(minutes=30)
    await shop.take("pick", await shop.confirm(await shop.hold("tea", 1)))
    assert await estimate(pool, "tea") == timedelta(minutes=60)


async def test_each_ask_gets_its_own_answer_in_order(shop: Shop, pool: Pool) -> None:
    await shop.store("lyon", preparation_minutes=30)
    await shop.store("lille", preparation_minutes=60)
    await shop.store("never", opening_hours=[opening("09:00", "09:01", "mo")])
    await shop.item("cake", preparation_minutes=600)
    async with pool.acquire() as db, db.transaction():
        lyon, lille, never = await stores.several(db, ["lyon", "lille", "never"])
        now = await db.fetchval("select now()")
        found = await promise.estimates(
            db,
            [(lille, ["tea"]), (lyon, ["cake"]), (never, []), (lyon, []), (lille, ["cake", "tea"]), (lyon, ["cake"])],
        )
        assert await promise.estimates(db, []) == []
    minutes = [ready_by and (ready_by - now) / timedelta(minutes=1) for ready_by in found]
    assert minutes == [60, 600, None, 30, 600, 600]
