"""Reports as they travel in JSON: a store's day in figures. Times are seconds."""

from datetime import date
from typing import Annotated

from pydantic import Field

from service.models.fields import Asked, StoreId, Told
from service.models.hours import Calendared


class DayAsked(Asked):
    """Of which store, or of all that the caller may see; of which day, or of today by each store's clocks."""

    store: StoreId | None = None
    date: Calendared | None = None


class Spread(Told):
    """How long something took: of how many, half of them at most `median`, nine of ten at most `ninth`."""

    count: int
    median: float | None
    ninth: float | None


class Promises(Told):
    """Orders made ready in time, or too late; and those that are late and not ready yet."""

    kept: int
    missed: int
    overdue: int

    @property
    def share(self) -> float | None:
        """Which part was kept, of all that were due."""
        due = self.kept + self.missed + self.overdue
        return self.kept / due if due else None


class Short(Told):
    """What was not found at picking: in how many orders, and how many units of all that were to be picked."""

    orders: int
    units: int
    of_units: int


class Hour(Told):
    """What happened in one hour of the store's clocks."""

    hour: Annotated[int, Field(ge=0, le=23)]
    confirmed: int
    ready: int
    collected: int


class DayReport(Told):
    """A store's day: orders confirmed, made ready, handed over, cancelled, and given up because nobody came."""

    store: str
    date: date
    confirmed: int
    ready: int
    collected: int
    cancelled: int
    uncollected: int
    time_to_ready: Spread
    promises: Promises
    waiting: Annotated[Spread, Field(description="from the customer's arrival, where they said so, to the handover")]
    short: Short
    hours: Annotated[
        list[Hour], Field(description="where one store was asked for: the hours in which anything happened")
    ]


class DayReports(Told):
    """The day of each store."""

    items: list[DayReport]
