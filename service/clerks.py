"""The clerks of a store: named, given a PIN, and recognised at their store's devices."""

import dataclasses
import hmac
from uuid import UUID

from service import audit, keys, queries
from service.access_errors import UnknownClerk, WrongPin
from service.attempts import PIN, Guess
from service.callers import Caller
from service.database import Connection, Pool, connection, transaction
from service.ids import new_id
from service.messages.spelling import alphabetical
from service.models.clerks import Clerk, ClerkBody, ClerkChange, Clerks, ClerkSessionBody
from service.models.steps import Deed
from service.pins import Pins

SQL = queries.load("clerks")


async def create(db: Connection, store: str, body: ClerkBody, *, pins: Pins, caller: Caller) -> Clerk:
    """Welcome a clerk, who may work at every device of the store."""
    row = await SQL["create"].row(
        db, store=store, id=new_id(), name=body.name, pin_hash=await pins.hash(body.pin.get_secret_value())
    )
    assert row is not None  # noqa: S101 -- an insert returns its row
    await audit.note(db, caller, "clerk.welcomed", row["id"], store=store)
    return Clerk(**row)


async def listed(db: Connection, store: str) -> Clerks:
    """The clerks of a store by name, and after them those who left."""
    found = [Clerk(**row) for row in await SQL["listed"].rows(db, store=store)]
    return Clerks(items=sorted(found, key=lambda one: (one.left_at is not None, alphabetical(one.name))))


async def replace(db: Connection, store: str, id: UUID, body: ClerkChange, *, pins: Pins, caller: Caller) -> Clerk:
    """Give a clerk another name, or another PIN, which ends where they work under the old one. Raises UnknownClerk."""
    pin_hash = None if body.pin is None else await pins.hash(body.pin.get_secret_value())
    row = await SQL["replace"].row(db, store=store, id=id, name=body.name, pin_hash=pin_hash)
    if row is None:
        raise UnknownClerk
    await audit.note(db, caller, "clerk.changed", id, store=store, facts={"pin": pin_hash is not None})
    return Clerk(**row)


async def leave(db: Connection, store: str, id: UUID, *, caller: Caller) -> Clerk:
    """Let a clerk work here no more, from this moment on. Raises UnknownClerk."""
    row = await SQL["leave"].row(db, store=store, id=id)
    if row is None:
        raise UnknownClerk
    await audit.note(db, caller, "clerk.left", id, store=store)
    return Clerk(**row)


async def begin(pool: Pool, device: Caller, body: ClerkSessionBody, *, pins: Pins) -> str:
    """Let a clerk work at a device; what proves it from now on is told this once.

    Raises WrongPin, alike for who is no clerk here, and TooManyAttempts after five: of this clerk, at this device only.
    """
    store = device.only_store
    guess = Guess(PIN, store, f"{device.credential}/clerk:{body.clerk}")
    async with connection(pool) as db:
        kept = await SQL["pin"].value(db, store=store, id=body.clerk)
    at = await guess.take(pool) if kept else None
    pin = body.pin.get_secret_value()
    agreed = await pins.verify(pin, kept)
    if not agreed or kept is None:
        if at:
            await guess.failed(pool, at)
        raise WrongPin
    newer = await pins.hash(pin) if agreed.outdated else None
    id, secret = keys.new_id(), keys.new_secret()
    async with transaction(pool) as db:
        if newer:
            await SQL["rehash"].run(db, store=store, id=body.clerk, pin_hash=newer, old_hash=kept)
        begun = await SQL["begin"].row(
            db, store=store, id=id, device=device.device, clerk=body.clerk, secret_hash=keys.digest(secret)
        )
        if begun is None:
            raise WrongPin
    await guess.forgive(pool)
    return keys.spell(id, secret, prefix=keys.SESSION)


async def working(pool: Pool, device: Caller, text: str, *, deed: bool) -> UUID | None:
    """Who works at a device under this session, or nobody any more; a `deed` keeps it open for another while."""
    parts = keys.read(text, prefix=keys.SESSION)
    if parts is None:
        return None
    (id, secret), store = parts, device.only_store
    async with connection(pool) as db:
        row = await SQL["working"].row(db, store=store, id=id, device=device.device)
        if row is None or not hmac.compare_digest(keys.digest(secret), row["secret_hash"]):
            return None
        if deed and row["unnoted"]:
            await SQL["note_deed"].run(db, store=store, id=id)
    clerk: UUID = row["clerk_id"]
    return clerk


async def at_work(db: Connection, caller: Caller, body: object) -> Caller:
    """Who did what is told by a device: with the clerk who worked there then, where that is told and so."""
    if not isinstance(body, Deed) or caller.device is None or "clerk" not in body.model_fields_set:
        return caller
    worked = body.clerk and await SQL["worked"].value(
        db, store=caller.only_store, device=caller.device, clerk=body.clerk, at=body.happened_at
    )
    return dataclasses.replace(caller, clerk=body.clerk if worked else None)


async def end(db: Connection, device: Caller) -> None:
    """Nobody works at the device any more."""
    await SQL["end"].run(db, store=device.only_store, device=device.device)
