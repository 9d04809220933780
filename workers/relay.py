"""Gives events their places in their stores' streams, and makes the messages they oblige to."""

import structlog

from service import events
from service.database import Pool
from service.settings import Settings
from workers.rounds import each_store

log = structlog.get_logger()


async def relay(pool: Pool, settings: Settings) -> int:
    """Relay what waits, store by store, one batch of each; how many events that was."""
    stores = await events.waiting_stores(pool)
    source = str(settings.public_url).rstrip("/")
    relayed = await each_store(stores, lambda store: events.relay(pool, store, source=source))
    count = sum(one.events for one in relayed)
    if count:
        log.debug("events_relayed", count=count)
    return count
