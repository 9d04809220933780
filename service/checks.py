"""Proving the promises on a live database: every unit accounted for, or a list of what is not."""

from asyncpg import Record

from service import queries
from service.database import Connection

SQL = queries.load("checks")

PATIENCE = 3600  # seconds for one statement, whatever the connection says of others


async def differences(db: Connection) -> list[Record]:
    """What does not add up, from one snapshot: rows of (promise, store, subject, expected, found). Empty is clean."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        await SQL["patience"].run(db)
        found: list[Record] = []
        for name, query in SQL.items():
            if name != "patience":
                found += await db.fetch(query.sql, timeout=PATIENCE)
    return found
