"""What left the shop in the last 30 days, what goes back to its shelves, and what a customer ordered before."""

from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from asyncpg import Record

from service import queries
from service.database import Connection
from service.errors import UnknownReservation
from service.links import Links
from service.models.history import EarlierOrder

SQL = queries.load("history")

MOST = 500
EARLIER = 50  # orders of one customer
EVER = datetime(9999, 1, 1, tzinfo=UTC)


async def ended(db: Connection, store: str, *, before: datetime | None, limit: int, links: Links) -> list[Record]:
    """What left the shop's hands, the newest first: rows of (body, ended_at)."""
    return await SQL["ended"].rows(db, store=store, before=before or EVER, limit=limit, links=links.prefix)


async def to_put_back(db: Connection, store: str, *, links: Links) -> list[str]:
    """What lies on the pickup shelf for nobody any more, as JSON, the longest first."""
    return [row["body"] for row in await SQL["to_put_back"].rows(db, store=store, limit=MOST, links=links.prefix)]


async def known(db: Connection, store: str, id: UUID) -> None:
    """Refuse what is no reservation of this store. Raises UnknownReservation."""
    if not await SQL["exists"].value(db, store=store, id=id):
        raise UnknownReservation(f"Store {store} has no reservation {id}.")


async def earlier(db: Connection, store: str, id: UUID, *, shops: Collection[str] | None) -> list[EarlierOrder]:
    """The other orders of a reservation's customer in these stores (None: all), the newest first.

    A customer is known by their number or their phone; nothing where they were forgotten. Raises UnknownReservation.
    """
    await known(db, store, id)
    rows = await SQL["earlier"].rows(
        db, store=store, id=id, stores=None if shops is None else list(shops), limit=EARLIER
    )
    return [EarlierOrder.model_validate(dict(row)) for row in rows]
