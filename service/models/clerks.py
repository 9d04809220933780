"""The clerks of a store, as they travel in JSON. A PIN only ever comes in, and is told nobody, not even a log."""

from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field, SecretStr

from service.models.fields import Asked, Moment, Name, Told

FEWEST_DIGITS, MOST_DIGITS = 4, 6


def _digits(value: object) -> object:
    if isinstance(value, str) and not (
        FEWEST_DIGITS <= len(value) <= MOST_DIGITS and value.isascii() and value.isdigit()
    ):
        raise ValueError("a PIN has four to six digits")
    return value


Pin = Annotated[
    SecretStr,
    BeforeValidator(_digits),
    Field(json_schema_extra={"pattern": f"^[0-9]{{{FEWEST_DIGITS},{MOST_DIGITS}}}$", "examples": ["4071"]}),
]


class ClerkBody(Asked):
    """A clerk to be: what colleagues call them, and the PIN that they give at a device."""

    name: Name
    pin: Pin


class ClerkChange(Asked):
    """A clerk as they are from now on; without a PIN the old one stays."""

    name: Name
    pin: Pin | None = None


class Clerk(Told):
    """Someone who works, or worked, in a store."""

    id: UUID
    store: str
    name: str
    created_at: Moment
    updated_at: Moment
    left_at: Moment | None


class Clerks(Told):
    """The clerks of a store, those who left last."""

    items: list[Clerk]


class ClerkSessionBody(Asked):
    """Who takes over the device."""

    clerk: UUID
    pin: Pin


class ClerkSeen(Told):
    """Who works at a device."""

    id: UUID
    name: str


class ClerkSession(Told):
    """Who works at the device now; null when nobody does."""

    clerk: ClerkSeen | None
