"""The windows in which a store hands over at most so many orders."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta

from service import hours, queries
from service.errors import InvalidSlot
from service.models.fields import spell
from service.models.slots import Slot
from service.models.stores import Store
from service.queries import Connection

SQL = queries.load("slots")

DAY = timedelta(days=1)
AHEAD = timedelta(days=hours.LOOK_AHEAD)  # how far a slot can be booked
SEARCHED = 14  # days in which a free slot is looked for


def starts(store: Store, day: date) -> list[datetime]:
    """The slots of a date on the store's calendar, by their starts: one after the other from each opening."""
    if store.slots is None:
        return []
    open_hours, length = hours.of(store), timedelta(minutes=store.slots.minutes)
    midnight, next_midnight = (hours.first_moment(day + n * DAY, time(), open_hours.zone) for n in (0, 1))
    spans = [span for on in (day - DAY, day) for span in open_hours.openings(on)]
    found = {span.start + n * length for span in spans for n in range((span.end - span.start) // length)}
    return sorted(start for start in found if midnight <= start < next_midnight)


def end(store: Store, starts_at: datetime) -> datetime:
    """When a slot ends; its start, where the store has no slots any more."""
    return starts_at + timedelta(minutes=store.slots.minutes if store.slots else 0)


def check(store: Store, starts_at: datetime, ready_by: datetime | None, now: datetime) -> int:
    """How many orders this slot of the store takes in all; whether some are left is known when it is taken.

    Raises InvalidSlot, saying why: not offered, past or too far ahead, or too early for the order to be ready.
    """
    if store.slots is None:
        raise InvalidSlot("This store has no slots: leave it out.")
    if starts_at <= now:
        raise InvalidSlot("This slot has begun already.")
    if starts_at > now + AHEAD:
        raise InvalidSlot("A slot can be taken a year ahead at most.")
    if starts_at not in starts(store, hours.of(store).day_of(starts_at)):
        raise InvalidSlot("No slot of this store starts then.")
    if ready_by is None:
        raise InvalidSlot("The store can't say by when the order will be ready.")
    if starts_at < ready_by:
        raise InvalidSlot("The order won't be ready by then.", ready_by=spell(ready_by))
    return store.slots.capacity


async def of_day(db: Connection, store: Store, day: date | None = None) -> list[Slot]:
    """The slots of a day (None: today) on the store's calendar that are still to come, full ones too."""
    if day is None:
        day = hours.of(store).day_of(await SQL["now"].value(db))
    return (await _left(db, {0: (store, starts(store, day))})).get(0, [])


async def first_free(db: Connection, asks: Sequence[tuple[Store, datetime | None]]) -> list[list[Slot]]:
    """For each store and promise: the free slots of the first day that has any after it, within two weeks."""
    found: list[list[Slot]] = [[] for _ in asks]
    days = {place: _days(store, by) for place, (store, by) in enumerate(asks) if store.slots and by is not None}
    while days:
        wanted = {place: (asks[place][0], offered) for place, each in days.items() if (offered := next(each, None))}
        for place, slots in (await _left(db, wanted)).items() if wanted else ():
            found[place] = [slot for slot in slots if slot.left > 0]
        days = {place: days[place] for place in wanted if not found[place]}
    return found


async def resize(db: Connection, store_id: str, capacity: int) -> None:
    """Give the slots to come another capacity, but never less than what is taken."""
    await SQL["resize"].run(db, store=store_id, capacity=capacity)


def _days(store: Store, ready_by: datetime) -> Iterator[list[datetime]]:
    first = hours.of(store).day_of(ready_by)
    for n in range(SEARCHED):
        if offered := [start for start in starts(store, first + n * DAY) if start >= ready_by]:
            yield offered


async def _left(db: Connection, wanted: Mapping[int, tuple[Store, list[datetime]]]) -> dict[int, list[Slot]]:
    asked = [(place, store.id, start) for place, (store, offered) in wanted.items() for start in offered]
    places, stores, moments = (list(column) for column in zip(*asked, strict=True)) if asked else ([], [], [])
    left: dict[int, list[Slot]] = {}
    for row in await SQL["taken"].rows(db, places=places, stores=stores, starts=moments):
        plan = wanted[row["place"]][0].slots
        slot = Slot(starts_at=row["starts_at"], left=max(0, (plan.capacity if plan else 0) - row["taken"]))
        left.setdefault(row["place"], []).append(slot)
    return left
