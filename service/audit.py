"""Who changed what about the shop, and the seals by which tampering with its history shows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from asyncpg import Record

from service import queries
from service.callers import Caller
from service.database import Connection, Pool, connection, transaction
from service.models.audit import AuditEntry, AuditPage
from service.sealing import Sealer

SQL = queries.load("audit")

MOST_AT_ONCE = 5_000  # events, and lines of audit, under one seal
END = (1 << 63) - 1


async def note(
    db: queries.Connection,
    caller: Caller,
    action: str,
    subject: object,
    *,
    store: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write down who did what, in the transaction that does it: `note(db, caller, "key.created", key.id)`.

    `subject` is an id; neither it nor `facts` holds anything personal or secret. `store`: '' where it is about none.
    """
    await SQL["note"].run(
        db,
        store=store,
        actor=caller.actor,
        action=action,
        subject=str(subject),
        facts=dict(facts) if facts else None,
    )


async def listed(db: Connection, caller: Caller, *, before: int | None = None, limit: int = 50) -> AuditPage:
    """Who did what, the newest first; a caller of some stores sees what is about those alone."""
    stores = None if caller.stores is None else sorted(caller.stores)
    rows = await SQL["listed"].rows(db, stores=stores, before=END if before is None else before, limit=limit + 1)
    items = [AuditEntry(**{name: value for name, value in row.items() if name != "seq"}) for row in rows[:limit]]
    return AuditPage(items=items, next_cursor=str(rows[limit - 1]["seq"]) if len(rows) > limit else None)


async def unsealed(pool: Pool) -> list[str]:
    """The stores with history that no seal covers yet; each is then sealed on its own."""
    async with connection(pool) as db:
        return [row["store_id"] for row in await SQL["unsealed"].rows(db)]


class Seal(NamedTuple):
    """A seal that was put on: its digest in hexadecimal, and whether there was more than fits under it."""

    digest: str
    more: bool


async def seal(pool: Pool, store: str, sealer: Sealer) -> Seal | None:
    """Put the next seal on a store's history; None where nothing is new.

    One transaction under a lock; while another has it, nothing is done.
    """
    async with transaction(pool) as db:
        last = await SQL["last"].row(db, store=store) if await SQL["lock"].value(db, store=store) else None
        if last is None:
            return None
        events = min(last["stream"], last["events"] + MOST_AT_ONCE)
        lines = await SQL["place"].value(db, store=store, last=last["audit"], limit=MOST_AT_ONCE)
        if (events, lines) == (last["events"], last["audit"]):
            return None
        reach = {"store": store, "number": last["number"] + 1, "events_until": events, "audit_until": lines}
        digest: bytes = await SQL["digest"].value(db, **reach, events_after=last["events"], audit_after=last["audit"])
        name, signature = sealer.sign(_dated(digest, last["at"]))
        await SQL["seal"].run(db, **reach, digest=digest, signed_with=name, signature=signature, at=last["at"])
        full = MOST_AT_ONCE in {events - last["events"], lines - last["audit"]}
        return Seal(digest.hex(), more=full)


def _dated(digest: bytes, at: datetime) -> bytes:
    """What is signed of a seal: its digest, and when it was put on."""
    return digest + at.astimezone(UTC).isoformat(timespec="microseconds").encode()


def _signed(row: Record, sealer: Sealer) -> bytes | None:
    """What was signed here of a seal; None: nothing. Seals of before they were dated say their digest alone."""
    said = (_dated(row["digest"], row["at"]), row["digest"])
    return next((one for one in said if sealer.verify(one, row["signed_with"], row["signature"])), None)


async def forged(db: Connection, sealer: Sealer) -> list[dict[str, str]]:
    """What a key must be known to see: the first seal of each store that was not signed here, and stores left unsealed.

    Shaped as `checks.differences`.
    """
    found: dict[str, dict[str, str]] = {}
    for row in await SQL["seals"].rows(db):
        if row["store_id"] not in found and _signed(row, sealer) is None:
            found[row["store_id"]] = {
                "promise": "seals are signed with a key of DATA_KEYS",
                "store": row["store_id"],
                "subject": f"seal {row['number']}",
                "expected": "a signature",
                "found": f"none that holds, under key {row['signed_with']}",
            }
    return [*found.values(), *(_overdue(row) for row in await SQL["overdue"].rows(db))]


def _overdue(row: Record) -> dict[str, str]:
    return {
        "promise": "history is sealed within a day",
        "store": row["store_id"],
        "subject": "seals",
        "expected": f"a seal over event {row['position']}",
        "found": "none",
    }


async def sign_anew(db: Connection, sealer: Sealer) -> int:
    """Sign every seal that an older key signed with the newest; how many. What was not signed here stays as it is."""
    signed = 0
    for row in await SQL["seals"].rows(db):
        if (said := _signed(row, sealer)) is None:
            continue
        name, signature = sealer.sign(said)
        if row["signed_with"] != name:
            place = {"store": row["store_id"], "number": row["number"], "digest": row["digest"]}
            signed += await SQL["sign_anew"].run(db, **place, signed_with=name, signature=signature)
    return signed
