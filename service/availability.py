"""What can be had where, and by when: the question a checkout asks before it offers to collect."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime

from asyncpg import Record

from service import hours, items, promise, queries, slots, stores
from service.errors import UnknownSku
from service.models.availability import Availability, AvailabilityBody, LineAvailable, LineWanted, StoreAvailability
from service.models.slots import Slot
from service.models.stores import Near, Store
from service.queries import Connection

SQL = queries.load("availability")

ELSEWHERE = 10  # stores that a clerk may name to a customer


async def search(db: Connection, ask: AvailabilityBody, *, among: Collection[str] | None = None) -> Availability:
    """Which of the stores that a caller may see (None: all) have how much of a basket, by when, and in which slots.

    Nothing is promised by it: a hold may find less. Raises UnknownSku and UnknownStore, naming what is none.
    """
    asked: Counter[str] = Counter()
    for line in ask.lines:
        asked[line.sku] += line.quantity
    if unknown := await items.unknown(db, asked):
        raise UnknownSku(f"Not in the catalogue: {', '.join(unknown[:5])}.", skus=unknown)
    among = await _among(db, ask, among)
    rows = await SQL["nearest"].rows(
        db,
        among=None if among is None else list(among),
        latitude=ask.near and ask.near.latitude,
        longitude=ask.near and ask.near.longitude,
        radius_km=ask.near and ask.near.radius_km,
        skus=list(asked),
        quantities=list(asked.values()),
        complete_first=ask.complete_first,
        most=ask.limit,
    )
    found = await stores.several(db, [row["store_id"] for row in rows])
    promises = await promise.glances(db, [(store, asked) for store in found])
    free = await slots.first_free(db, list(zip(found, promises, strict=True)))
    return Availability(
        items=[
            _tell(asked, store, row, ready_by, left)
            for store, row, ready_by, left in zip(found, rows, promises, free, strict=True)
        ]
    )


async def elsewhere(db: Connection, store: str, lines: tuple[LineWanted, ...]) -> Availability:
    """Which other stores have all of it, the nearest first, at most ten. Raises UnknownSku, UnknownStore."""
    here = await stores.known(db, store)
    near = None
    if here.latitude is not None and here.longitude is not None:
        near = Near(latitude=here.latitude, longitude=here.longitude)
    found = await search(db, AvailabilityBody(lines=lines, near=near, complete_first=True, limit=ELSEWHERE + 1))
    others = [one for one in found.items if one.store != store and one.complete]
    return Availability(items=others[:ELSEWHERE])


async def _among(db: Connection, ask: AvailabilityBody, among: Collection[str] | None) -> Collection[str] | None:
    """The stores to look into, in no order (None: all): those of the caller that are named, and open when asked for."""
    if ask.stores is not None:
        stores.refuse_unknown(set(ask.stores) - set(ask.stores if among is None else among))
        await stores.several(db, ask.stores)
        among = ask.stores
    if ask.open_at is not None:
        near = await stores.nearest(db, among=among, near=ask.near)
        known = await stores.several(db, [id for id, _ in near])
        among = [store.id for store in known if hours.of(store).is_open(ask.open_at)]
    return among


def _tell(
    asked: Mapping[str, int],
    store: Store,
    row: Record,
    ready_by: datetime | None,
    free: list[Slot],
) -> StoreAvailability:
    return StoreAvailability(
        store=store.id,
        name=store.name,
        distance_km=stores.distance(row["distance_km"]),
        complete=row["complete"],
        ready_by=ready_by,
        lines=[
            LineAvailable(sku, quantity, available)
            for (sku, quantity), available in zip(asked.items(), row["available"], strict=True)
        ],
        slots=free,
    )
