"""What can be guessed is guessed a few times only: failures are counted in PostgreSQL, and outlast any restart."""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import structlog

from service import audit, queries
from service.access_errors import TooManyAttempts
from service.callers import Caller
from service.database import Connection, Pool, connection
from service.errors import Problem

SQL = queries.load("attempts")

PICKUP_CODE, PIN, PAIRING_CODE = "pickup_code", "pin", "pairing_code"
MOST = {PICKUP_CODE: 10, PIN: 5, PAIRING_CODE: 10}
"""How many may fail in fifteen minutes; then fifteen minutes must pass."""

ALARMING = 50  # failures in one store within fifteen minutes, from however many devices

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Guess:
    """Who guesses at what, and where: '' where no store is known yet.

    `said` is what was guessed, where it may count once however often it is said in a row: that tells nothing new.
    """

    kind: str
    store: str
    subject: str
    said: str | None = None

    @property
    def _named(self) -> dict[str, str]:
        return {"store": self.store, "kind": self.kind, "subject": self.subject}

    async def take(self, pool: Pool) -> datetime:
        """Count an attempt before it is judged; when it was taken. Raises TooManyAttempts."""
        async with connection(pool) as db:
            at: datetime | None = await SQL["take"].value(db, **self._named, most=MOST[self.kind])
            if at is not None:
                return at
            seconds = await SQL["seconds_left"].value(db, **self._named, most=MOST[self.kind])
        raise TooManyAttempts(retry_after=max(seconds or 1, 1))

    async def give_back(self, pool: Pool, at: datetime) -> None:
        """It was no failure."""
        async with connection(pool) as db:
            await SQL["give_back"].run(db, **self._named, at=at)

    async def forgive(self, pool: Pool) -> None:
        """Whoever was right starts anew."""
        async with connection(pool) as db:
            await SQL["forgive"].run(db, **self._named)

    async def failed(self, pool: Pool, at: datetime) -> None:
        """It was wrong: remember it, and tell those who run the service of what looks like guessing."""
        async with connection(pool) as db:
            count = await SQL["failed"].value(db, **self._named, at=at, said=self._digest) or 1
        if count >= MOST[self.kind]:
            log.warning("guessing_stopped", kind=self.kind, store=self.store, credential=self._who, count=count)
            async with connection(pool) as db:
                await audit.note(db, Caller(self._who or "somebody"), "guessing.stopped", self.kind, store=self.store)
        if self.kind == PICKUP_CODE:
            async with connection(pool) as db:
                together = (await failures(db, store=self.store)).get(self.store, 0)
            if together >= ALARMING:
                log.warning("codes_are_guessed", store=self.store, count=together)

    @property
    def _digest(self) -> bytes | None:
        return None if self.said is None else hashlib.sha256(self.said.encode()).digest()

    @property
    def _who(self) -> str | None:
        return self.subject if self.kind != PAIRING_CODE else None  # an address is nobody's business in a log


@contextlib.asynccontextmanager
async def counted(pool: Pool, guess: Guess, wrong: type[Problem]) -> AsyncIterator[None]:
    """Count what happens inside as one attempt, failed where it raises `wrong`. Raises TooManyAttempts.

    A process that dies meanwhile leaves an attempt under way, which counts for ten seconds.
    """
    at = await guess.take(pool)
    try:
        yield
    except wrong:
        await guess.failed(pool, at)
        raise
    except Problem:
        with contextlib.suppress(Problem):
            await guess.give_back(pool, at)
        raise
    await guess.give_back(pool, at)


async def failures(db: Connection, *, kind: str = PICKUP_CODE, store: str | None = None) -> dict[str, int]:
    """How many attempts failed within fifteen minutes, by store."""
    return {row["store"]: row["count"] for row in await SQL["failures"].rows(db, kind=kind, store=store)}
