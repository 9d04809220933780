"""Says that a worker is alive, where whoever watches can read it."""

import socket
from uuid import UUID

from service import queries
from service.database import Pool, connection
from service.ids import new_id
from workers.rounds import passed_over

SQL = queries.load("workers")

EVERY = 5.0  # seconds
DEAD_AFTER = 30.0  # seconds


class Heartbeat:
    """One worker process, in the table `worker`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.id: UUID = new_id()

    async def beat(self) -> int:
        """Still here, and how it does."""
        async with connection(self._pool) as db:
            await SQL["beat"].run(db, id=self.id, host=socket.gethostname(), passed_over=passed_over())
        return 0

    async def leave(self) -> None:
        """Gone in good order."""
        async with connection(self._pool) as db:
            await SQL["leave"].run(db, id=self.id)


async def is_alive(pool: Pool, host: str | None = None) -> bool:
    """Whether a worker of this host (None: of any) was seen lately."""
    async with connection(pool) as db:
        age = await SQL["newest_beat"].value(db, host=host)
    return age is not None and age < DEAD_AFTER
