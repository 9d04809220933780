"""The carriers of messages as all workers know them: who is in trouble, and who is left alone for a while."""

from service import queries
from service.database import Connection, Pool, connection

SQL = queries.load("carriers")

WEIGHT = 2  # of a failure; a success weighs 1: who fails more than once in three is soon at the limit
LIMIT = 10  # of trouble, at which a carrier rests: five failures in a row
SHORTEST_REST = 15  # seconds
LONGEST_REST = 900


class Standing:
    """How one carrier does, noted where every worker reads it; a carrier that does well costs nothing to note."""

    def __init__(self, pool: Pool, channel: str, name: str) -> None:
        self._pool = pool
        self._carrier = {"channel": channel, "name": name}
        self._in_trouble = True  # until it is known better

    async def failed(self, reason: str) -> bool:
        """It could not, or did not say whether it had. True: it rests from now on."""
        self._in_trouble = True
        async with connection(self._pool) as db:
            return bool(
                await SQL["fail"].value(
                    db,
                    **self._carrier,
                    reason=reason,
                    weight=WEIGHT,
                    limit=LIMIT,
                    shortest=SHORTEST_REST,
                    longest=LONGEST_REST,
                )
            )

    async def succeeded(self) -> None:
        """It did its work: it took a message, or refused it for what the message is."""
        if not self._in_trouble:
            return
        async with connection(self._pool) as db:
            self._in_trouble = bool(await SQL["succeed"].value(db, **self._carrier))


async def resting(db: Connection) -> dict[str, float]:
    """For how many seconds the carriers that were in trouble still rest, by `channel/name`; 0: they don't."""
    return {f"{row['channel']}/{row['name']}": row["rests_for"] for row in await SQL["standing"].rows(db)}
