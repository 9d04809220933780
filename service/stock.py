"""What stores have: counted, told by tills and feeds, explained line by line. Reality wins."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from service import queries
from service.database import Connection
from service.errors import (
    InvalidRequest,
    MovementAlreadyRecorded,
    Problem,
    UnknownItem,
    UnknownSku,
    UnknownStore,
    VersionMismatch,
)
from service.models.stock import (
    Count,
    CountBody,
    Endangered,
    LedgerLine,
    Movement,
    Position,
    PositionTold,
    ReasonTold,
    Recorded,
    Why,
)

SQL = queries.load("stock")

NEWEST = 2**63 - 1
"""Beyond every movement's id."""


async def put(
    db: Connection, store: str, sku: str, body: CountBody, *, actor: str, if_match: int | None = None
) -> Position:
    """Set what was counted of one sku; a count older than the last one changes nothing. Answers the position.

    Raises UnknownStore, UnknownItem, InvalidRequest (counted in the future) and VersionMismatch.
    """
    for fault in await faults(db, store, [sku], [body.as_of]):
        raise _of_one(fault["code"], store, sku)
    if if_match is not None and if_match != (version := await SQL["lock"].value(db, store=store, sku=sku) or 0):
        raise VersionMismatch(f"The position is at version {version}: read it again.", version=version)
    await count(db, store, [Count(sku=sku, **body.model_dump())], actor=actor)
    return await find(db, store, sku)


def _of_one(code: str, store: str, sku: str) -> Problem:
    if code == "unknown_store":
        return UnknownStore(f"There is no store {store}.")
    if code == "unknown_sku":
        return UnknownItem(f"There is no item {sku}.", sku=sku)
    message = "lies more than a minute ahead"
    return InvalidRequest(
        f"as_of {message}.", errors=[{"pointer": "/as_of", "code": "in_the_future", "message": message}]
    )


async def count(db: Connection, store: str, counts: Sequence[Count], *, actor: str) -> set[str]:
    """Set what was counted, each sku once; store and skus are known to exist. Answers the skus that were taken.

    On hand becomes the count and what the ledger says happened since; a count older than the last one is passed over.
    """
    rows = [(count.sku, count.on_hand, count.safety_stock, count.as_of) for count in counts]
    return set(await SQL["count"].value(db, store=store, counts=rows, actor=actor))


async def record(db: Connection, store: str, movements: Sequence[Movement], *, actor: str) -> list[Recorded]:
    """Record what came and left, all or nothing; what was told before changes nothing.

    Raises UnknownStore, UnknownSku (naming all), MovementAlreadyRecorded (naming those that had another content).
    """
    found = await faults(db, store, [movement.sku for movement in movements])
    if any(fault["code"] == "unknown_store" for fault in found):
        raise UnknownStore(f"There is no store {store}.")
    if found:
        skus = sorted({movements[fault["n"] - 1].sku for fault in found})
        raise UnknownSku(f"Not in the catalogue: {', '.join(skus[:20])}.", skus=skus)
    outcomes = await tell(db, store, movements, actor=actor)
    differing = [
        {"sku": movement.sku, "reference": movement.reference}
        for movement, outcome in zip(movements, outcomes, strict=True)
        if outcome["outcome"] == "differs"
    ]
    if differing:
        raise MovementAlreadyRecorded(
            "These references were used for something else; nothing was recorded.", movements=differing
        )
    return [
        Recorded(
            sku=movement.sku,
            reference=movement.reference,
            recorded=outcome["outcome"] == "recorded",
            on_hand_change=outcome["on_hand_change"],
        )
        for movement, outcome in zip(movements, outcomes, strict=True)
    ]


async def tell(db: Connection, store: str, movements: Sequence[Movement], *, actor: str) -> list[Record]:
    """Record movements, each (reference, sku) once; store and skus are known to exist.

    Answers for each its outcome (recorded, repeated, or differs, and then it was left out) and its on_hand_change.
    """
    moves = [
        (one.sku, one.delta, 0, one.reason, None, one.reference, one.order_ref, one.happened_at) for one in movements
    ]
    return await SQL["record"].rows(db, store=store, moves=moves, actor=actor)


async def faults(
    db: Connection, store: str, skus: Sequence[str], moments: Sequence[datetime] | None = None
) -> list[Record]:
    """Which lines `n`, from 1, can't be right, and why: unknown_store, unknown_sku, as_of_in_the_future."""
    return await SQL["faults"].rows(db, store=store, skus=skus, moments=moments or [None] * len(skus))


async def check_store(db: Connection, store: str) -> None:
    """Raise UnknownStore where there is none."""
    if not await SQL["store_exists"].value(db, store=store):
        raise UnknownStore(f"There is no store {store}.")


async def find(db: Connection, store: str, sku: str) -> Position:
    """One position; of an item that the store never had there is nothing, at version 0.

    Raises UnknownStore or UnknownItem.
    """
    found = await listed(db, store, skus=[sku], limit=1)
    if found:
        return found[0]
    for fault in await faults(db, store, [sku]):
        raise _of_one(fault["code"], store, sku)
    nothing = dict.fromkeys(("on_hand", "reserved", "safety_stock", "available", "shortfall", "version"), 0)
    return Position(store=store, sku=sku, as_of=None, **nothing)


async def find_endangered(db: Connection, store: str, sku: str) -> PositionTold:
    """One position, and whom its shortfall endangers. Raises UnknownStore or UnknownItem."""
    position = await find(db, store, sku)
    rows = await SQL["endangered"].rows(db, store=store, sku=sku) if position.shortfall else []
    return PositionTold(**dict(position), endangered=[Endangered(**row) for row in rows])


async def listed(
    db: Connection,
    store: str,
    *,
    skus: Sequence[str] | None = None,
    below: int | None = None,
    after: str = "",
    limit: int,
) -> list[Position]:
    """Positions of a store by sku, those after `after`; only some skus, only those with less than `below` available."""
    rows = await SQL["positions"].rows(db, store=store, skus=skus, below=below, after=after, limit=limit)
    return [Position(**row) for row in rows]


async def explain(db: Connection, store: str, sku: str, *, before: int = NEWEST, limit: int) -> Why:
    """Why there are as many as there are: the sums by reason, and the ledger, the newest line first.

    Raises UnknownStore or UnknownItem. Position and sums agree when `db` is in a repeatable read transaction.
    """
    position = await find(db, store, sku)
    place: dict[str, Any] = {"store": store, "sku": sku}
    lines = await SQL["ledger"].rows(db, **place, before=before, limit=limit + 1)
    return Why(
        position=position,
        due_holds=await SQL["due_holds"].value(db, **place),
        reasons=[ReasonTold(**row) for row in await SQL["reasons"].rows(db, **place)],
        items=[LedgerLine(**row) for row in lines[:limit]],
        next_cursor=str(lines[limit - 1]["id"]) if len(lines) > limit else None,
    )
