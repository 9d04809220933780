"""Reads what providers called to say, one after the other: receipts move messages, replies reach their store."""

import re
from collections.abc import Callable

import structlog
from asyncpg import Record

from service import callbacks, receipts, replies
from service.database import Connection, Pool, transaction
from service.errors import Busy, Unavailable
from service.links import Links
from service.opt_outs import OptOuts
from service.receipts import Report
from service.replies import Written
from service.settings import Settings
from workers.providers import brevo, ovh, sendgrid, ses, twilio
from workers.providers.ses import Confirmation

log = structlog.get_logger()

Said = Report | Written | Confirmation

READERS: dict[str, Callable[[str, str], Said]] = {
    "twilio": twilio.read,
    "ovh": ovh.read,
    "brevo": brevo.read,
    "sendgrid": sendgrid.read,
    "ses": ses.read,
}
MOST = 200  # in one round

_UNSTORABLE = re.compile(r"\\x00|\\ud[89a-f]")  # as repr spells NUL, and halves of characters


class Reader:
    """Reads callbacks, each in one transaction with what it changes: read twice, it changes nothing twice."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._links = Links(settings)
        self._opt_outs = OptOuts(settings)

    async def read_waiting(self) -> int:
        """Read what waits; how many that were."""
        for count in range(MOST):
            callback = None
            try:
                async with transaction(self._pool) as db:
                    callback = await callbacks.take(db)
                    if callback is None:
                        return count
                    await self._read(db, callback)
            except (Busy, Unavailable):
                raise
            except Exception as error:
                if callback is None:
                    raise
                await self._put_aside(callback, error)
        return MOST

    async def _put_aside(self, callback: Record, error: Exception) -> None:
        """What breaks whoever reads it stands before no other: it is kept for people to look at."""
        log.error("callback_not_understood", provider=callback["provider"], exc_info=error)
        async with transaction(self._pool) as db:
            await callbacks.settle(db, callback, "not_understood", keep=True)

    async def _read(self, db: Connection, callback: Record) -> None:
        said = _understood(callback)
        if said is None:
            log.warning("callback_not_understood", provider=callback["provider"])
            await callbacks.settle(db, callback, "not_understood", keep=True)
            return
        if isinstance(said, Confirmation):
            confirmed = await ses.confirm(said)
            await callbacks.settle(db, callback, "confirmed" if confirmed else "not_confirmed", keep=not confirmed)
        elif isinstance(said, Written):
            age = callback["age"]
            known = await replies.receive(db, said, links=self._links, opt_outs=self._opt_outs, age=age)
            await callbacks.settle(db, callback, "reply" if known else "nobody_s_reply")
        elif await receipts.note(db, said, self._opt_outs):
            await callbacks.settle(db, callback, "receipt")
        elif not said.may_be_ours:
            await callbacks.settle(db, callback, "no_such_message")
        else:
            await callbacks.defer(db, callback)


def _understood(callback: Record) -> Said | None:
    """What a provider said; None where it is not what this provider says, or holds what can't be stored."""
    try:
        said = READERS[callback["provider"]](callback["query"], callback["body"] or "")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None
    return None if _UNSTORABLE.search(repr(said)) else said
