"""What happens when time is up: holds expire, ready orders lapse, customers are reminded or waited for no longer."""

import structlog

from service import clocks
from service.database import Pool
from workers.rounds import each_store

log = structlog.get_logger()

BATCH = 100  # reservations of one store in one transaction


async def strike(pool: Pool) -> int:
    """Let every clock that is due strike, one batch of each in each store; how many struck."""
    stores = await clocks.due_stores(pool)
    return sum(await each_store(stores, lambda store: _strike(pool, store)))


async def _strike(pool: Pool, store: str) -> int:
    struck = {
        "holds_expired": await clocks.expire_due(pool, store, BATCH),
        "orders_lapsed": await clocks.lapse_due(pool, store, BATCH),
        "answers_assumed": await clocks.answer_due(pool, store, BATCH),
        "reminders_made": await clocks.remind_due(pool, store, BATCH),
    }
    for fact, count in struck.items():
        if count:
            log.info(fact, store=store, count=count)
    return sum(struck.values())
