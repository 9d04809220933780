"""What a store promises: by when an order is ready, and until when it waits."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service import hours, queries, slots
from service.models.stores import Store
from service.queries import Connection

SQL = queries.load("promise")

GLANCE_SECONDS = 1.0
ITEM_SECONDS = 30.0
MOST_ITEMS = 100_000  # remembered in this process


async def estimates(db: Connection, asks: Sequence[tuple[Store, Collection[str]]]) -> list[datetime | None]:
    """By when each of these orders, a store and its skus, would be ready if it were confirmed now.

    The work that each store has yet to do and the items' preparation times are read in one query for all.
    None where the store is not open for long enough within a year.
    """
    baskets = {basket: number for number, basket in enumerate({frozenset(skus) for _, skus in asks})}
    contents = [(number, sku) for basket, number in baskets.items() for sku in basket]
    rows = await SQL["work"].rows(
        db,
        stores=[store.id for store, _ in asks],
        baskets=[baskets[frozenset(skus)] for _, skus in asks],
        numbers=[number for number, _ in contents],
        skus=[sku for _, sku in contents],
    )
    made: dict[tuple[str, int], datetime | None] = {}
    for (store, _), row in zip(asks, rows, strict=True):
        key = (store.id, row["minutes"])
        if key not in made:
            made[key] = ready_by(store, row["now"], orders=row["orders"], longest=row["minutes"])
    return [made[store.id, row["minutes"]] for (store, _), row in zip(asks, rows, strict=True)]


@dataclass(slots=True)
class _Glance:
    """What a store was about to do at a moment, and what it could promise then, by the minutes of the slowest item."""

    read_at: float
    now: datetime
    orders: int
    promises: dict[int, datetime | None] = field(default_factory=dict)


_glances: dict[str, _Glance] = {}
_minutes: dict[str, tuple[float, int]] = {}


async def glances(db: Connection, asks: Sequence[tuple[Store, Collection[str]]]) -> list[datetime | None]:
    """The same as it was at most a second ago (items: half a minute): good enough before the customer has paid."""
    moment = time.monotonic()
    baskets = {id(skus): skus for _, skus in asks}  # one and the same for all stores that are asked for it
    await _look_again(db, moment, {store.id for store, _ in asks}, set().union(*baskets.values()))
    slowest = {basket: max((_minutes[sku][1] for sku in skus), default=0) for basket, skus in baskets.items()}
    told = []
    for store, skus in asks:
        glance, longest = _glances[store.id], slowest[id(skus)]
        if longest not in glance.promises:
            glance.promises[longest] = ready_by(store, glance.now, orders=glance.orders, longest=longest)
        told.append(glance.promises[longest])
    return told


async def _look_again(db: Connection, moment: float, shops: set[str], skus: set[str]) -> None:
    stale = [id for id in shops if id not in _glances or moment - _glances[id].read_at > GLANCE_SECONDS]
    if stale:
        for row in await SQL["orders"].rows(db, stores=stale):
            _glances[row["store_id"]] = _Glance(moment, row["now"], row["orders"])
    unknown = [sku for sku in skus if sku not in _minutes or moment - _minutes[sku][0] > ITEM_SECONDS]
    if unknown:
        if len(_minutes) > MOST_ITEMS:
            _minutes.clear()
            unknown = list(skus)
        found = {row["sku"]: row["minutes"] for row in await SQL["preparation"].rows(db, skus=unknown)}
        _minutes.update({sku: (moment, found.get(sku, 0)) for sku in unknown})


def forget_glances() -> None:
    """Take nothing for known any more."""
    _glances.clear()
    _minutes.clear()


def ready_by(store: Store, now: datetime, *, orders: int, longest: int = 0) -> datetime | None:
    """The rule. `orders` are confirmed or being picked in the store, `longest` the minutes that the slowest item takes.

    Counted in opening time from `now`, or from the opening of the next opening day when the cut-off has passed.
    Each full round of `parallel_orders` before it takes the store's own preparation time.
    """
    open_hours = hours.of(store)
    start: datetime | None = now
    if store.cut_off is not None:
        cut_off = hours.first_moment(open_hours.opening_day(now), store.cut_off, open_hours.zone)
        start = now if now < cut_off else open_hours.next_day_opening(now)
    minutes = max(store.preparation_minutes, longest) + store.preparation_minutes * (orders // store.parallel_orders)
    return start and open_hours.add_open_time(start, minutes)


def collect_by(store: Store, ready_at: datetime, slot_starts_at: datetime | None) -> datetime:
    """Until when a ready order waits: the end of the store's n-th opening day after it became ready.

    Never before the end of its slot. A store that does not open on as many days within a year counts calendar days.
    """
    closing = hours.of(store).opening_days_after(ready_at, store.collect_days)
    closing = closing or ready_at + timedelta(days=store.collect_days)
    return closing if slot_starts_at is None else max(closing, slots.end(store, slot_starts_at))
