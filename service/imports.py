"""Takes in files of stock and items while they stream; safe to break off, and safe to repeat."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from service import audit, queries
from service.callers import Caller
from service.database import Connection, Pool, connection, transaction
from service.errors import IdempotencyInFlight, IdempotencyKeyReused, Problem, UnknownImport
from service.ids import new_id
from service.import_lines import Chunks, open_file
from service.import_runs import Ask, Run
from service.models.imports import ImportReport, Kind, Mode, line_model

SQL = queries.load("imports")

MANAGE = Caller("manage")
"""Who imports from the command line."""

_CHUNK = 64 * 1024


async def take_in(pool: Pool, ask: Ask, chunks: Chunks) -> tuple[ImportReport, bool]:
    """Take a file in, to its end; answers what became of it, and whether that was so already under this key.

    Lines that are wrong are noted, the others applied. What was applied stays, also when the file breaks off: then the
    import is `failed`, and the same key begins it again under the same id. Raises InvalidRequest for a file that can't
    be read, IdempotencyInFlight while the import of this key runs, IdempotencyKeyReused for another mode.
    """
    rows = await open_file(chunks, line_model(ask.kind, ask.mode))
    began = await _begin(pool, ask)
    if isinstance(began, ImportReport):
        return began, True
    try:
        await began.run(rows)
        await began.end()
    except BaseException as error:
        if isinstance(error, Problem):
            error.facts["import"] = str(began.id)
        with contextlib.suppress(Problem):  # without a database, its silence tells
            await asyncio.shield(began.break_off(error))
        raise
    async with connection(pool) as db:
        return await find(db, began.id), False


async def _begin(pool: Pool, ask: Ask) -> Run | ImportReport:
    """Begin an import, or the one of its key anew where it failed; where that is done, answer what became of it."""
    names = {"actor": ask.caller.credential, "kind": ask.kind, "key": ask.key}
    async with transaction(pool) as db:
        begun = await SQL["begin"].row(
            db, **names, id=new_id(), mode=ask.mode, dry_run=ask.dry_run, fingerprint=ask.fingerprint
        )
        if begun is not None:
            facts = {"kind": ask.kind, "mode": ask.mode, "dry_run": ask.dry_run, "attempt": begun["attempt"]}
            await audit.note(db, ask.caller, "import.begun", begun["id"], facts=facts)
            return Run(pool, ask, begun["id"], begun["attempt"])
        known = await SQL["of_key"].row(db, **names)
        if known is None or known["fingerprint"] != ask.fingerprint:
            raise IdempotencyKeyReused("Take a new key for another mode.")
        if known["state"] != "done":
            raise IdempotencyInFlight("The import of this key is running.", retry_after=5)
        return await find(db, known["id"])


async def find(db: Connection, id: UUID, *, caller: Caller = MANAGE) -> ImportReport:
    """One import. A key that is bound to stores sees its own only. Raises UnknownImport."""
    row = await SQL["find"].row(db, id=id)
    if row is None or (caller.stores is not None and row["actor"] != caller.credential):
        raise UnknownImport(f"There is no import {id}.")
    told = {name: row[name] for name in ImportReport.model_fields}
    return ImportReport(**told | {"errors": sorted(told["errors"], key=lambda error: error["line"])})


async def recent(db: Connection, *, caller: Caller) -> list[ImportReport]:
    """The last twenty imports, the newest first and without their errors. A key of some stores sees its own only."""
    actor = None if caller.stores is None else caller.credential
    return [ImportReport(**row) for row in await SQL["recent"].rows(db, actor=actor)]


async def import_file(
    pool: Pool,
    path: Path,
    *,
    kind: Kind,
    mode: Mode | None,
    dry_run: bool,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Take in a file of this machine; `progress` is told the bytes as they are read. Raises what `take_in` raises."""
    ask = Ask(MANAGE, Kind(kind), None if kind == Kind.ITEMS else Mode(mode or Mode.ABSOLUTE), dry_run)
    report, _ = await take_in(pool, ask, _read(path, progress))
    return report


async def _read(path: Path, progress: Callable[[int], None] | None) -> Chunks:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read1, _CHUNK):
            if progress:
                progress(len(chunk))
            yield chunk
