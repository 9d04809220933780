"""Forgets what has had its time, in small batches: kept answers, codes, messages, webhooks, workers long gone."""

import structlog

from service import queries
from service.database import Pool, connection
from workers.rounds import each_store

log = structlog.get_logger()

SQL = queries.load("upkeep")
DELIVERIES = queries.load("deliveries")
WEBHOOKS = queries.load("webhooks")

FORGOTTEN = {
    "answers_forgotten": queries.load("idempotency")["forget"],
    "captures_forgotten": queries.load("captured")["forget"],
    "callbacks_forgotten": queries.load("callbacks")["forget"],
    "workers_forgotten": queries.load("workers")["forget"],
    "deliveries_forgotten": DELIVERIES["forget"],
    "deliveries_deleted": DELIVERIES["forget_deleted"],
    "endpoints_deleted": WEBHOOKS["forget"],
    "secrets_forgotten": WEBHOOKS["forget_old_secrets"],
}


async def tidy(pool: Pool) -> int:
    """Forget one batch of everything; how much that was."""
    forgotten = {}
    for fact, statement in FORGOTTEN.items():
        async with connection(pool) as db:
            forgotten[fact] = await statement.run(db)
    async with connection(pool) as db:
        stores = [row["id"] for row in await SQL["stores"].rows(db)]
    forgotten["codes_forgotten"] = sum(await each_store(stores, lambda store: _forget_codes(pool, store)))
    for fact, count in forgotten.items():
        if count:
            log.info(fact, count=count)
    return sum(forgotten.values())


async def _forget_codes(pool: Pool, store: str) -> int:
    async with connection(pool) as db:
        return await SQL["forget_codes"].run(db, store=store)
