"""Stores: made and changed, found by id and by place."""

import time
from collections.abc import Collection

from service import audit, hours, queries, slots
from service.callers import OPERATOR, Caller
from service.errors import UnknownStore, VersionMismatch
from service.models.stores import Near, Store, StoreBody, StoreListed, Stores, StoresQuery
from service.queries import Connection

SQL = queries.load("stores")

KNOWN_SECONDS = 2.0

_known: dict[str, tuple[float, Store]] = {}


async def find(db: Connection, store_id: str) -> Store:
    """The store as it stands. Raises UnknownStore."""
    return _one(await _read(db, [store_id]), store_id)


async def known(db: Connection, store_id: str) -> Store:
    """The store as it stood at most two seconds ago. Raises UnknownStore.

    Whether it takes orders is judged by the database, when one is made.
    """
    return _one(await _remember(db, [store_id]), store_id)


async def several(db: Connection, ids: Collection[str]) -> list[Store]:
    """Stores as they stood at most two seconds ago, in the order asked. Raises UnknownStore, naming what is none."""
    found = await _remember(db, ids)
    refuse_unknown(set(ids) - found.keys())
    return [found[id] for id in ids]


def refuse_unknown(ids: Collection[str]) -> None:
    """Raise UnknownStore where there are such ids: they are none, or not the caller's to see, in the same words."""
    if ids:
        raise UnknownStore(f"There is no store {', '.join(sorted(ids)[:5])}.", stores=sorted(ids))


def forget_known() -> None:
    """Take no store for known any more."""
    _known.clear()


async def _remember(db: Connection, ids: Collection[str]) -> dict[str, Store]:
    moment = time.monotonic()
    found = {id: _known[id][1] for id in ids if id in _known and _known[id][0] > moment - KNOWN_SECONDS}
    if missing := [id for id in ids if id not in found]:
        read = await _read(db, missing)
        _known.update((id, (moment, store)) for id, store in read.items())
        found |= read
    return found


async def _read(db: Connection, ids: Collection[str]) -> dict[str, Store]:
    return {row["id"]: Store.model_validate(dict(row)) for row in await SQL["read"].rows(db, ids=list(ids))}


def _one(found: dict[str, Store], store_id: str) -> Store:
    if store_id not in found:
        raise UnknownStore
    return found[store_id]


async def put(
    db: Connection, store_id: str, body: StoreBody, *, expected: int | None = None, caller: Caller = OPERATOR
) -> tuple[Store, bool]:
    """Make a store, or replace all of it where its version is the expected one (None: any); and say if it is new.

    Slots to come get the new capacity, but never less than what is taken of them. Raises VersionMismatch.
    """
    columns = body.model_dump(mode="json")
    version = await SQL["replace"].value(db, id=store_id, expected=expected, **columns)
    new = False
    if version is None and expected is None:
        new = await SQL["make"].value(db, id=store_id, **columns) is not None
        if not new:  # someone else made it since
            version = await SQL["replace"].value(db, id=store_id, expected=None, **columns)
    if version is None and not new:
        raise VersionMismatch("The store has changed since, or is not there yet; read it again.")
    if body.slots is not None:
        await slots.resize(db, store_id, body.slots.capacity)
    _known.pop(store_id, None)
    await audit.note(db, caller, "store.made" if new else "store.changed", store_id, store=store_id)
    return await find(db, store_id), new


async def nearest(
    db: Connection,
    *,
    among: Collection[str] | None = None,
    near: Near | None = None,
    inactive: bool = False,
    after: str | None = None,
    most: int | None = None,
) -> list[tuple[str, float | None]]:
    """The ids of stores among those asked (None: all) with their distances in km, nearest first; by id without `near`.

    `after` is the id that ended the page before. Stores without coordinates come last, or not at all in a radius.
    """
    rows = await SQL["nearest"].rows(
        db,
        among=None if among is None else list(among),
        latitude=near and near.latitude,
        longitude=near and near.longitude,
        radius_km=near and near.radius_km,
        inactive=inactive,
        after=after,
        most=most,
    )
    return [(row["id"], distance(row["distance_km"])) for row in rows]


def distance(km: float | None) -> float | None:
    """A distance as it is told: in km, to the metre; None where a place is not known."""
    return None if km is None else round(km, 3)


async def page(db: Connection, query: StoresQuery, *, among: Collection[str] | None = None) -> Stores:
    """The stores among those that a caller may see (None: all) and asks for, as many as fit a page."""
    found: list[StoreListed] = []
    after, most = query.cursor, query.limit + 1
    while len(found) <= query.limit:
        rows = await nearest(db, among=among, near=query.circle, inactive=query.inactive, after=after, most=most)
        read = await _read(db, [id for id, _ in rows])
        for id, distance in rows:
            if query.open_at is None or hours.of(read[id]).is_open(query.open_at):
                found.append(StoreListed(**dict(read[id]), distance_km=distance))
        if len(rows) < most:
            break
        after = rows[-1][0]
    items = found[: query.limit]
    return Stores(items=items, next_cursor=items[-1].id if len(found) > query.limit else None)
