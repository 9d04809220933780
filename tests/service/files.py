"""Files as feeds send them, and what became of them, in a line each."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

from service import imports
from service.callers import Caller, Scope
from service.import_runs import Ask
from service.models.imports import ImportReport, Kind, Mode
from tests.shop import Shop

FEED = Caller("key:feed", frozenset({Scope.STOCK}))
MOMENT = datetime(2026, 11, 1, 9, tzinfo=UTC)
COUNTS = "store,sku,on_hand,as_of\n"
MOVES = "store,sku,delta,reason,reference,order_ref\n"


def count(sku: str, units: int | str, store: str = "lyon", as_of: datetime = MOMENT) -> str:
    """A line of a file of counts."""
    return f"{store},{sku},{units},{as_of.isoformat()}\n"


async def sent(text: str | bytes, then: BaseException | None = None) -> AsyncIterator[bytes]:
    """A file as it comes; where it breaks off, `then` says how."""
    raw = text.encode() if isinstance(text, str) else text
    for start in range(0, len(raw), 4096):
        yield raw[start : start + 4096]
    if then is not None:
        raise then


async def take_in(
    shop: Shop,
    text: str,
    mode: Mode | None = Mode.ABSOLUTE,
    *,
    kind: Kind = Kind.STOCK,
    dry_run: bool = False,
    key: str | None = None,
    caller: Caller = FEED,
    then: BaseException | None = None,
) -> ImportReport:
    """Send a file."""
    ask = Ask(caller, kind, mode, dry_run, key or str(uuid4()), f"{mode}{dry_run}".encode())
    report, _ = await imports.take_in(shop.pool, ask, sent(text, then))
    return report


async def units(shop: Shop) -> dict[str, int]:
    """On hand by store and sku."""
    rows = await shop.pool.fetch("select store_id, sku, on_hand from position")
    return {f"{row['store_id']}/{row['sku']}": row["on_hand"] for row in rows}


async def until(shop: Shop, *, applied: int) -> None:
    """Wait for an import to have got this far."""
    while not await shop.pool.fetchval("select count(*) from import where applied = $1", applied):  # noqa: ASYNC110 -- it is elsewhere
        await asyncio.sleep(0.01)


def outcome(report: ImportReport) -> tuple[int, int, int, int]:
    """Lines read, applied, passed over, failed."""
    return report.lines, report.applied, report.passed_over, report.failed


def faults(report: ImportReport) -> list[tuple[int, str]]:
    """What was wrong, by line."""
    return [(error.line, error.code) for error in report.errors]
