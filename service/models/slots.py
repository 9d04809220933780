"""Slots as they travel in JSON."""

from typing import Annotated

from pydantic import Field

from service.models.fields import Asked, Moment, Told
from service.models.hours import Calendared


class SlotsQuery(Asked):
    """Which day, on the store's calendar."""

    date: Annotated[Calendared | None, Field(description="by the store's clock; today where none is given")] = None


class Slot(Told):
    """When a slot starts, and how many more orders it takes."""

    starts_at: Moment
    left: int


class Slots(Told):
    """The slots of one day that are still to come, full ones too."""

    items: list[Slot]
