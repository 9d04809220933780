"""Forgets what has had its time, in small batches: people, kept answers, messages, webhooks; and seals the history."""

import structlog

from service import audit, privacy, queries
from service.database import Pool, connection
from service.links import Links
from service.sealing import Sealer
from service.settings import Settings
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
    "attempts_forgotten": queries.load("attempts")["forget"],
    "devices_forgotten": queries.load("devices")["forget"],
    "clerk_sessions_forgotten": queries.load("clerks")["forget"],
    "admin_sessions_forgotten": queries.load("admin_sessions")["forget"],
}


async def tidy(pool: Pool, settings: Settings) -> int:
    """Forget one batch of everything, and seal what is new in the history; how much was forgotten."""
    forgotten = {}
    for fact, statement in FORGOTTEN.items():
        async with connection(pool) as db:
            forgotten[fact] = await statement.run(db)
    async with connection(pool) as db:
        stores = [row["id"] for row in await SQL["stores"].rows(db)]
    days, links = settings.forget_after_days, Links(settings)
    forgotten["people_forgotten"] = sum(
        await each_store(stores, lambda store: privacy.forget_due(pool, store, days=days, links=links))
    )
    for fact, count in forgotten.items():
        if count:
            log.info(fact, count=count)
    await each_store(await audit.unsealed(pool), lambda store: _seal(pool, store, links.sealer))
    return sum(forgotten.values())


async def _seal(pool: Pool, store: str, sealer: Sealer) -> None:
    more = True
    while more:
        seal = await audit.seal(pool, store, sealer)
        if seal:
            log.info("history_sealed", store=store, digest=seal.digest)  # a chain cut short shows beside the logs
        more = seal is not None and seal.more
