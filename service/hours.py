"""When a store is open: time counted as its door and the clock on its wall count it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

from service.models.stores import Store

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
LOOK_AHEAD = 366  # days; what does not happen within a year is not promised

_DAY = timedelta(days=1)
_MIDNIGHT = time()

Clocks = tuple[time, time]  # from, to; the second is of the next day where it is not later than the first


class Span(NamedTuple):
    """One opening: from `start` up to, and not at, `end`; both UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Hours:
    """The opening hours of one store. An opening belongs to the day on which it starts."""

    zone: ZoneInfo
    weekly: tuple[tuple[Clocks, ...], ...]  # Monday first
    exceptional: Mapping[date, tuple[Clocks, ...]]
    calendar: holidays.HolidayBase | None

    def day_of(self, moment: datetime) -> date:
        """The date that the store's calendar shows."""
        return moment.astimezone(self.zone).date()

    def opening_day(self, moment: datetime) -> date:
        """The day whose opening goes on or just ends, which after midnight is the day before; else `day_of`."""
        day = self.day_of(moment)
        night = any(start < moment <= end for start, end in self.openings(day - _DAY))
        return day - _DAY if night else day

    def openings(self, day: date) -> list[Span]:
        """The openings that start on a day, in order; those that touch are one."""
        spans: list[Span] = []
        for opens, closes in sorted(self._clocks(day)):
            start = first_moment(day, opens, self.zone)
            end = first_moment(day if closes > opens else day + _DAY, closes, self.zone)
            if spans and start <= spans[-1].end:
                spans[-1] = Span(spans[-1].start, max(end, spans[-1].end))
            elif start < end:  # an opening within an hour that the clock skips is none
                spans.append(Span(start, end))
        return spans

    def is_open(self, moment: datetime) -> bool:
        """Whether the door is open."""
        day = self.day_of(moment)
        return any(start <= moment < end for on in (day - _DAY, day) for start, end in self.openings(on))

    def next_opening(self, moment: datetime) -> datetime | None:
        """The first open moment from `moment` on, which is `moment` itself while the door is open."""
        return self.add_open_time(moment, 0)

    def next_day_opening(self, moment: datetime) -> datetime | None:
        """The first opening of a later day than the opening day of `moment`."""
        return next((spans[0].start for spans in self._later_days(moment)), None)

    def add_open_time(self, start: datetime, minutes: int) -> datetime | None:
        """The moment by which the door was open for so many minutes since `start`; None where that takes a year."""
        reached, left = start, timedelta(minutes=minutes)
        day = self.day_of(start)
        for span in (span for n in range(-1, LOOK_AHEAD) for span in self.openings(day + n * _DAY)):
            begin = max(reached, span.start)
            if begin < span.end:
                if left <= span.end - begin:
                    return begin + left
                left -= span.end - begin
                reached = span.end
        return None

    def opening_days_after(self, moment: datetime, days: int) -> datetime | None:
        """The closing time of the n-th opening day after that of `moment`; None where that takes a year."""
        for n, spans in enumerate(self._later_days(moment), 1):
            if n == days:
                return spans[-1].end
        return None

    def _clocks(self, day: date) -> tuple[Clocks, ...]:
        if day in self.exceptional:
            return self.exceptional[day]
        if self.calendar is not None and day in self.calendar:
            return ()
        return self.weekly[day.weekday()]

    def _later_days(self, moment: datetime) -> Iterator[list[Span]]:
        day = self.opening_day(moment)
        return filter(None, (self.openings(day + n * _DAY) for n in range(1, LOOK_AHEAD)))


def of(store: Store) -> Hours:
    """The opening hours of a store; without any it is always open, but for its exceptional days and holidays."""
    weekly: dict[str, list[Clocks]] = defaultdict(list)
    for opening in store.opening_hours:
        for day in opening.days:
            weekly[day].append((opening.opens, opening.closes))
    always = () if store.opening_hours else ((_MIDNIGHT, _MIDNIGHT),)
    exceptional: dict[date, tuple[Clocks, ...]] = {}
    for row in store.exceptional_days:
        clocks = () if row.opens is None or row.closes is None else ((row.opens, row.closes),)
        exceptional[row.date] = exceptional.get(row.date, ()) + clocks
    return Hours(
        zone=ZoneInfo(store.time_zone),
        weekly=tuple(tuple(weekly[day]) or always for day in DAYS),
        exceptional=exceptional,
        calendar=_calendar(store.public_holidays) if store.public_holidays else None,
    )


@cache
def _calendar(code: str) -> holidays.HolidayBase:
    country, _, region = code.partition("-")
    return holidays.country_holidays(country, subdiv=region or None)


@lru_cache(maxsize=10_000)
def first_moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The first moment at which the clock on the wall shows that time of that day, or a later one.

    A time that summer time skips is the moment of the change; one that happens twice is the first of the two.
    """
    wall = datetime.combine(day, clock)
    late = wall.replace(tzinfo=zone).astimezone(UTC)
    if _shown(late, zone) == wall:
        return late
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while late - early > timedelta(seconds=1):  # between them the clock jumps
        middle = early + (late - early) / 2
        early, late = (early, middle) if _shown(middle, zone) >= wall else (middle, late)
    return late.replace(microsecond=0)


def _shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
