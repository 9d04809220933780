"""Opening hours: examples that people would check with a calendar, and a clock that ticks minute by minute."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import hours
from service.hours import Hours, first_moment
from tests.paper import WEEK, WEEKDAYS, a_store, opening, utc

PARIS = ZoneInfo("Europe/Paris")
MINUTE = timedelta(minutes=1)


def open_hours(*openings: dict[str, Any], **fields: Any) -> Hours:
    """The hours of a store with these openings."""
    return hours.of(a_store(opening_hours=openings, **fields))


def test_a_store_without_opening_hours_is_always_open() -> None:
    always = open_hours()
    assert always.is_open(utc("2026-03-29 01:00"))
    assert always.next_opening(utc("2026-11-23 23:59")) == utc("2026-11-23 23:59")
    assert always.add_open_time(utc("2026-11-23 22:30"), 3 * 24 * 60) == utc("2026-11-26 22:30")


def test_an_always_open_store_still_closes_on_holidays_and_exceptional_days() -> None:
    always = open_hours(public_holidays="FR", exceptional_days=[{"date": "2026-12-24"}])
    assert not always.is_open(utc("2026-12-24 12:00"))
    assert not always.is_open(utc("2026-12-25 12:00"))
    assert always.next_opening(utc("2026-12-24 12:00")) == utc("2026-12-25 23:00")


def test_the_door_is_open_from_opening_up_to_closing() -> None:
    shop = open_hours(opening("09:30", "19:30", *WEEKDAYS))
    assert not shop.is_open(utc("2026-11-23 08:29"))
    assert shop.is_open(utc("2026-11-23 08:30"))
    assert shop.is_open(utc("2026-11-23 18:29"))
    assert not shop.is_open(utc("2026-11-23 18:30"))
    assert not shop.is_open(utc("2026-11-22 10:00"))  # a Sunday


def test_a_lunch_break_is_no_opening_time() -> None:
    shop = open_hours(opening("10:00", "12:30"), opening("14:00", "19:00"))
    assert not shop.is_open(utc("2026-11-23 12:00"))
    assert shop.next_opening(utc("2026-11-23 12:00")) == utc("2026-11-23 13:00")
    assert shop.add_open_time(utc("2026-11-23 11:00"), 60) == utc("2026-11-23 13:30")


def test_time_that_ends_at_closing_time_ends_then_and_not_at_the_next_opening() -> None:
    shop = open_hours(opening("10:00", "12:30"), opening("14:00", "19:00"))
    assert shop.add_open_time(utc("2026-11-23 11:00"), 30) == utc("2026-11-23 11:30")
    assert shop.add_open_time(utc("2026-11-23 11:30"), 0) == utc("2026-11-23 13:00")


def test_closing_before_opening_means_after_midnight() -> None:
    bar = open_hours(opening("18:00", "02:00", "sa"))
    assert bar.is_open(utc("2026-11-28 23:30"))
    assert bar.is_open(utc("2026-11-29 00:59"))
    assert not bar.is_open(utc("2026-11-29 01:00"))
    assert bar.add_open_time(utc("2026-11-28 22:00"), 3 * 60) == utc("2026-11-29 01:00")


def test_an_exceptional_day_replaces_the_hours_of_its_date_only() -> None:
    eve = [
        {"date": "2026-12-24", "opens": "09:00", "closes": "12:00"},
        {"date": "2026-12-24", "opens": "13:00", "closes": "16:00"},
    ]
    shop = open_hours(opening("10:00", "19:00"), exceptional_days=eve)
    assert [(span.start, span.end) for span in shop.openings(date(2026, 12, 24))] == [
        (utc("2026-12-24 08:00"), utc("2026-12-24 11:00")),
        (utc("2026-12-24 12:00"), utc("2026-12-24 15:00")),
    ]
    assert shop.openings(date(2026, 12, 23))[0].end == utc("2026-12-23 18:00")


def test_the_night_before_a_closed_day_ends_as_usual() -> None:
    bar = open_hours(opening("18:00", "02:00"), exceptional_days=[{"date": "2026-11-29"}])
    assert bar.is_open(utc("2026-11-29 00:30"))
    assert not bar.is_open(utc("2026-11-29 18:00"))


@pytest.mark.parametrize(
    ("calendar", "day", "closed"),
    [
        ("FR", date(2026, 7, 14), True),
        ("FR", date(2026, 4, 3), False),
        ("FR-57", date(2026, 4, 3), True),  # Good Friday, in Moselle
        ("FR-57", date(2026, 12, 26), True),
        (None, date(2026, 7, 14), False),
    ],
)
def test_public_holidays_are_those_of_the_country_or_the_region(calendar: str | None, day: date, closed: bool) -> None:  # noqa: FBT001 -- a table
    assert (open_hours(opening("10:00", "19:00"), public_holidays=calendar).openings(day) == []) is closed


def test_an_exceptional_day_opens_on_a_public_holiday() -> None:
    shop = open_hours(
        opening("10:00", "19:00"),
        public_holidays="FR",
        exceptional_days=[{"date": "2026-07-14", "opens": "10:00", "closes": "13:00"}],
    )
    assert shop.is_open(utc("2026-07-14 08:30"))
    assert not shop.is_open(utc("2026-07-14 12:00"))


def test_openings_that_touch_or_overlap_are_one() -> None:
    shop = open_hours(opening("10:00", "14:00"), opening("12:00", "13:00"), opening("14:00", "19:00"))
    assert [(span.start, span.end) for span in shop.openings(date(2026, 11, 23))] == [
        (utc("2026-11-23 09:00"), utc("2026-11-23 18:00"))
    ]


def test_a_day_in_spring_is_an_hour_shorter_and_one_in_autumn_an_hour_longer() -> None:
    shop = open_hours(opening("00:00", "12:00"))
    spring, autumn = shop.openings(date(2026, 3, 29))[0], shop.openings(date(2026, 10, 25))[0]
    assert spring.end - spring.start == timedelta(hours=11)
    assert autumn.end - autumn.start == timedelta(hours=13)


def test_a_time_that_the_clock_skips_is_the_moment_of_the_change() -> None:
    assert first_moment(date(2026, 3, 29), time(2, 30), PARIS) == utc("2026-03-29 01:00")
    assert open_hours(opening("02:10", "02:50")).openings(date(2026, 3, 29)) == []


def test_a_time_that_comes_twice_is_the_first_of_the_two() -> None:
    assert first_moment(date(2026, 10, 25), time(2, 30), PARIS) == utc("2026-10-25 00:30")


def test_the_next_opening_day_begins_with_its_first_opening() -> None:
    shop = open_hours(opening("10:00", "12:30", *WEEKDAYS), opening("14:00", "19:00", *WEEKDAYS))
    assert shop.next_day_opening(utc("2026-11-23 10:30")) == utc("2026-11-24 09:00")
    assert shop.next_day_opening(utc("2026-11-27 20:00")) == utc("2026-11-30 09:00")


def test_opening_days_end_when_the_last_door_of_the_day_closes() -> None:
    shop = open_hours(opening("10:00", "12:30", *WEEKDAYS), opening("14:00", "19:00", *WEEKDAYS))
    thursday = utc("2026-11-26 15:00")
    assert shop.opening_days_after(thursday, 1) == utc("2026-11-27 18:00")
    assert shop.opening_days_after(thursday, 3) == utc("2026-12-01 18:00")  # Friday, Monday, Tuesday


def test_a_store_that_opens_too_little_within_a_year_says_so() -> None:
    minute_a_week = open_hours(opening("09:00", "09:01", "mo"))
    assert minute_a_week.add_open_time(utc("2026-11-23 12:00"), 52) is not None
    assert minute_a_week.add_open_time(utc("2026-11-23 12:00"), 60) is None
    assert minute_a_week.opening_days_after(utc("2026-11-23 12:00"), 60) is None
    closed_for_good = open_hours(
        exceptional_days=[{"date": f"{date(2026, 11, 20) + timedelta(n)}"} for n in range(400)]
    )
    assert closed_for_good.next_opening(utc("2026-11-23 12:00")) is None
    assert closed_for_good.next_day_opening(utc("2026-11-23 12:00")) is None


# A clock that ticks minute by minute: an opening has begun once the clock on the wall has shown its time.

FIRST_DAYS = {  # before each of these the clock is about to be changed: at night, at midnight, by half an hour
    "Europe/Paris": [date(2026, 3, 27), date(2026, 10, 23), date(2026, 11, 20)],
    "Australia/Lord_Howe": [date(2026, 4, 2), date(2026, 10, 2)],
    "America/Havana": [date(2026, 3, 6), date(2026, 10, 30)],
    "Africa/Cairo": [date(2026, 4, 22), date(2026, 10, 28)],
    "UTC": [date(2026, 12, 23)],
}
DAYS_TICKED = 5

clocks = st.sampled_from(["00:00", "00:30", "02:15", "03:00", "09:30", "12:30", "14:00", "19:45", "23:00", "23:59"])
openings = st.builds(
    lambda opens, closes, days: opening(opens, closes, *sorted(days)),
    clocks,
    clocks,
    st.sets(st.sampled_from(WEEK), min_size=1),
)


@cache
def ticks(zone: str, first: date) -> list[tuple[datetime, datetime]]:
    """Each minute of some days, with the furthest time that the clock on the wall has shown up to then."""
    moment = datetime.combine(first, time(), UTC) - timedelta(days=2)
    furthest = datetime.min  # noqa: DTZ901 -- a wall clock knows no zone
    shown = []
    for _ in range((DAYS_TICKED + 3) * 24 * 60):
        furthest = max(furthest, moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
        shown.append((moment, furthest))
        moment += MINUTE
    return [(moment, furthest) for moment, furthest in shown if furthest.date() >= first]


def open_minutes(shop: Hours, first: date) -> list[datetime]:
    """The open minutes of the days that tick."""
    walls = []
    for day in (first + timedelta(days=n) for n in range(-1, DAYS_TICKED + 2)):
        for opens, closes in shop._clocks(day):
            until = datetime.combine(day if closes > opens else day + timedelta(days=1), closes)
            walls.append((datetime.combine(day, opens), until))
    return [
        moment
        for moment, furthest in ticks(shop.zone.key, first)
        if any(start <= furthest < end for start, end in walls)
    ]


@st.composite
def shops(draw: st.DrawFn) -> tuple[Hours, date]:
    """The hours of some shop, and a day on which to look at it."""
    zone = draw(st.sampled_from(list(FIRST_DAYS)))
    first = draw(st.sampled_from(FIRST_DAYS[zone]))
    closed = draw(st.sets(st.integers(0, DAYS_TICKED), max_size=2))
    shop = open_hours(
        *draw(st.lists(openings, max_size=3)),
        time_zone=zone,
        public_holidays=draw(st.sampled_from([None, "FR-57"])),
        exceptional_days=[{"date": f"{first + timedelta(days=n)}"} for n in closed],
    )
    return shop, first


@settings(max_examples=60, deadline=None)
@given(shops(), st.integers(0, DAYS_TICKED * 24 * 60), st.integers(0, 2 * 24 * 60))
def test_the_hours_agree_with_a_clock_that_ticks(world: tuple[Hours, date], begin: int, minutes: int) -> None:
    shop, first = world
    moments = [moment for moment, _ in ticks(shop.zone.key, first)][: DAYS_TICKED * 24 * 60 + 1]
    start = moments[min(begin, len(moments) - 1)]
    opened = open_minutes(shop, first)
    assert shop.is_open(start) is (start in set(opened))
    still = [moment for moment in opened if moment >= start]
    if len(still) > minutes:
        assert shop.add_open_time(start, minutes) == (still[minutes - 1] + MINUTE if minutes else still[0])


@settings(max_examples=60, deadline=None)
@given(shops(), st.integers(0, 3 * 24 * 60), st.integers(0, 3000), st.integers(1, 3000))
def test_open_time_adds_up_and_never_runs_backwards(
    world: tuple[Hours, date], begin: int, some: int, more: int
) -> None:
    shop, first = world
    start = datetime.combine(first, time(), UTC) + begin * MINUTE
    between, after = shop.add_open_time(start, some), shop.add_open_time(start, some + more)
    later = shop.add_open_time(start + MINUTE, some)
    assert between is None or start <= between
    if between and after and later:
        assert between < after
        assert between <= later
        assert shop.add_open_time(between, more) == after
