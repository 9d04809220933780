"""Keeps messages in PostgreSQL instead of sending them, for demonstrations and tests; it can tell what it got."""

from service import queries
from service.database import Pool, connection
from service.errors import Problem
from service.messages.letters import Letter
from workers.providers.carrier import InDoubt, NotNow

SQL = queries.load("captured")


class Capture:
    """A carrier for e-mails and text messages that lays them into the table `captured_message`.

    There may be a second one, by another name, that takes over while the first is switched off.
    """

    can_tell = True
    doubt_seconds = 30.0

    def __init__(self, pool: Pool, name: str = "capture") -> None:
        self._pool = pool
        self.name = name

    async def send(self, letter: Letter) -> str:
        """Keep it; the same message a second time is counted and not kept twice. The demo can switch this off."""
        try:
            async with connection(self._pool) as db:
                kept = await SQL["capture"].value(
                    db,
                    carrier=self.name,
                    store=letter.store,
                    reservation=letter.reservation,
                    ref=letter.ref,
                    channel=letter.channel,
                    sender=letter.sender,
                    recipient=letter.recipient,
                    locale=letter.language,
                    kind=letter.kind,
                    subject=letter.subject,
                    text=letter.text,
                    html=letter.html_with_qr(),
                )
        except Problem as problem:  # the database went away: kept or not, nobody knows
            raise InDoubt(problem.code()) from problem
        if kept is None:
            raise NotNow("switched_off")
        return letter.ref

    async def look_up(self, letter: Letter) -> str | None:
        """Its ref, where it was kept."""
        try:
            async with connection(self._pool) as db:
                kept = await SQL["is_captured"].value(db, store=letter.store, ref=letter.ref)
        except Problem as problem:
            raise NotNow(problem.code()) from problem
        return letter.ref if kept else None

    async def close(self) -> None:
        """Nothing to let go of: the pool is the worker's."""
