"""How the service is: whether it can serve, and how old the oldest undone work is."""

import asyncio

import redis.asyncio
from asyncpg import UndefinedTableError
from redis.exceptions import RedisError, ResponseError

from service import migrations, queries
from service.database import Connection, Pool, connection, within
from service.errors import Busy, Unavailable
from service.models.health import OldestUndone, Ready

SQL = queries.load("health")

PATIENCE_SECONDS = 3  # with PostgreSQL
REDIS_SECONDS = 1


async def ready(pool: Pool, *, days: int, redis_url: str | None, closing: bool = False) -> Ready:
    """Whether requests can be served: PostgreSQL answers and has the schema that this code was written for, or a newer.

    `days`: after which people are forgotten. Answers within four seconds. Redis is reported, never required.
    """
    redis_state = asyncio.create_task(ask_redis(redis_url))
    level, undone, reason = None, None, None
    try:
        level, undone = await within(PATIENCE_SECONDS, _look(pool, days))
    except (Unavailable, Busy):
        reason = "PostgreSQL does not answer."
    if reason is None and undone is None:
        reason = "The database lacks migrations: run `python -m service.manage migrate`."
    if closing:
        reason = "This process is stopping."
    return Ready(
        ready=reason is None,
        reason=reason,
        migration=level,
        migration_wanted=migrations.newest(),
        redis=await redis_state,
        oldest_undone_seconds=undone,
    )


async def _look(pool: Pool, days: int) -> tuple[str, OldestUndone | None]:
    async with connection(pool) as db:
        try:
            level = await migrations.level(db)
        except UndefinedTableError:  # nothing was ever migrated
            return "", None
        return level, await oldest_undone(db, days=days) if level >= migrations.newest() else None


async def oldest_undone(db: Connection, *, days: int) -> OldestUndone:
    """How long the oldest work has been due that a worker should have done; `days`: people are kept so long."""
    row = await SQL["oldest_undone"].row(db, days=days)
    assert row is not None  # noqa: S101 -- a select without from has one row
    return OldestUndone(**{name: round(seconds or 0, 1) for name, seconds in row.items()})


async def open_reservations(db: Connection) -> dict[str, int]:
    """How many reservations are on their way, by state."""
    return {row["state"]: row["reservations"] for row in await SQL["open_reservations"].rows(db)}


async def workers(db: Connection) -> int:
    """How many workers live."""
    return int(await SQL["workers"].value(db))


async def passed_over(db: Connection) -> dict[str, int]:
    """Of how many stores workers could not do their work lately, by round; nothing where all goes well."""
    return {row["round"]: row["stores"] for row in await SQL["passed_over"].rows(db)}


async def redis_up(url: str | None) -> dict[str, float]:
    """1 while Redis takes what it is told, 0 while not; nothing where there is none to ask."""
    state = await ask_redis(url)
    return {} if state.startswith("not ") else {"": float(state == "answers")}


async def ask_redis(url: str | None) -> str:
    """How Redis is within a second: `answers`, `refuses`, `away`, `not configured`, or `not asked` behind Sentinel.

    `refuses`: it is there and takes nothing, because it is full, or a copy of another.
    """
    if url is None:
        return "not configured"
    if not url.startswith(("redis://", "rediss://", "unix://")):
        return "not asked"
    pool = redis.asyncio.ConnectionPool.from_url(url, socket_connect_timeout=REDIS_SECONDS)
    client = redis.asyncio.Redis(connection_pool=pool)
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            await client.set("comptoir:asked", "", px=1000)
    except ResponseError:
        return "refuses"
    except (RedisError, OSError, TimeoutError):
        return "away"
    finally:
        await client.aclose(close_connection_pool=True)
    return "answers"
