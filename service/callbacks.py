"""Callbacks: what providers called to say, kept as it came, and read by a worker one after the other."""

from collections.abc import Mapping

from asyncpg import Record

from service import queries
from service.database import Connection

SQL = queries.load("callbacks")

PATIENCE = 3600  # seconds for which a message that is not known yet is waited for
AGAIN = 5  # seconds until its callback is read again; later, as long as it has waited already


async def keep(db: Connection, provider: str, reports: Mapping[str, str], *, query: str = "") -> int:
    """Keep reports by what tells each from others; how many are new. What was kept before is not kept again."""
    return await SQL["keep"].run(
        db, provider=provider, event_ids=list(reports), bodies=list(reports.values()), query=query
    )


async def take(db: Connection) -> Record | None:
    """The next that waits, as long as the transaction lasts; None: there is none."""
    return await SQL["take"].row(db)


async def settle(db: Connection, callback: Record, outcome: str, *, keep: bool = False) -> None:
    """It was read; `keep`: for people to look at what it said, since nobody understood it."""
    await SQL["settle"].run(
        db, provider=callback["provider"], event_id=callback["event_id"], outcome=outcome, keep=keep
    )


async def defer(db: Connection, callback: Record) -> None:
    """Read it again later, each time later: its message is not known yet, or after an hour it is nobody's."""
    age = callback["age"]
    if age >= PATIENCE:
        await settle(db, callback, "no_such_message")
        return
    delay = min(max(AGAIN, age), PATIENCE - age)
    await SQL["defer"].run(db, provider=callback["provider"], event_id=callback["event_id"], delay=delay)
