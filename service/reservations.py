"""Finding reservations: by id, order, customer, code, token, or a piece of a name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import Record

from service import codes, queries
from service.database import Connection
from service.errors import UnknownReservation
from service.links import Links

SQL = queries.load("reservations")

SEARCHED = 50  # hits at most
FIRST = UUID(int=0)
LAST = UUID(int=(1 << 128) - 1)


class Place(NamedTuple):
    """Where a reservation is kept."""

    store: str
    id: UUID


async def find(db: Connection, store: str, id: UUID, *, links: Links) -> str:
    """A reservation as JSON. Raises UnknownReservation."""
    body: str | None = await SQL["find"].value(db, store=store, id=id, links=links.prefix)
    if body is None:
        raise UnknownReservation(f"Store {store} has no reservation {id}.")
    return links.sealer.open(body)


async def of_token(db: Connection, typed: str, *, links: Links) -> Place:
    """What a customer's token opens. Raises UnknownReservation, alike for a wrong, a false and a forgotten one."""
    claimed = links.tokens.read(typed)
    row = await SQL["of_token"].row(db, number=claimed.store_number, code=claimed.code) if claimed else None
    if row is None or not codes.same(typed, row["token"]) or not links.tokens.verify(typed, row["id"]):
        raise UnknownReservation("This link opens no order, or no longer.")
    return Place(row["store_id"], row["id"])


async def listed(
    db: Connection,
    store: str,
    *,
    states: Sequence[str] | None = None,
    since: datetime | None = None,
    after: UUID = FIRST,
    limit: int,
    links: Links,
) -> list[Record]:
    """Reservations of a store in the order they were made: rows of (body, id)."""
    return await SQL["listed"].rows(
        db,
        store=store,
        states=list(states) if states else None,
        since=since,
        after=after,
        limit=limit,
        links=links.prefix,
    )


async def of_order(
    db: Connection,
    shops: Sequence[str] | None,
    *,
    order_ref: str | None,
    customer_ref: str | None,
    before: UUID = LAST,
    limit: int,
    links: Links,
) -> list[Record]:
    """An order's or a customer's reservations in these stores (None: all), newest first: rows of (body, id)."""
    return await SQL["of_order"].rows(
        db,
        stores=None if shops is None else list(shops),
        order_ref=order_ref,
        customer_ref=customer_ref,
        before=before,
        limit=limit,
        links=links.prefix,
    )


async def search(db: Connection, store: str, typed: str, *, links: Links) -> list[str]:
    """What a clerk typed or scanned: a code, a token, a name, a phone, an order reference; JSON, the best first."""
    symbols = codes.normalise(typed)
    if codes.is_code(symbols):
        row = await SQL["of_code"].row(db, store=store, code=symbols)
        if row is not None:
            return [await find(db, store, row["id"], links=links)]
    elif codes.Tokens.read(symbols) is not None:
        try:
            place = await of_token(db, symbols, links=links)
        except UnknownReservation:
            return []
        return [await find(db, store, place.id, links=links)] if place.store == store else []
    piece = typed.strip().lower()
    escaped = piece.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    digits = "".join(filter(str.isdigit, typed)).lstrip("0") if not any(map(str.isalpha, typed)) else ""
    rows = await SQL["search"].rows(
        db,
        store=store,
        q=typed.strip(),
        like=f"%{escaped}%",
        digits=digits if len(digits) >= 4 else "",  # noqa: PLR2004 -- the last four digits of a phone
        limit=SEARCHED,
        links=links.prefix,
    )
    return [row["body"] for row in rows]


async def counts(db: Connection, store: str) -> dict[str, int]:
    """How much waits in each lane of a store."""
    row = await SQL["counts"].row(db, store=store)
    return dict(row) if row else {}


async def pick_list(db: Connection, store: str) -> list[dict[str, Any]]:
    """What is to be fetched in a store, across orders, by shelf place."""
    return [dict(row) for row in await SQL["pick_list"].rows(db, store=store)]
