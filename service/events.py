"""What happened, as streams: each event gets its place after commit, and everything that reads, reads by place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from service import deliveries, failpoints, notifications, queries
from service.database import Connection, Pool, connection, transaction
from service.errors import UnknownReservation

SQL = queries.load("events")

MOST_AT_ONCE = 500  # events in one transaction


async def waiting_stores(pool: Pool) -> list[str]:
    """The stores with events that nobody can read yet; each is then relayed on its own."""
    async with connection(pool) as db:
        rows = await SQL["unrelayed"].rows(db)
        for row in rows:
            if not row["has_stream"]:
                await SQL["begin_stream"].run(db, store=row["store_id"])
        return [row["store_id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Relayed:
    """How many events got their place, and how many messages and webhooks they oblige to."""

    events: int = 0
    messages: int = 0
    deliveries: int = 0


async def relay(pool: Pool, store: str, *, source: str = "", limit: int = MOST_AT_ONCE) -> Relayed:
    """Give a store's oldest waiting events the next places of its stream, and write what they oblige to.

    One transaction under the lock of the stream, so that places have no gaps and are given in the order of each
    reservation's history. While another relay has the stream, nothing is done. Without an endpoint that hears of
    this store, webhooks cost nothing. `source`: the URL of this service, for those who want to know.
    """
    async with transaction(pool) as db:
        stream = await SQL["lock_stream"].row(db, store=store)
        if stream is None:
            return Relayed()
        last = stream["position"]
        position = await SQL["place"].value(db, store=store, last=last, limit=limit)
        failpoints.reached("events_placed")
        messages = await notifications.owe(db, store, after=last, until=position)
        owed = await deliveries.owe(db, store, after=last, until=position, source=source) if stream["heard"] else 0
        failpoints.reached("events_owed")
    failpoints.reached("events_relayed")
    return Relayed(position - last, messages, owed)


@dataclass(frozen=True, slots=True)
class Happened:
    """One event as JSON, and its place."""

    store: str
    position: int
    body: str


async def after(
    db: Connection, places: Mapping[str, int], *, stores: Sequence[str] | None = None, limit: int
) -> list[Happened]:
    """What happened in these stores (None: all) since the place last read in each (none: from the beginning)."""
    rows = await SQL["after"].rows(
        db, after=dict(places), stores=list(stores) if stores is not None else None, limit=limit
    )
    return [Happened(row["store_id"], row["position"], row["body"]) for row in rows]


async def of_reservation(db: Connection, store: str, reservation: UUID) -> list[str]:
    """The history of a reservation as JSON, in the order it happened. Raises UnknownReservation."""
    rows = await SQL["of_reservation"].rows(db, store=store, reservation=reservation)
    if not rows:  # a reservation has at least the event of its hold
        raise UnknownReservation(f"Store {store} has no reservation {reservation}.")
    return [row["body"] for row in rows]
