"""Webhook endpoints: where merchants' systems hear what happens, and the secrets that prove it comes from here."""

import base64
import hmac
import secrets
from uuid import UUID

from asyncpg import Record

from service import addresses, audit, keys, queries
from service.callers import Caller
from service.database import Connection
from service.errors import InvalidRequest, NotFound, VersionMismatch
from service.models.webhooks import WebhookEndpoint, WebhookEndpointBody, WebhookEndpoints

SQL = queries.load("webhooks")

MOST_ENDPOINTS = 100
PREFIX = "whsec_"
SECRET_BYTES = 32
UNKNOWN = "There is no such webhook endpoint, or it is not yours to see."


def new_secret() -> str:
    """Draw a secret, spelled as Standard Webhooks has it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """Sign one attempt (Standard Webhooks, v1): HMAC-SHA256 over id, moment in Unix seconds, and the body's bytes."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")).decode()


async def create(
    db: Connection, body: WebhookEndpointBody, *, caller: Caller, private: bool
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; the secret beside it is told once. `private`: addresses of the own network will do.

    Raises InvalidRequest for an address that is not to be called, for unknown stores, and where there are too many.
    """
    columns = await _columns(db, body, caller, private=private)
    if await SQL["count"].value(db) >= MOST_ENDPOINTS:
        raise InvalidRequest(f"There are {MOST_ENDPOINTS} endpoints, as many as there may be: delete one.")
    secret = new_secret()
    row = await SQL["create"].row(db, **columns, secret=secret, created_by=caller.credential)
    assert row is not None  # noqa: S101 -- an insert returns its row
    await audit.note(db, caller, "webhook.created", row["id"])
    return _read(row), secret


async def listed(db: Connection, caller: Caller, *, after: UUID | None = None, limit: int = 50) -> WebhookEndpoints:
    """Endpoints in the order they were made; a caller of some stores sees the endpoints of those alone."""
    rows = await SQL["listed"].rows(db, after=after, reach=_reach(caller), limit=limit + 1)
    found = [_read(row) for row in rows[:limit]]
    return WebhookEndpoints(items=found, next_cursor=str(found[-1].id) if len(rows) > limit else None)


async def find(db: Connection, id: UUID, *, caller: Caller) -> WebhookEndpoint:
    """One endpoint as it stands. Raises NotFound, also where it is not the caller's to see."""
    row = await SQL["find"].row(db, id=id, reach=_reach(caller))
    if row is None:
        raise NotFound(UNKNOWN)
    return _read(row)


async def replace(
    db: Connection, id: UUID, body: WebhookEndpointBody, *, caller: Caller, private: bool, expected: int | None = None
) -> WebhookEndpoint:
    """Replace all of an endpoint but its secrets, where its version is the expected one (None: any).

    Switched on again, or moved elsewhere, it goes on where it stopped: what waited is sent at once. Raises as `create`,
    and NotFound, VersionMismatch.
    """
    await _lock(db, id, caller, expected)
    columns = await _columns(db, body, caller, private=private)
    await SQL["resume"].run(db, id=id, url=columns["url"], active=columns["active"])
    await SQL["replace"].run(db, id=id, **columns)
    await audit.note(db, caller, "webhook.changed", id)
    return await find(db, id, caller=caller)


async def rotate(
    db: Connection, id: UUID, *, hours: int, caller: Caller, expected: int | None = None
) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret, told once; for so many hours the one before signs beside it.

    Raises NotFound and VersionMismatch.
    """
    await _lock(db, id, caller, expected)
    secret = new_secret()
    await SQL["rotate"].run(db, id=id, secret=secret, hours=hours)
    await audit.note(db, caller, "webhook.rotated", id)
    return await find(db, id, caller=caller), secret


async def standing(db: Connection) -> dict[str, int]:
    """How many endpoints are on, and how many were switched off because they failed."""
    row = await SQL["standing"].row(db)
    assert row is not None  # noqa: S101 -- an aggregate has one row
    return dict(row)


async def switch_off(db: Connection, id: UUID, reason: str, *, store: str) -> bool:
    """Send it nothing any more; its owner is told by `webhook.disabled` in this store's stream. False: it was off."""
    return await SQL["switch_off"].row(db, endpoint=id, reason=reason, store=store) is not None


async def remove(db: Connection, id: UUID, *, caller: Caller) -> None:
    """Delete an endpoint, and what waits for it. Raises NotFound."""
    if not await SQL["remove"].run(db, id=id, reach=_reach(caller)):
        raise NotFound(UNKNOWN)
    await audit.note(db, caller, "webhook.removed", id)


async def _lock(db: Connection, id: UUID, caller: Caller, expected: int | None) -> None:
    version = await SQL["lock"].value(db, id=id, reach=_reach(caller))
    if version is None:
        raise NotFound(UNKNOWN)
    if expected not in {None, version}:
        raise VersionMismatch("The endpoint has changed since; read it again.")


async def _columns(
    db: Connection, body: WebhookEndpointBody, caller: Caller, *, private: bool
) -> dict[str, str | bool | list[str] | None]:
    if wrong := addresses.fault(body.url, private=private):
        raise InvalidRequest(f"/url: {wrong}.", errors=[{"pointer": "/url", "code": "url", "message": wrong}])
    stores = sorted(body.stores) or _reach(caller)
    await keys.refuse_unknown_stores(db, stores or [])
    return {
        "url": body.url,
        "description": body.description,
        "format": body.format,
        "fields": sorted(body.fields),
        "events": sorted(body.events),
        "stores": stores,
        "active": body.active,
    }


def _reach(caller: Caller) -> list[str] | None:
    return None if caller.stores is None else sorted(caller.stores)


def _read(row: Record) -> WebhookEndpoint:
    return WebhookEndpoint(**row)
