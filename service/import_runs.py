"""One attempt at an import: batch by batch, each in one transaction per store, its account kept beside its effect."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from itertools import groupby
from uuid import UUID

from service import failpoints, import_batches, queries, stock
from service.callers import Caller
from service.database import Connection, Pool, transaction
from service.errors import Busy, IdempotencyInFlight, Problem
from service.import_batches import UNKNOWN_STORE, Tally
from service.import_lines import Row
from service.models.imports import CountLine, Kind, Mode
from service.models.stock import Count

SQL = queries.load("imports")

BATCH = 500  # lines
BATCH_SECONDS = 5.0  # a file that comes slowly is applied as it comes
TRIES = 4  # where others hold the same positions

INTERRUPTED = "It was interrupted; repeat it with the same file."

Work = Callable[[Connection], Awaitable[Tally]]


@dataclass(frozen=True, slots=True)
class Ask:
    """Who sends which kind of file, and what is to be done with it. Who gives no key can't ask for it again."""

    caller: Caller
    kind: Kind
    mode: Mode | None
    dry_run: bool
    key: str | None = None
    fingerprint: bytes | None = None


@dataclass(slots=True)
class Run:
    """One attempt at an import."""

    pool: Pool
    ask: Ask
    id: UUID
    attempt: int
    moments: dict[str, datetime] = field(default_factory=dict)  # per store that a snapshot names, its oldest count
    spoiled: set[str | None] = field(default_factory=set)  # stores of which a line was wrong; None: nobody knows which

    async def run(self, rows: AsyncIterator[Row]) -> None:
        """Apply every row; then, for a snapshot that was whole, zero what it did not name."""
        await self._forget_named()
        batch: list[Row] = []
        begun = time.monotonic()
        async for row in rows:
            batch.append(row)
            if len(batch) == BATCH or time.monotonic() - begun > BATCH_SECONDS:
                await self._apply(batch)
                batch, begun = [], time.monotonic()
        await self._apply(batch)
        if self.ask.mode is Mode.SNAPSHOT and None not in self.spoiled:
            for store in sorted(self.moments.keys() - self.spoiled):
                await self._zero_absent(store)

    async def end(self) -> None:
        """Close the account."""
        await self._forget_named()
        async with transaction(self.pool) as db:
            self._check(await SQL["finish"].run(db, id=self.id, attempt=self.attempt, state="done", reason=None))

    async def break_off(self, error: BaseException) -> None:
        """Close the account of an attempt that failed; what was applied stays applied."""
        fault_of_the_file = isinstance(error, Problem) and error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        reason = error.detail if isinstance(error, Problem) and fault_of_the_file else INTERRUPTED
        async with transaction(self.pool) as db:
            await SQL["finish"].run(db, id=self.id, attempt=self.attempt, state="failed", reason=reason)

    async def _apply(self, batch: Sequence[Row]) -> None:
        """Apply a batch, store by store in the order of their ids."""
        wrong = Tally()
        sound: list[tuple[str, Row]] = []
        for row in batch:
            if row.error is None and (row.store is None or self.ask.caller.may_see(row.store)):
                sound.append((row.store or "", row))
                continue
            wrong.lines += 1
            if row.error is not None:
                wrong.errors.append(row.error)
            else:
                wrong.refuse(row, "unknown_store", UNKNOWN_STORE)
            self.spoiled.add(row.store)
        if wrong.lines:
            async with transaction(self.pool) as db:
                await self._note(db, wrong)
        for store, group in groupby(sorted(sound, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
            await self._apply_to(store, [row for _, row in group])

    async def _apply_to(self, store: str, rows: Sequence[Row]) -> None:
        """Apply rows of one store together; where they are refused, each half, and so on down to the one at fault."""
        apply = import_batches.of(self.ask.kind, self.ask.mode)
        try:
            tally = await self._write(lambda db: apply(db, store, rows, self.ask.caller), store, rows)
        except Problem as problem:
            if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(problem, IdempotencyInFlight):
                raise
            if len(rows) > 1:
                await self._apply_to(store, rows[: len(rows) // 2])
                await self._apply_to(store, rows[len(rows) // 2 :])
                return
            tally = Tally(1)
            tally.refuse(rows[0], problem.code(), problem.detail)
            async with transaction(self.pool) as db:
                await self._note(db, tally)
        if tally.errors:
            self.spoiled.add(store)

    async def _write(self, work: Work, store: str, rows: Sequence[Row] = ()) -> Tally:
        """Work and its account in one transaction; of a dry run, only the account. Raises Busy after some tries."""
        for turn in range(1, TRIES + 1):
            try:
                async with transaction(self.pool) as db:
                    tally = await (self._rehearse(db, work) if self.ask.dry_run else work(db))
                    failpoints.reached("import_applied")
                    await self._name(db, store, rows)
                    await self._note(db, tally)
                    failpoints.reached("import_noted")
            except Busy:
                if turn == TRIES:
                    raise
                await asyncio.sleep(turn * random.uniform(0.1, 0.4))  # noqa: S311 -- only to step out of each other's way
            else:
                failpoints.reached("import_committed")
                return tally
        raise AssertionError

    @staticmethod
    async def _rehearse(db: Connection, work: Work) -> Tally:
        """Do the work, and undo it."""
        attempt = db.transaction()
        await attempt.start()
        try:
            return await work(db)
        finally:
            await attempt.rollback()

    async def _name(self, db: Connection, store: str, rows: Sequence[Row]) -> None:
        """Remember what a snapshot names."""
        if self.ask.mode is not Mode.SNAPSHOT:
            return
        lines = [row.line for row in rows if isinstance(row.line, CountLine)]
        for line in lines:
            self.moments[store] = min(line.as_of, self.moments.get(store, line.as_of))
        if lines:
            await SQL["named"].run(db, id=self.id, store=store, skus=sorted({line.sku for line in lines}))

    async def _zero_absent(self, store: str) -> None:
        """Count zero of what the snapshot of a store does not name, as of its oldest count."""
        as_of, after = self.moments[store], ""
        while True:
            async with transaction(self.pool) as db:
                absent = await SQL["absent"].rows(db, id=self.id, store=store, as_of=as_of, after=after, limit=BATCH)
            if not absent:
                return
            after = absent[-1]["sku"]
            had_some = {row["sku"] for row in absent if row["on_hand"]}
            counts = [Count(sku=row["sku"], on_hand=0, as_of=as_of) for row in absent]

            async def zero(
                db: Connection, counts: Sequence[Count] = tuple(counts), had_some: set[str] = had_some
            ) -> Tally:
                taken = await stock.count(db, store, counts, actor=self.ask.caller.credential)
                return Tally(zeroed=len(taken & had_some))

            await self._write(zero, store)

    async def _note(self, db: Connection, tally: Tally) -> None:
        """Add to the account, in the transaction of what it tells."""
        self._check(
            await SQL["note"].run(
                db, id=self.id, attempt=self.attempt,
                lines=tally.lines, applied=tally.applied, passed_over=tally.passed_over, zeroed=tally.zeroed,
                failed=len(tally.errors), errors=[error.model_dump() for error in tally.errors],
            )
        )  # fmt: skip

    @staticmethod
    def _check(written: int) -> None:
        if not written:
            raise IdempotencyInFlight("Another request has taken this import over.", retry_after=5)

    async def _forget_named(self) -> None:
        if self.ask.mode is not Mode.SNAPSHOT:
            return
        while True:
            async with transaction(self.pool) as db:
                if not await SQL["forget_named"].run(db, id=self.id):
                    return
