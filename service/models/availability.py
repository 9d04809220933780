"""Availability as it travels in JSON: which stores have how much of a basket, by when, and in which slots."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from service.models.fields import MOST_LINES, Asked, Moment, Quantity, Sku, StoreId, Told
from service.models.hours import Reachable
from service.models.slots import Slot
from service.models.stores import Near


class LineWanted(Asked):
    """One sku and how many; the same sku twice is summed."""

    sku: Sku
    quantity: Quantity


class AvailabilityBody(Asked):
    """A basket, and where to look for it: near a place, in some stores, or in every store of the key."""

    lines: Annotated[tuple[LineWanted, ...], Field(min_length=1, max_length=MOST_LINES)]
    near: Near | None = None
    stores: Annotated[tuple[StoreId, ...], Field(min_length=1, max_length=200)] | None = None
    open_at: Annotated[Reachable | None, Field(description="only stores that are open then")] = None
    complete_first: Annotated[bool, Field(description="stores that have everything come first")] = False
    limit: Annotated[int, Field(ge=1, le=50)] = 20

    @model_validator(mode="after")
    def looks_in_one_place(self) -> "AvailabilityBody":
        """Refuse two answers to where."""
        if self.near is not None and self.stores is not None:
            raise ValueError("give near or stores, not both")
        return self


@dataclass(slots=True)  # there are hundreds in an answer: made without a look at what PostgreSQL has just counted
class LineAvailable:
    """How many were asked for, and how many can be had now; more may be available than were asked."""

    sku: str
    asked: int
    available: int


@dataclass(slots=True)
class StoreAvailability:
    """What one store has of a basket; `slots` are the free ones of the first day that has any."""

    store: str
    name: str
    distance_km: float | None
    complete: bool
    ready_by: Moment | None
    lines: list[LineAvailable]
    slots: list[Slot]


class Availability(Told):
    """The stores that take orders, nearest first."""

    items: list[StoreAvailability]
