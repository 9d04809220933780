"""Proving the promises on a live database: every unit accounted for, or a list of what is not."""

from asyncpg import Record

from service import queries
from service.database import Connection
from service.lifecycle import STEPS

SQL = queries.load("checks")

PATIENCE = 3600  # seconds for one statement, whatever the connection says of others

LAWFUL = [" ".join(triple) for step in STEPS.values() for triple in step.lawful()]
"""Every (action, from, to) of the lifecycle."""


async def differences(db: Connection) -> list[Record]:
    """What does not add up, from one snapshot: rows of (promise, store, subject, expected, found). Empty is clean."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        return await seen_now(db)


async def seen_now(db: Connection) -> list[Record]:
    """The same, as the transaction sees it that is under way."""
    await SQL["patience"].run(db)
    found: list[Record] = []
    for name, query in SQL.items():
        if name != "patience":
            found += await db.fetch(query.sql, *([LAWFUL] if query.parameters else []), timeout=PATIENCE)
    return found
