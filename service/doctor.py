"""Looks the deployment over: what is well, what will hurt, and what to do about it, in a sentence each."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import asyncpg
from asyncpg import Record

from service import health, migrations, queries, settings
from service.database import Connection
from service.models.fields import Told
from service.settings import Settings

SQL = queries.load("doctor")
WORKERS = queries.load("workers")

OLDEST_SERVER = 150_000  # PostgreSQL 15
CLOCK_SECONDS = 2.0  # between this machine and PostgreSQL; webhooks' receivers bear five minutes
CONNECT_SECONDS = 5
WORKER_SECONDS = 30
OLD_TRANSACTION_SECONDS = 300
KEY_DAYS = 365
WRAPAROUND = 1_000_000_000  # transactions; PostgreSQL stops at two milliards
MANY_DEAD = 100_000  # rows, and more than live
ROOM_LEFT = 0.8  # of the connections
LATE = {"events": 60, "notifications": 600, "deliveries": 600, "holds": 300}
LATE |= {"lapses": 3600, "answers": 3600, "callbacks": 3600, "people": 86_400}
"""Seconds that work of each kind may be late; as the alarms have it."""


class Finding(Told):
    """One thing that was looked at. `fail`: it breaks a promise or will not work; `warn`: it will hurt some day."""

    about: str
    state: Literal["ok", "warn", "fail"]
    says: str
    do: str = ""


def ok(about: str, says: str) -> Finding:
    """It is as it should be."""
    return Finding(about=about, state="ok", says=says)


def warn(about: str, says: str, do: str) -> Finding:
    """It works, and will hurt."""
    return Finding(about=about, state="warn", says=says, do=do)


def fail(about: str, says: str, do: str) -> Finding:
    """It does not work, or breaks a promise."""
    return Finding(about=about, state="fail", says=says, do=do)


async def look_over() -> AsyncIterator[Finding]:
    """Look at everything there is to look at, also where the settings are not as they must be."""
    try:
        chosen = settings.read()
    except SystemExit as error:
        for line in str(error).splitlines()[1:]:
            yield fail("settings", f"{line}.", "Mend it in the environment or in .env; see .env.example.")
        return
    yield ok("settings", "They are as they must be.")
    async for finding in examine(chosen):
        yield finding


async def examine(chosen: Settings) -> AsyncIterator[Finding]:
    """Look at everything, one thing after the other. Nothing is changed; PostgreSQL may be away."""
    for finding in _settings(chosen):
        yield finding
    yield await _redis(chosen)
    try:
        db = await asyncpg.connect(
            str(chosen.database_url),
            timeout=CONNECT_SECONDS,
            command_timeout=CONNECT_SECONDS * 6,
            server_settings={"application_name": "comptoir-doctor"},
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield fail("postgresql", f"It can't be reached ({type(error).__name__}).", "Start it, or mend DATABASE_URL.")
        return
    try:
        async for finding in _database(db, chosen):
            yield finding
    finally:
        await db.close()


def _settings(chosen: Settings) -> Iterator[Finding]:
    url = chosen.public_url
    if url.scheme == "https":
        yield ok("public_url", f"Customers' links begin with {url}.")
    elif url.host in {"localhost", "127.0.0.1", "::1"}:
        yield warn("public_url", f"Customers' links lead to {url}: to nobody but this machine.", "Set PUBLIC_URL.")
    else:
        yield fail("public_url", "Customers' links go without TLS, and show who collects what.", "Begin it with https.")
    kept = [name for name, carrier in _carriers(chosen).items() if "capture" in carrier or "spare" in carrier]
    if kept:
        yield warn("carriers", f"What goes by {' and '.join(kept)} is kept, and reaches nobody.", "Choose a provider.")
    else:
        yield ok("carriers", "Messages have carriers: " + ", ".join(_carriers(chosen).values()) + ".")
    if chosen.allow_private_webhooks:
        yield warn("webhooks", "Webhooks may go to addresses inside, and without TLS.", "Unset ALLOW_PRIVATE_WEBHOOKS.")
    if chosen.log_level == "debug":
        yield warn("logs", "Everything is logged; that costs time and disk.", "Set LOG_LEVEL=info.")


def _carriers(chosen: Settings) -> dict[str, str]:
    return {"e-mail": " and ".join(chosen.email_providers), "text message": " and ".join(chosen.sms_providers)}


async def _redis(chosen: Settings) -> Finding:
    state = await health.ask_redis(chosen.redis_url.get_secret_value() if chosen.redis_url else None)
    if state == "refuses":
        return warn(
            "redis", "It takes nothing: messages leave up to a second later.", "Is it full, or a copy? See maxmemory."
        )
    if state == "away":
        return warn(
            "redis", "It does not answer: messages leave up to a second later.", "Start it, or unset REDIS_URL."
        )
    return ok("redis", f"{state.capitalize()}; it only wakes workers earlier.")


async def _database(db: Connection, chosen: Settings) -> AsyncIterator[Finding]:
    asked = datetime.now(UTC)
    server = await SQL["server"].row(db)
    assert server is not None  # noqa: S101 -- this database is among the databases
    for finding in (*_server(server, chosen), _clock(server["moment"], asked)):
        yield finding
    level, wanted = await _level(db), migrations.newest()
    if level < wanted:
        yield fail(
            "migrations", f"The schema is at {level or 'nothing'}, this code wants {wanted}.", "Run `manage migrate`."
        )
        return
    newer = ", newer than this code, which works with it" if level > wanted else ""
    yield ok("migrations", f"The schema is at {level}{newer}.")
    async for finding in _work(db, chosen.forget_after_days):
        yield finding
    async for finding in _growth(db, server):
        yield finding


def _server(server: Record, chosen: Settings) -> Iterator[Finding]:
    if server["version_number"] < OLDEST_SERVER:
        yield fail("postgresql", f"It is version {server['version']}.", "Take 15 or newer.")
    elif server["standby"]:
        yield fail("postgresql", "It is a standby: nothing can be written.", "Name the primary in DATABASE_URL.")
    else:
        yield ok("postgresql", f"Version {server['version']} answers.")
    if not server["keeps_what_it_says"] or server["synchronous_commit"] == "off":
        yield fail(
            "durability",
            "A crash loses orders that were accepted: fsync, full_page_writes or synchronous_commit is off.",
            "Switch them on.",
        )
    elif not (server["archives"] or server["replicas"]):
        yield warn(
            "durability",
            "What was written since the last backup is on this one disk only: no archive, no replica.",
            "Archive the WAL, or add a standby: docs/operations.md, Backups.",
        )
    else:
        yield ok("durability", "What is accepted is on disk, and goes to an archive or a replica.")
    if not server["checks_pages"]:
        yield warn("checksums", "A page that the disk changes is not noticed.", "`pg_checksums --enable`, at rest.")
    if not server["vacuums"]:
        yield fail("autovacuum", "It is off: tables grow without end.", "Switch it on.")
    if server["encoding"] != "UTF8":
        yield fail("encoding", f"It is {server['encoding']}: names can't be kept.", "Make the database in UTF8.")
    yield _connections(dict(server), chosen.pool_size)


def _connections(server: Mapping[str, Any], pool_size: int) -> Finding:
    most, now = server["connections"], server["connected"]
    says = f"{now} of {most} are taken; each process of API and worker may take {pool_size}."
    if pool_size * 2 > most:
        return fail("connections", says, "Raise max_connections, or lower POOL_SIZE: API and worker must both fit.")
    if now > most * ROOM_LEFT:
        return warn("connections", says, "Raise max_connections, lower POOL_SIZE, or run fewer processes.")
    return ok("connections", says)


def _clock(there: datetime, here: datetime) -> Finding:
    """Compare the clocks; the way there and back counts as a difference, and is short."""
    offset = (there - here).total_seconds()
    if abs(offset) > CLOCK_SECONDS:
        return warn(
            "clock", f"PostgreSQL's clock is {offset:+.1f} s from this machine's; the shop goes by its.", "Use NTP."
        )
    return ok("clock", f"PostgreSQL's clock and this machine's agree within {abs(offset):.1f} s.")


async def _level(db: Connection) -> str:
    try:
        return await migrations.level(db)
    except asyncpg.UndefinedTableError:
        return ""


async def _work(db: Connection, days: int) -> AsyncIterator[Finding]:
    """What should have been done, and by whom."""
    beat = await WORKERS["newest_beat"].value(db, host=None)
    if beat is None or beat > WORKER_SECONDS:
        seen = "none was ever seen" if beat is None else f"the last was seen {beat:.0f} s ago"
        yield fail("workers", f"No worker lives: {seen}; nobody is told anything.", "Start `python -m workers`.")
    else:
        yield ok("workers", f"One was seen {beat:.0f} s ago.")
    for what, seconds in (await health.oldest_undone(db, days=days)).model_dump().items():
        if seconds > LATE[what]:
            yield fail(what, f"The oldest is {seconds:.0f} s late.", "docs/operations.md, Watch, says where to look.")
        else:
            yield ok(what, "Nothing is late.")
    gone = await SQL["given_up"].row(db)
    assert gone is not None  # noqa: S101 -- a select without from has one row
    if gone["failed"] or gone["doubtful"]:
        says = f"{gone['failed']} failed and {gone['doubtful']} are in doubt, in seven days."
        yield warn("messages", says, "See why: docs/operations.md, Messages in doubt.")
    if gone["dead"] or gone["switched_off"]:
        says = f"{gone['dead']} were given up in seven days; {gone['switched_off']} endpoints are switched off."
        yield warn("webhooks", says, "Tell their owners, then replay: docs/operations.md, Webhooks.")


async def _growth(db: Connection, server: Record) -> AsyncIterator[Finding]:
    """What grows, and what has grown old."""
    if await SQL["left_lying"].value(db):
        yield warn("upkeep", "Things past their time are still there.", "Look for `round_failed` with job `upkeep`.")
    tables = await SQL["largest"].rows(db)
    biggest = ", ".join(f"{table['name']} {table['size'] / 2**20:,.0f} MiB" for table in tables)
    yield ok("disk", f"The database takes {server['size'] / 2**20:,.0f} MiB; the largest are {biggest}.")
    for table in tables:
        if table["dead"] > max(MANY_DEAD, table["rows"]):
            yield warn("disk", f"{table['name']} holds more dead rows than live ones.", f"`vacuum {table['name']}`.")
    if server["transactions_ago"] > WRAPAROUND:
        yield fail("autovacuum", "It can't keep up: PostgreSQL will stop to protect its data.", "`vacuumdb --freeze`.")
    open_for = await SQL["oldest_transaction"].value(db) or 0
    if open_for > OLD_TRANSACTION_SECONDS:
        says = f"One has been open for {open_for:.0f} s: nothing is tidied up behind it."
        yield warn("transactions", says, "Find it in pg_stat_activity; end it with pg_terminate_backend.")
    keys = await SQL["keys"].row(db)
    assert keys is not None  # noqa: S101 -- an aggregate has one row
    says = f"{keys['living']} open something; the oldest is {keys['oldest_days']} days old, {keys['idle']} are idle."
    if not keys["living"]:
        yield warn("keys", "There is none: nobody can ask anything.", "`manage keys create`.")
    elif keys["idle"] or keys["oldest_days"] > KEY_DAYS:
        yield warn("keys", says, "Revoke what nobody used for 90 days, replace what is older than a year.")
    else:
        yield ok("keys", says)
    if not await SQL["stores"].value(db):
        yield warn("stores", "There is none yet.", "`PUT /v1/stores/{store}`.")
