"""Slots: where they are on the calendar, which may be taken, and what is left of them."""

import asyncio
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from service import hours, slots, stores
from service.database import Pool, transaction
from service.errors import InvalidSlot, SlotFull
from service.idempotency import Kept
from service.models.slots import Slot
from service.models.stores import Store
from tests.paper import WEEKDAYS, a_store, opening, utc
from tests.shop import Shop

HALF_HOUR = timedelta(minutes=30)
PLAN = {"minutes": 30, "capacity": 2}
ONE_A_DAY = {"minutes": 23 * 60, "capacity": 1}  # a day in spring has no more


def plan(*openings: dict[str, Any], **fields: Any) -> Store:
    """A store with slots of half an hour."""
    return a_store(opening_hours=openings, **({"slots": PLAN} | fields))


def test_slots_follow_each_other_from_each_opening_while_the_door_is_open() -> None:
    store = plan(opening("10:00", "11:45"), opening("14:15", "15:15"))
    assert slots.starts(store, date(2026, 11, 23)) == [
        utc("2026-11-23 09:00"),
        utc("2026-11-23 09:30"),
        utc("2026-11-23 10:00"),  # the next would end after the door closes
        utc("2026-11-23 13:15"),
        utc("2026-11-23 13:45"),
    ]


def test_slots_after_midnight_are_on_the_date_that_the_calendar_shows() -> None:
    bar = plan(opening("23:00", "01:00", "sa"))
    assert slots.starts(bar, date(2026, 11, 28)) == [utc("2026-11-28 22:00"), utc("2026-11-28 22:30")]
    assert slots.starts(bar, date(2026, 11, 29)) == [utc("2026-11-28 23:00"), utc("2026-11-28 23:30")]


@pytest.mark.parametrize(
    ("day", "count"), [(date(2026, 3, 29), 46), (date(2026, 10, 25), 50), (date(2026, 11, 23), 48)]
)
def test_a_day_has_as_many_slots_as_it_has_half_hours(day: date, count: int) -> None:
    found = slots.starts(plan(), day)
    assert len(found) == count
    assert all(after - before == HALF_HOUR for before, after in pairwise(found))


def test_a_closed_day_and_a_store_without_slots_have_none() -> None:
    assert slots.starts(plan(opening("10:00", "19:00", *WEEKDAYS)), date(2026, 11, 28)) == []
    assert slots.starts(plan(slots=None), date(2026, 11, 23)) == []


def test_a_slot_that_the_store_offers_says_its_capacity() -> None:
    store = plan(opening("10:00", "19:00"))
    now, ready_by = utc("2026-11-23 10:00"), utc("2026-11-23 12:00")
    assert slots.check(store, ready_by, ready_by, now) == 2
    assert slots.end(store, ready_by) == utc("2026-11-23 12:30")
    assert slots.check(store, datetime.fromisoformat("2026-11-24T10:30:00+01:00"), ready_by, now) == 2


@pytest.mark.parametrize(
    ("starts_at", "fields", "why"),
    [
        ("2026-11-23 13:00", {"slots": None}, "has no slots"),
        ("2026-11-23 09:30", {}, "has begun"),
        ("2026-11-23 10:00", {}, "has begun"),
        ("2026-11-23 13:10", {}, "No slot"),
        ("2026-11-23 18:00", {}, "No slot"),  # closed
        ("2026-11-28 13:00", {}, "No slot"),  # Saturday
        ("2027-11-29 13:00", {}, "a year ahead"),
        ("9999-12-31 23:00", {}, "a year ahead"),
        ("2026-11-23 11:30", {}, "won't be ready"),
    ],
)
def test_a_slot_that_cannot_be_had_is_refused_with_the_reason(starts_at: str, fields: dict[str, Any], why: str) -> None:
    store = plan(opening("10:00", "19:00", *WEEKDAYS), **fields)
    with pytest.raises(InvalidSlot, match=why):
        slots.check(store, utc(starts_at), utc("2026-11-23 12:00"), utc("2026-11-23 10:00"))


def test_no_slot_can_be_had_where_nothing_can_be_promised() -> None:
    with pytest.raises(InvalidSlot, match="can't say"):
        slots.check(plan(), utc("2026-11-24 12:00"), None, utc("2026-11-23 10:00"))


async def coming(pool: Pool, day: date | None = None, store: str = "lyon") -> list[Slot]:
    """The slots of the store's day."""
    async with pool.acquire() as db:
        return await slots.of_day(db, await stores.find(db, store), day)


async def tomorrow(pool: Pool) -> date:
    """The day after today, in Paris."""
    found = await pool.fetchval("select (now() at time zone 'Europe/Paris')::date + 1")
    assert isinstance(found, date)
    return found


async def test_what_orders_take_is_no_longer_left(shop: Shop, pool: Pool) -> None:
    await shop.store("lyon", slots=PLAN)
    await shop.stock("tea", 10)
    day = await tomorrow(pool)
    first, second = [slot.starts_at for slot in await coming(pool, day)][20:22]
    held = await shop.hold("tea", 1, slot=first)
    await shop.hold("tea", 1, slot=first)
    with pytest.raises(SlotFull):
        await shop.hold("tea", 1, slot=first)
    await shop.hold("tea", 1, slot=second)
    assert {slot.starts_at: slot.left for slot in await coming(pool, day) if slot.left < 2} == {first: 0, second: 1}
    await shop.cancel(held)
    assert {slot.starts_at: slot.left for slot in await coming(pool, day) if slot.left < 2} == {first: 1, second: 1}


async def test_a_slot_that_due_holds_fill_is_free_with_no_worker_running(shop: Shop, pool: Pool) -> None:
    await shop.store("lyon", slots=PLAN)
    await shop.stock("tea", 10)
    slot = (await coming(pool, await tomorrow(pool)))[20]
    held = [await shop.hold("tea", 1, slot=slot.starts_at) for _ in range(2)]
    for one in held:
        await shop.age(one)
    assert slot in await coming(pool, await tomorrow(pool))
    answers = await asyncio.gather(*(shop.ask("tea", 1, slot=slot.starts_at) for _ in range(5)))
    assert sum(isinstance(answer, Kept) for answer in answers) == 2
    assert sum(isinstance(answer, SlotFull) for answer in answers) == 3
    assert [await shop.state(one) for one in held] == ["expired", "expired"]


async def test_slots_that_have_begun_are_not_listed(shop: Shop, pool: Pool) -> None:
    await shop.store("lyon", slots=PLAN)
    async with transaction(pool) as db:  # in which it stays the same moment
        lyon, now = await stores.find(db, "lyon"), await db.fetchval("select now()")
        day = hours.of(lyon).day_of(now)
        yesterday, today, default = [await slots.of_day(db, lyon, on) for on in (day - timedelta(days=1), day, None)]
    assert today == default
    assert [slot.starts_at for slot in today] == [start for start in slots.starts(lyon, day) if start > now]
    assert yesterday == []


async def test_the_first_day_with_a_free_slot_is_found(shop: Shop, pool: Pool) -> None:
    await shop.store("lyon", slots=ONE_A_DAY)
    await shop.store("lille", slots=PLAN)
    await shop.store("plain")
    await shop.stock("tea", 10)
    day = await tomorrow(pool)
    morning = utc(f"{day} 00:00")
    [full] = await coming(pool, day + timedelta(days=1))
    await shop.hold("tea", 1, slot=full.starts_at)
    async with pool.acquire() as db:
        lyon, lille, plain = await stores.several(db, ["lyon", "lille", "plain"])
        asks = [(lyon, morning), (plain, morning), (lille, morning + timedelta(hours=10, minutes=1)), (lille, None)]
        in_lyon, nowhere, in_lille, unpromised = await slots.first_free(db, asks)
    assert in_lyon == await coming(pool, day + timedelta(days=2))
    assert nowhere == unpromised == []
    assert in_lille[0].starts_at == morning + timedelta(hours=10, minutes=30)
    assert {slot.starts_at.astimezone(full.starts_at.tzinfo).date() for slot in in_lille} <= {
        day,
        day - timedelta(days=1),
    }


async def test_a_store_whose_slots_are_all_taken_offers_none(shop: Shop, pool: Pool) -> None:
    await shop.store("lyon", slots=ONE_A_DAY)
    await shop.stock("tea", 20)
    day = await tomorrow(pool)
    for n in range(slots.SEARCHED):
        [slot] = await coming(pool, day + timedelta(days=n))
        if n or slot.starts_at > await pool.fetchval("select now() + interval '2 hours'"):
            await shop.hold("tea", 1, slot=slot.starts_at)
    async with pool.acquire() as db:
        lyon = await stores.find(db, "lyon")
        assert await slots.first_free(db, [(lyon, await db.fetchval("select now() + interval '2 hours'"))]) == [[]]
