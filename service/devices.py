"""Devices: prepared, paired with a store by a code, listed, revoked."""

import hashlib
import io
import secrets
from typing import NamedTuple

import segno

from service import audit, codes, keys, queries
from service.access_errors import UnknownDevice, WrongPairingCode
from service.callers import Caller
from service.codes import ALPHABET
from service.database import Connection
from service.errors import InvalidRequest
from service.models.clerks import ClerkSeen
from service.models.devices import (
    PAIRING_SYMBOLS,
    Device,
    DeviceBody,
    DeviceClaimed,
    DevicePage,
    DeviceSelf,
    Language,
    StoreSeen,
)

SQL = queries.load("devices")

QR_PIXELS = 6  # per module


class Pairing(NamedTuple):
    """What the tablet is shown: the code, the address that brings it along, and that as a picture."""

    code: str
    url: str
    qr: str


def _hash(code: str) -> bytes:
    return hashlib.sha256(b"pairing " + codes.normalise(code).encode()).digest()


def _spell(code: str) -> str:
    return f"{code[:4]}-{code[4:]}"


async def create(db: Connection, body: DeviceBody, *, caller: Caller, public_url: str) -> tuple[Device, Pairing]:
    """Prepare a device; the code beside it pairs it once, within ten minutes, and is kept nowhere.

    Raises InvalidRequest for a store that is none, or not the caller's.
    """
    code = "".join(secrets.choice(ALPHABET) for _ in range(PAIRING_SYMBOLS))
    row = None
    if caller.may_see(body.store):
        row = await SQL["create"].row(
            db,
            id=keys.new_id(),
            store=body.store,
            name=body.name,
            language=body.language,
            code_hash=_hash(code),
            created_by=caller.actor,
        )
    if row is None:
        fault = {"pointer": "/store", "code": "unknown_store", "message": f"there is no store {body.store}"}
        raise InvalidRequest(f"There is no store {body.store}.", errors=[fault])
    await audit.note(db, caller, "device.prepared", row["id"], store=body.store)
    url = f"{public_url.rstrip('/')}/pair?code={code}"
    return Device(**row), Pairing(_spell(code), url, picture(url))


def picture(text: str) -> str:
    """A QR as SVG."""
    drawn = io.BytesIO()
    segno.make(text, error="m").save(drawn, kind="svg", scale=QR_PIXELS, xmldecl=False, svgns=True)
    return drawn.getvalue().decode()


async def claim(db: Connection, code: str) -> DeviceClaimed:
    """Pair a device: its token is told this once. Raises WrongPairingCode, alike for a wrong, an old and a used one."""
    secret = keys.new_secret()
    row = await SQL["claim"].row(db, code_hash=_hash(code), secret_hash=keys.digest(secret))
    if row is None:
        raise WrongPairingCode("Ask for a new code: each pairs one device, within ten minutes.")
    await audit.note(db, Caller(f"device:{row['id']}"), "device.paired", row["id"], store=row["store"])
    token = keys.spell(row["id"], secret, prefix=keys.DEVICE)
    return DeviceClaimed(id=row["id"], store=row["store"], name=row["name"], language=row["language"], token=token)


async def listed(
    db: Connection, caller: Caller, *, store: str | None = None, after: str | None = None, limit: int = 50
) -> DevicePage:
    """Devices in the order they were made, revoked ones too; a caller of some stores sees those of its stores."""
    rows = await SQL["listed"].rows(db, after=after, store=store, stores=keys.reach(caller), limit=limit + 1)
    found = [Device(**row) for row in rows[:limit]]
    return DevicePage(items=found, next_cursor=found[-1].id if len(rows) > limit else None)


async def revoke(db: Connection, id: str, *, caller: Caller) -> Device:
    """Let a device open nothing from now on; every process knows it after five seconds. Raises UnknownDevice."""
    row = await SQL["revoke"].row(db, id=id, stores=keys.reach(caller))
    if row is None:
        raise UnknownDevice
    await audit.note(db, caller, "device.revoked", id, store=row["store"])
    return Device(**row)


async def described(db: Connection, caller: Caller, *, language: Language) -> DeviceSelf:
    """The device that calls, with its store and who works at it. Raises UnknownDevice for a caller that is none."""
    row = await SQL["described"].row(db, id=caller.device or "", clerk=caller.clerk)
    if row is None:
        raise UnknownDevice("This is asked by a device that is paired with a store.")
    return DeviceSelf(
        id=row["id"],
        name=row["name"],
        store=StoreSeen(id=row["store"], name=row["store_name"], time_zone=row["time_zone"]),
        language=row["language"] or language,
        clerk=ClerkSeen(id=row["clerk_id"], name=row["clerk_name"]) if row["clerk_id"] else None,
    )
