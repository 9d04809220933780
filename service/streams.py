"""What changes in stores, as it happens: the open orders first, then each change by its place in the store's stream."""

from collections.abc import Mapping
from dataclasses import dataclass

from service import queries
from service.database import Pool, connection
from service.links import Links

SQL = queries.load("streams")

MOST_AT_ONCE = 500  # events of one store in one reading
LONGEST_REPLAY = 1000  # events; who is further behind begins again


@dataclass(frozen=True, slots=True)
class Queue:
    """The open orders of a store as JSON, the most urgent first, and the place up to which they tell everything."""

    position: int
    cards: list[str]


@dataclass(frozen=True, slots=True)
class Change:
    """A reservation as it stands after its last change, as JSON; without a card it says only how far was read."""

    store: str
    position: int
    card: str | None


async def position(pool: Pool, store: str) -> int:
    """The end of a store's stream; 0 where nothing has happened yet."""
    async with connection(pool) as db:
        return await SQL["position"].value(db, store=store) or 0


async def queue(pool: Pool, store: str, *, links: Links) -> Queue:
    """The orders that are confirmed, being picked or ready; whatever is told after its position comes on top."""
    async with connection(pool) as db:
        row = await SQL["queue"].row(db, store=store, links=links.prefix)
    return Queue(row["position"], [links.sealer.open(card) for card in row["cards"]]) if row else Queue(0, [])


async def changed(pool: Pool, places: Mapping[str, int], *, links: Links, limit: int = MOST_AT_ONCE) -> list[Change]:
    """What changed in these stores after the place read last in each; store by store, in order of place.

    Several changes of one reservation are told once, as it stands, at the place of the last. `limit`: events of each
    store; whether there are more is for the next reading to find.
    """
    async with connection(pool) as db:
        rows = await SQL["changed"].rows(
            db, stores=list(places), places=list(places.values()), links=links.prefix, limit=limit
        )
    return [Change(row["store_id"], row["position"], row["card"] and links.sealer.open(row["card"])) for row in rows]


async def since(pool: Pool, store: str, place: int, *, links: Links) -> list[Change] | None:
    """What changed in a store after a place, to the end; None when the place is unknown or too far back."""
    end = await position(pool, store)
    if not end - LONGEST_REPLAY <= place <= end:
        return None
    changes = await changed(pool, {store: place}, links=links, limit=2 * LONGEST_REPLAY)
    read = max((change.position for change in changes), default=place)
    return changes if read >= end else None
