"""Stores as they travel in JSON: where they are, when they are open, what they promise."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic import StringConstraints as Text

from service.models.fields import Asked, Gln, Moment, Name, Phone, Told
from service.models.hours import Calendar, Clock, ExceptionalDay, Opening, Reachable, TimeZone

MOST_LISTED = 100
MOST_EXCEPTIONAL_DAYS = 400

Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Radius = Annotated[float, Field(gt=0, le=20_100, allow_inf_nan=False, description="kilometres")]
Instruction = Annotated[str, Text(min_length=1, max_length=1000)]


class Address(Asked):
    """Where the store is, as the post knows it."""

    line1: Name
    line2: Name | None = None
    postcode: Annotated[str, Text(min_length=1, max_length=16)]
    city: Name
    country: Annotated[str, Text(pattern=r"^[A-Z]{2}$"), Field(examples=["FR"])] | None = None


class SlotPlan(Asked):
    """How long a slot lasts, and how many orders the store hands over in one."""

    minutes: Annotated[int, Field(ge=5, le=24 * 60)]
    capacity: Annotated[int, Field(ge=1, le=10_000)]


class Instructions(Asked):
    """How to find the counter, in the customer's language."""

    fr: Instruction | None = None
    en: Instruction | None = None


class StoreBody(Asked):
    """A store, all of it: what is left out takes its default."""

    name: Name
    time_zone: TimeZone
    address: Address | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    phone: Phone | None = None
    gln: Gln | None = None
    opening_hours: Annotated[tuple[Opening, ...], Field(max_length=50, description="none: always open")] = ()
    exceptional_days: Annotated[tuple[ExceptionalDay, ...], Field(max_length=MOST_EXCEPTIONAL_DAYS)] = ()
    public_holidays: Annotated[Calendar | None, Field(description="closed on these", examples=["FR", "FR-57"])] = None
    preparation_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 60)] = 120
    parallel_orders: Annotated[int, Field(ge=1, le=10_000)] = 1
    cut_off: Annotated[Clock | None, Field(description="later orders are for the next opening day")] = None
    slots: SlotPlan | None = None
    hold_seconds: Annotated[int, Field(ge=60, le=4 * 3600)] = 900
    collect_days: Annotated[int, Field(ge=1, le=90, description="opening days")] = 3
    instructions: Instructions | None = None
    active: bool = True

    @model_validator(mode="after")
    def has_both_coordinates(self) -> "StoreBody":
        """Refuse half a place on the map."""
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("give latitude and longitude, or neither")
        return self

    @model_validator(mode="after")
    def is_open_or_closed_on_a_date(self) -> "StoreBody":
        """Refuse a date that is said to be closed and open."""
        closed = {day.date for day in self.exceptional_days if day.opens is None}
        opened = {day.date for day in self.exceptional_days if day.opens is not None}
        if both := sorted(closed & opened):
            raise ValueError(f"exceptional_days say both closed and open on {both[0]}")
        return self


class Store(Told):
    """A store as it stands."""

    id: str
    number: int = Field(exclude=True)  # as it stands in customers' tokens
    version: int
    name: str
    time_zone: str
    address: Address | None
    latitude: float | None
    longitude: float | None
    phone: str | None
    gln: str | None
    opening_hours: tuple[Opening, ...]
    exceptional_days: tuple[ExceptionalDay, ...]
    public_holidays: str | None
    preparation_minutes: int
    parallel_orders: int
    cut_off: Clock | None
    slots: SlotPlan | None
    hold_seconds: int
    collect_days: int
    instructions: Instructions | None
    active: bool
    created_at: Moment
    updated_at: Moment


class Near(Asked):
    """A place on the map, and how far from it to look."""

    latitude: Latitude
    longitude: Longitude
    radius_km: Radius | None = None


def _read_near(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    latitude, comma, longitude = value.partition(",")
    if not comma:
        raise ValueError("give latitude and longitude, like 48.8566,2.3522")
    return {"latitude": latitude, "longitude": longitude}


class StoresQuery(Asked):
    """Which stores to list, nearest first where a place is given."""

    near: Annotated[
        Near | None,
        BeforeValidator(_read_near),
        WithJsonSchema({"type": "string", "examples": ["48.8566,2.3522"], "description": "latitude,longitude"}),
    ] = None
    radius_km: Radius | None = None
    open_at: Annotated[Reachable | None, Field(description="only stores that are open then")] = None
    inactive: Annotated[bool, Field(description="also stores that take no orders")] = False
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 50
    cursor: Annotated[str, Text(min_length=1, max_length=64)] | None = None

    @model_validator(mode="after")
    def has_a_centre(self) -> "StoresQuery":
        """Refuse a radius around nothing."""
        if self.radius_km is not None and self.near is None:
            raise ValueError("radius_km needs near")
        return self

    @property
    def circle(self) -> Near | None:
        """The place and the radius together."""
        return self.near and self.near.model_copy(update={"radius_km": self.radius_km})


class StoreListed(Store):
    """A store in a list, and how far it is from the place that was asked about."""

    distance_km: float | None = None


class Stores(Told):
    """A page of stores; `next_cursor` asks for the next one."""

    items: list[StoreListed]
    next_cursor: str | None
