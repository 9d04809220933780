"""Reports: a store's day in figures, and how it compares."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from asyncpg import Record

from service import queries
from service.database import Connection
from service.models.reports import DayReport, Hour, Promises, Short, Spread

SQL = queries.load("reports")

FORTNIGHT = 14


async def days(db: Connection, stores: Collection[str] | None, date: date | None) -> list[DayReport]:
    """One day of these stores (None: every one that is active), of one store by the hour; None: today, there."""
    rows = await SQL["day"].rows(db, stores=None if stores is None else sorted(stores), date=date)
    hours = await _hours(db, rows[0]) if stores is not None and len(stores) == 1 and rows else []
    return [_read(row, hours) for row in rows]


async def _hours(db: Connection, row: Record) -> list[Hour]:
    rows = await SQL["hours"].rows(db, store=row["store"], date=row["date"])
    return [
        Hour(hour=one["hour"], confirmed=one["confirmed"], ready=one["made_ready"], collected=one["collected"])
        for one in rows
    ]


def _read(row: Record, hours: list[Hour]) -> DayReport:
    return DayReport(
        store=row["store"],
        date=row["date"],
        confirmed=row["confirmed"],
        ready=row["made_ready"],
        collected=row["collected"],
        cancelled=row["cancelled"],
        uncollected=row["uncollected"],
        time_to_ready=Spread(count=row["made_ready"], median=row["ready_median"], ninth=row["ready_ninth"]),
        promises=Promises(kept=row["kept"], missed=row["missed"], overdue=row["overdue"]),
        waiting=Spread(count=row["waited"], median=row["waited_median"], ninth=row["waited_ninth"]),
        short=Short(orders=row["short_orders"], units=row["short_units"], of_units=row["units"]),
        hours=hours,
    )


@dataclass(frozen=True, slots=True)
class PastDay:
    """One day of a fortnight: orders made ready, those in time, and the median of seconds it took."""

    date: date
    ready: int = 0
    kept: int = 0
    median: float | None = None


async def fortnight(db: Connection, store: str, until: date) -> list[PastDay]:
    """The fourteen days up to a date, the quiet ones too."""
    known = {
        row["date"]: PastDay(row["date"], row["made_ready"], row["kept"], row["ready_median"])
        for row in await SQL["days"].rows(db, store=store, date=until)
    }
    every = (until - timedelta(days=FORTNIGHT - 1 - number) for number in range(FORTNIGHT))
    return [known.get(date, PastDay(date)) for date in every]
