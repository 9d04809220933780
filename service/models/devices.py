"""Devices as they travel in JSON."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic import StringConstraints as Text

from service import codes
from service.models.clerks import ClerkSeen
from service.models.fields import Asked, Moment, Name, StoreId, Told

PAIRING_SYMBOLS = 8

Language = Literal["fr", "en"]


class DeviceBody(Asked):
    """A device to be paired: in which store, and what people call it."""

    store: StoreId
    name: Name
    language: Language | None = None


class Device(Told):
    """A counter's screen: it may be paired until `pairing_until`, or is paired since `paired_at`."""

    id: str
    store: str
    name: str
    language: Language | None
    created_at: Moment
    pairing_until: Moment | None
    paired_at: Moment | None
    revoked_at: Moment | None
    last_used_at: Moment | None


class DeviceMade(Device):
    """A device that waits to be paired. Code, address and QR (SVG) are told once, null when the request is repeated."""

    pairing_code: str | None
    pairing_url: str | None
    pairing_qr: str | None


class DeviceListing(Asked):
    """Which part of the list; `store`: of that store alone."""

    store: StoreId | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{12}$")] | None = None


class DevicePage(Told):
    """Some devices, in the order they were made."""

    items: list[Device]
    next_cursor: str | None


def _pairing(value: str) -> str:
    symbols = codes.normalise(value)
    if len(symbols) != PAIRING_SYMBOLS or not set(symbols) <= set(codes.ALPHABET):
        raise ValueError(f"a pairing code has {PAIRING_SYMBOLS} symbols of {codes.ALPHABET}")
    return symbols


class ClaimBody(Asked):
    """The code that the manager sees."""

    code: Annotated[
        str,
        Text(max_length=40, pattern=r"^[ -]*([2-9BCDFGHJKNPRSTVXbcdfghjknprstvx][ -]*){8}$"),
        AfterValidator(_pairing),
        Field(examples=["K7PX-29TD"]),
    ]


class DeviceClaimed(Told):
    """The device that was paired. `token` is what a program sends as its bearer, told this once."""

    id: str
    store: str
    name: str
    language: Language | None
    token: str


class StoreSeen(Told):
    """Where a device stands."""

    id: str
    name: str
    time_zone: str


class DeviceSelf(Told):
    """A device as it knows itself."""

    id: str
    name: str
    store: StoreSeen
    language: Language
    clerk: ClerkSeen | None
