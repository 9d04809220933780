"""What older keys sealed, sealed with the newest: afterwards the older ones may go."""

from typing import Any
from uuid import UUID

from service import audit, queries
from service.database import Connection
from service.sealing import FIELDS, MARK, Sealer, Unreadable

SQL = queries.load("privacy")
STORES = queries.load("upkeep")["stores"]

BATCH = 500  # rows in one transaction
FIRST = UUID(int=0)
KINDS = ("reservations", "addresses", "comments", "replies", "answers", "webhooks", "signatures", "unreadable")


async def reseal(db: Connection, sealer: Sealer) -> dict[str, int]:
    """Seal everything with the first key, and say how much it was.

    Small transactions: it may be broken off and begun again. What no key opens stays, and is counted as `unreadable`.
    """
    done = dict.fromkeys(KINDS, 0)
    for store in [*(row["id"] for row in await STORES.rows(db)), ""]:
        await _reservations(db, store, sealer, done)
        await _answers(db, store, sealer, done)
        await _webhooks(db, store, sealer, done)
    async with db.transaction():
        done["signatures"] = await audit.sign_anew(db, sealer)
    return done


async def _reservations(db: Connection, store: str, sealer: Sealer, done: dict[str, int]) -> None:
    after: UUID | None = FIRST
    while after is not None:
        async with db.transaction():
            rows = await SQL["sealed"].rows(db, store=store, after=after, limit=BATCH)
            for row in rows:
                columns = {name: _renewed(sealer, FIELDS[name], row[name], row["id"], done) for name in FIELDS}
                if any(columns[name] != row[name] for name in FIELDS):
                    done["reservations"] += await SQL["renew"].run(db, store=store, id=row["id"], **columns)
            ids = [row["id"] for row in rows]
            await _addresses(db, store, ids, sealer, done)
            await _comments(db, store, ids, sealer, done)
            await _replies(db, store, ids, sealer, done)
        after = rows[-1]["id"] if rows else None


async def _addresses(db: Connection, store: str, ids: list[UUID], sealer: Sealer, done: dict[str, int]) -> None:
    for row in await SQL["sealed_addresses"].rows(db, store=store, ids=ids):
        if not row["address"].startswith(MARK) and row["channel"] != "email":
            continue  # a customer's phone, which lies open
        field = "email" if row["channel"] == "email" else "phone"
        address = _renewed(sealer, field, row["address"], row["reservation_id"], done)
        if address != row["address"]:
            done["addresses"] += await SQL["renew_address"].run(db, store=store, id=row["id"], address=address)


async def _comments(db: Connection, store: str, ids: list[UUID], sealer: Sealer, done: dict[str, int]) -> None:
    for row in await SQL["sealed_comments"].rows(db, store=store, ids=ids):
        comment = _renewed(sealer, "note", row["comment"], row["reservation_id"], done)
        if comment != row["comment"]:
            done["comments"] += await SQL["renew_comment"].run(
                db, store=store, id=row["reservation_id"], comment=comment
            )


async def _replies(db: Connection, store: str, ids: list[UUID], sealer: Sealer, done: dict[str, int]) -> None:
    for row in await SQL["sealed_replies"].rows(db, store=store, ids=ids):
        body = _renewed(sealer, "note", row["body"], row["reservation_id"], done)
        if body != row["body"]:
            done["replies"] += await SQL["renew_reply"].run(db, store=store, id=row["id"], body=body)


async def _answers(db: Connection, store: str, sealer: Sealer, done: dict[str, int]) -> None:
    place: dict[str, Any] | None = {"credential": "", "operation": "", "key": ""}
    while place is not None:
        async with db.transaction():
            rows = await SQL["sealed_answers"].rows(db, store=store, **place, mark=MARK, limit=BATCH)
            for row in rows:
                place = {name: row[name] for name in ("credential", "operation", "key")}
                body = sealer.renew(row["body"])
                if body != row["body"]:
                    done["answers"] += await SQL["renew_answer"].run(db, store=store, **place, body=body)
        if not rows:
            place = None


async def _webhooks(db: Connection, store: str, sealer: Sealer, done: dict[str, int]) -> None:
    after: UUID | None = FIRST
    while after is not None:
        async with db.transaction():
            rows = await SQL["sealed_deliveries"].rows(db, store=store, after=after, mark=MARK, limit=BATCH)
            for row in rows:
                body = sealer.renew(row["body"])
                if body != row["body"]:
                    done["webhooks"] += await SQL["renew_delivery"].run(db, store=store, id=row["id"], body=body)
        after = rows[-1]["id"] if rows else None


def _renewed(sealer: Sealer, field: str, text: str | None, reservation: UUID, done: dict[str, int]) -> str | None:
    if text is None or sealer.is_newest(text):
        return text
    try:
        return sealer.close(field, sealer.read(field, text, reservation), reservation)
    except Unreadable:
        done["unreadable"] += 1
        return text
