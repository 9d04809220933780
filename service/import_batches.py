"""Applies some hundred lines of a file to one store, and says what became of them."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from asyncpg import Record

from service import items, queries, stock
from service.callers import Caller
from service.database import Connection
from service.errors import Forbidden
from service.import_lines import Row
from service.models.imports import CountLine, ItemLine, Kind, LineError, Mode, MoveLine

SQL = queries.load("imports")

UNKNOWN_STORE = "There is no such store, or it is not yours."
_SENTENCES = {
    "unknown_store": UNKNOWN_STORE,
    "unknown_sku": "The sku is not in the catalogue.",
    "as_of_in_the_future": "as_of lies more than a minute ahead.",
}


@dataclass(slots=True)
class Tally:
    """What became of some lines."""

    lines: int = 0
    applied: int = 0
    passed_over: int = 0
    zeroed: int = 0
    errors: list[LineError] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count the other's lines too."""
        self.lines += other.lines
        self.applied += other.applied
        self.passed_over += other.passed_over
        self.zeroed += other.zeroed
        self.errors += other.errors

    def refuse(self, row: Row, code: str, detail: str) -> None:
        """Note what is wrong with a line."""
        self.errors.append(LineError(line=row.number, code=code, detail=detail))


Apply = Callable[[Connection, str, Sequence[Row], Caller], Awaitable[Tally]]
Kin = TypeVar("Kin", bound=Hashable)


def of(kind: Kind, mode: Mode | None) -> Apply:
    """What applies the rows of such a file to one store, in the caller's transaction."""
    if kind is Kind.ITEMS:
        return apply_items
    return apply_movements if mode is Mode.DELTA else apply_counts


async def apply_counts(db: Connection, store: str, rows: Sequence[Row], caller: Caller) -> Tally:
    """Set what was counted; an older count than the position's last one is passed over."""
    tally = Tally(len(rows))
    lines = {row.number: cast("CountLine", row.line) for row in rows}
    moments = [line.as_of for line in lines.values()]
    faults = await stock.faults(db, store, [line.sku for line in lines.values()], moments)
    for wave in _waves(_faultless(rows, faults, tally), lambda row: lines[row.number].sku):
        taken = await stock.count(db, store, [lines[row.number] for row in wave], actor=caller.credential)
        tally.applied += len(taken)
        tally.passed_over += len(wave) - len(taken)
    return tally


async def apply_movements(db: Connection, store: str, rows: Sequence[Row], caller: Caller) -> Tally:
    """Record what came and left; what was recorded before is passed over."""
    tally = Tally(len(rows))
    lines = {row.number: cast("MoveLine", row.line) for row in rows}
    faults = await stock.faults(db, store, [line.sku for line in lines.values()])
    sound = _faultless(rows, faults, tally)
    for wave in _waves(sound, lambda row: (lines[row.number].reference, lines[row.number].sku)):
        outcomes = await stock.tell(db, store, [lines[row.number] for row in wave], actor=caller.credential)
        for row, outcome in zip(wave, outcomes, strict=True):
            if outcome["outcome"] == "differs":
                detail = "A movement with this reference was recorded with another content."
                tally.refuse(row, "movement_already_recorded", detail)
            elif outcome["outcome"] == "recorded":
                tally.applied += 1
            else:
                tally.passed_over += 1
    return tally


async def apply_items(db: Connection, _store: str, rows: Sequence[Row], caller: Caller) -> Tally:
    """Make or replace items; those that are as the file says are passed over.

    A caller of some stores makes those that are missing; what would change one that all stores share is refused.
    """
    tally = Tally(len(rows))
    lines = {row.number: cast("ItemLine", row.line) for row in rows}
    bound = caller.stores is not None
    for wave in _waves(rows, lambda row: lines[row.number].sku):
        skus = [lines[row.number].sku for row in wave]
        shelves = {row["sku"]: row["shelf"] for row in await SQL["shelves"].rows(db, skus=skus)}
        bodies = {lines[row.number].sku: lines[row.number].item(shelves.get(lines[row.number].sku)) for row in wave}
        changed = await items.put_many(db, bodies, only_new=bound)
        beyond = await items.differing(db, bodies) if bound else set()
        for row in wave:
            if lines[row.number].sku in beyond:
                tally.refuse(row, Forbidden.code(), items.SHARED)
        tally.applied += changed
        tally.passed_over += len(wave) - changed - len(beyond)
    return tally


def _faultless(rows: Sequence[Row], faults: Sequence[Record], tally: Tally) -> list[Row]:
    """The rows in which nothing was found; the others are noted."""
    codes: dict[int, str] = {fault["n"]: fault["code"] for fault in faults}
    for n, code in codes.items():
        tally.refuse(rows[n - 1], code, _SENTENCES[code])
    return [row for n, row in enumerate(rows, 1) if n not in codes]


def _waves(rows: Sequence[Row], kin: Callable[[Row], Kin]) -> list[list[Row]]:
    """The rows in their order, in as few groups as have no two of a kind in one."""
    waves: list[list[Row]] = []
    seen: dict[Kin, int] = {}
    for row in rows:
        name = kin(row)
        turn = seen[name] = seen.get(name, -1) + 1
        if turn == len(waves):
            waves.append([])
        waves[turn].append(row)
    return waves
