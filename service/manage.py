"""`python -m service.manage`: what the people who run the service do by hand."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.progress import Progress

from service import audit, checks, imports, keys, logs, manage_devices, migrations, resealing, settings
from service.callers import OPERATOR, Scope
from service.database import Connection, open_pool, prepare, problems
from service.errors import Problem
from service.links import Links
from service.models.imports import Kind, Mode
from service.sealing import Sealer

Command = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked: 0 when done, 1 when refused or when a check found something."""
    asked = _parser().parse_args(arguments)
    logs.set_up("auto", "warning")
    command: Command = asked.run
    try:
        with problems():
            return asyncio.run(command(asked))
    except Problem as problem:
        return _complain(problem.detail + (f" ({problem.__cause__})" if problem.__cause__ else ""))
    except (OSError, RuntimeError, asyncpg.PostgresError) as error:
        return _complain(str(error) or type(error).__name__)


def _complain(text: str) -> int:
    sys.stderr.write(f"{text.strip()}\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service.manage",
        description="Run the service by hand. The database is the one that DATABASE_URL, or .env, names.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, run: Command, help: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        return command

    add("migrate", migrate, "Bring the database's shape up to date. Several at once wait for each other.")
    add("check", check, "Prove on the live database that every unit is accounted for; exit 1 and a list if not.")
    add("reseal", reseal, "Seal personal data with the first of DATA_KEYS; afterwards the others may go.")
    examine = add("doctor", look_over, "Look the deployment over, and say what to do; exit 1 where something fails.")
    examine.add_argument("--json", action="store_true", help="one JSON object a line")
    take_in = add("import", import_file, "Take in a file of stock or items: CSV or NDJSON, plain or gzip.")
    take_in.add_argument("file", type=Path)
    take_in.add_argument("--items", action="store_true", help="it is a file of items (default: of stock)")
    take_in.add_argument(
        "--mode", choices=list(Mode), default=Mode.ABSOLUTE, help="what its lines say of stock (default: absolute)"
    )
    take_in.add_argument("--dry-run", action="store_true", help="change nothing, and tell the same")
    add("openapi", print_openapi, "Print the OpenAPI document.")
    _add_keys(commands.add_parser("keys", help="Make, list and revoke keys.", description="Keys of callers."))
    about = "Counters' screens, each paired with a store."
    manage_devices.add(commands.add_parser("devices", help=about, description=about), _connection, OPERATOR)
    return parser


def _add_keys(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="command")
    create = commands.add_parser("create", help="Make a key and print it: it is shown this once.")
    create.add_argument("name", help="whose it is, like 'web shop'")
    create.add_argument(
        "--scope", action="append", required=True, choices=list(Scope), help="what it may do; once for each scope"
    )
    create.add_argument("--store", action="append", help="where; once for each store (default: every store)")
    create.set_defaults(run=create_key)
    commands.add_parser("list", help="List all keys, without their secrets.").set_defaults(run=list_keys)
    revoke = commands.add_parser("revoke", help="Let a key open nothing any more, from five seconds on.")
    revoke.add_argument("id", help="the twelve characters after ck_")
    revoke.set_defaults(run=revoke_key)


@asynccontextmanager
async def _connection() -> AsyncIterator[Connection]:
    """One connection that waits as long as the work takes."""
    db = await asyncpg.connect(
        str(settings.read().database_url), server_settings={"application_name": "comptoir-manage"}
    )
    await prepare(db)
    try:
        yield db
    finally:
        await db.close()


async def migrate(_asked: argparse.Namespace) -> int:
    """Apply what is missing."""
    print((await migrations.migrate(str(settings.read().database_url))).strip())
    return 0


async def check(_asked: argparse.Namespace) -> int:
    """Prove the promises, or say where they fail."""
    async with _connection() as db:
        found = [*map(dict, await checks.differences(db)), *await audit.forged(db, _sealer())]
    for row in found:
        print(f"{row['store']} {row['subject']}: {row['promise']}: expected {row['expected']}, found {row['found']}")
    print(f"{len(found)} differences." if found else "Every unit is accounted for.")
    return 1 if found else 0


def _sealer() -> Sealer:
    return Links(settings.read()).sealer


async def reseal(_asked: argparse.Namespace) -> int:
    """Seal with the first key what older keys sealed."""
    async with _connection() as db:
        renewed = await resealing.reseal(db, _sealer())
    print(", ".join(f"{count} {what}" for what, count in renewed.items()) + " sealed anew.")
    return 0


async def look_over(asked: argparse.Namespace) -> int:
    """Say what is well, what will hurt, and what to do."""
    from service import doctor  # noqa: PLC0415 -- what no other command needs takes a second to read

    marks, worst = {"ok": "  ok", "warn": "WARN", "fail": "FAIL"}, 0
    async for one in doctor.look_over():
        print(
            one.model_dump_json() if asked.json else f"{marks[one.state]}  {one.about:13} {one.says} {one.do}".strip()
        )
        worst = max(worst, int(one.state == "fail"))
    return worst


async def import_file(asked: argparse.Namespace) -> int:
    """Take in a file, and say which lines were wrong."""
    kind, mode = (Kind.ITEMS, None) if asked.items else (Kind.STOCK, Mode(asked.mode))
    pool = await open_pool(str(settings.read().database_url), size=2, name="comptoir-manage")
    size = asked.file.stat().st_size
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(asked.file.name, total=size)
        report = await imports.import_file(
            pool,
            asked.file,
            kind=kind,
            mode=mode,
            dry_run=asked.dry_run,
            progress=lambda count: bar.advance(task, count),
        )
    await pool.close()
    for error in report.errors:
        print(f"line {error.line}: {error.code}: {error.detail}")
    tried = " (dry run: nothing was changed)" if report.dry_run else ""
    counts = f"{report.applied} applied, {report.passed_over} said nothing new, {report.failed} failed"
    print(f"{report.lines} lines: {counts}{tried}.")
    return 1 if report.failed else 0


async def print_openapi(_asked: argparse.Namespace) -> int:
    """Print the document."""
    from service.api import openapi, routes  # noqa: PLC0415 -- likewise

    sys.stdout.write(openapi.spell(routes.ENDPOINTS))
    return 0


async def create_key(asked: argparse.Namespace) -> int:
    """Make a key."""
    async with _connection() as db, db.transaction():
        _, text = await keys.create(db, asked.name, sorted(set(asked.scope)), stores=asked.store)
    print(text)
    return 0


async def list_keys(_asked: argparse.Namespace) -> int:
    """List all keys."""
    after: str | None = None
    async with _connection() as db:
        while True:
            page = await keys.listed(db, OPERATOR, after=after, limit=200)
            for key in page.items:
                stores = "every store" if key.stores is None else ",".join(key.stores)
                used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
                state = "revoked" if key.revoked_at else used
                print(f"{key.id}  {','.join(key.scopes):40}  {stores:20}  {state:22}  {key.name}")
            after = page.next_cursor
            if after is None:
                return 0


async def revoke_key(asked: argparse.Namespace) -> int:
    """Revoke a key."""
    async with _connection() as db, db.transaction():
        key = await keys.revoke(db, asked.id.removeprefix("ck_")[:12], caller=OPERATOR)
    print(f"{key.id} ({key.name}) is revoked.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
