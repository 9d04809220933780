"""Hours as they travel in JSON: clocks, days, dates, and the calendars of time zones and public holidays."""

import re
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import holidays
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator
from pydantic import StringConstraints as Text

from service.models.fields import Asked, Moment

_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _read_clock(value: Any) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(_CLOCK, value):
        raise ValueError("give hours and minutes, like 09:30; midnight is 00:00")
    return time.fromisoformat(value)


def _spell_clock(value: time) -> str:
    return f"{value:%H:%M}"


def _within_reach(moment: datetime) -> datetime:
    if not _FIRST <= moment < _LAST:
        raise ValueError("give a moment of this century")
    return moment


def _known_time_zone(name: str) -> str:
    if name not in _time_zones():
        raise ValueError("no such time zone exists; give an IANA name, like Europe/Paris")
    return name


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _known_calendar(code: str) -> str:
    country, _, region = code.partition("-")
    try:
        holidays.country_holidays(country, subdiv=region or None)
    except NotImplementedError:
        raise ValueError("no public holidays are known for it; give FR, or FR-57 for those of a region") from None
    return code


Clock = Annotated[
    time,
    BeforeValidator(_read_clock),
    PlainSerializer(_spell_clock),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK}$", "examples": ["09:30"]}),
]
TimeZone = Annotated[str, Text(max_length=64), AfterValidator(_known_time_zone), Field(examples=["Europe/Paris"])]
Calendar = Annotated[str, Text(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$"), AfterValidator(_known_calendar)]
Day = Literal["mo", "tu", "we", "th", "fr", "sa", "su"]
Calendared = Annotated[date, Field(ge=_FIRST.date(), lt=_LAST.date())]
Reachable = Annotated[Moment, AfterValidator(_within_reach)]


class Opening(Asked):
    """From when to when a store is open on some days of the week; closing at or before opening means after midnight."""

    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)]
    opens: Clock
    closes: Clock


class ExceptionalDay(Asked):
    """A date with hours of its own; without hours the store is closed. Several rows are several openings."""

    date: Calendared
    opens: Clock | None = None
    closes: Clock | None = None

    @model_validator(mode="after")
    def opens_and_closes(self) -> "ExceptionalDay":
        """Refuse half an opening."""
        if (self.opens is None) != (self.closes is None):
            raise ValueError("give opens and closes, or neither where the store is closed")
        return self
