"""What a worker waits for before it begins: PostgreSQL, and the schema that it was written for."""

import asyncio
import contextlib

import asyncpg
import structlog

from service import migrations
from service.database import Pool, connection, open_pool
from service.errors import Problem
from service.settings import Settings

log = structlog.get_logger()


async def open_pool_when_ready(settings: Settings, stop: asyncio.Event) -> Pool | None:
    """Wait for PostgreSQL and for its migrations as long as it takes; None when told to stop meanwhile.

    A newer schema will do: migrations leave the code before them working.
    """
    pool: Pool | None = None
    said = ""
    while not stop.is_set():
        try:
            pool = pool or await open_pool(str(settings.database_url), size=settings.pool_size, name="comptoir worker")
            news = "" if await _is_migrated(pool) else "database_lacks_migrations"
            reason = None
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Problem) as error:
            news, reason = "database_away", type(error).__name__
        if pool and not news:
            return pool
        if news != said:
            log.warning(news, reason=reason)
        said = news
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1)
    if pool:
        pool.terminate()
    return None


async def _is_migrated(pool: Pool) -> bool:
    async with connection(pool) as db:
        try:
            return await migrations.level(db) >= migrations.newest()
        except asyncpg.UndefinedTableError:  # nothing was ever migrated
            return False
