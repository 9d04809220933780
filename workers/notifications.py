"""Sends messages: takes what is due, writes each, hands it to its carrier once, and records what became of it."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog

from service import failpoints, notifications, traces
from service.database import Pool
from service.errors import Problem
from service.links import Links
from service.message_templates import Shelf
from service.messages.letters import Letter
from service.notifications import Attempt, Fate
from service.opt_outs import OptOuts
from service.settings import Settings
from workers.providers.carrier import Carrier, InDoubt, NotNow, Refused
from workers.rounds import each_store

log = structlog.get_logger()

AT_ONCE = 8  # messages in one sender's hands
RECORDING = (0.2, 0.5, 1, 2, 4, 8, 8, 8)  # seconds between attempts to record what a carrier said


class Sender:
    """Sends what is due on one channel; several share the work, so that one slow carrier holds up its own only."""

    def __init__(self, pool: Pool, settings: Settings, channel: str, carrier: Carrier) -> None:
        self._pool = pool
        self._channel = channel
        self._carrier = carrier
        self._links = Links(settings)
        self._opt_outs = OptOuts(settings)
        self._shelf = Shelf(pool, settings)
        self._stopping = False

    def stop(self) -> None:
        """Give back what is not begun."""
        self._stopping = True

    async def send_due(self) -> int:
        """Send the oldest due messages; how many were dealt with, by this or by another sender."""
        due = await notifications.due(self._pool, self._channel, AT_ONCE)
        handled = sum(await each_store(due, lambda store: self._send_of(store, due[store])))
        if due and not handled:
            await asyncio.sleep(0.05)  # another was quicker: there may be more behind these
            return len(due)
        return handled

    async def _send_of(self, store: str, ids: Sequence[UUID]) -> int:
        rows, moot = await notifications.claim(self._pool, store, ids, links=self._links, opt_outs=self._opt_outs)
        failpoints.reached("message_claimed")
        await asyncio.gather(*(self._handle(row) for row in rows))
        return len(rows) + moot

    async def _handle(self, row: dict[str, Any]) -> None:
        """One message, from its words to the record of its fate; nothing that goes wrong here goes further."""
        attempt = Attempt(row["store_id"], row["id"], row["attempts"])
        facts = {"store": attempt.store, "kind": row["kind"], "channel": row["channel"], "attempts": attempt.attempts}
        try:
            if self._stopping:
                await notifications.give_back(self._pool, attempt)
                return
            with traces.span(f"send {self._channel}", role="client", parent=row["traceparent"], **facts):
                fate = await self._send(row, attempt)
                await self._record(fate, attempt)
                traces.note(state=fate.state, reason=fate.reason)
            failpoints.reached("message_recorded")
            log.info("notification_handled", state=fate.state, reason=fate.reason, provider=self._carrier.name, **facts)
        except Problem as problem:  # PostgreSQL is away: when the lease is over, somebody looks after it
            log.warning("notification_left", reason=problem.code(), **facts)
        except Exception:
            log.exception("notification_broke", **facts)

    async def _send(self, row: dict[str, Any], attempt: Attempt) -> Fate:
        try:
            letter = await self._shelf.write(row)
            if letter.own_failed is not None:
                log.error("message_template_failed", kind=letter.kind, channel=letter.channel, reason=letter.own_failed)
        except Problem:
            raise
        except Exception as error:  # what can't be written now may be with the next version
            log.exception("notification_unwritable", kind=row["kind"], store=attempt.store)
            return Fate("pending", type(error).__name__)
        try:
            fate = await self._cleared(letter, row["doubts"]) if row["doubts"] else None
            if fate is None and await notifications.begin(self._pool, attempt):
                failpoints.reached("message_begun")
                fate = Fate("accepted", ref=await self._carrier.send(letter))
                failpoints.reached("message_taken")
            return fate or Fate("lost")
        except NotNow as error:
            return Fate("pending", str(error))
        except Refused as error:
            return Fate("failed", str(error))
        except InDoubt as error:
            return Fate("in_doubt", str(error))
        except Problem:
            raise
        except Exception as error:  # a carrier's surprise: nobody knows how far it came
            log.exception("carrier_broke", provider=self._carrier.name)
            return Fate("in_doubt", type(error).__name__)

    async def _cleared(self, letter: Letter, doubts: int) -> Fate | None:
        """What can be found out about a message that may have gone out; None: send it (once more)."""
        found = await self._carrier.look_up(letter)
        if found:
            return Fate("accepted", ref=letter.ref)
        return Fate("unknown", "no_answer_twice") if found is None and doubts > 1 else None

    async def _record(self, fate: Fate, attempt: Attempt) -> None:
        """Write it down, for about as long as the lease lasts; unwritten, it is a doubt."""
        for delay in (*RECORDING, None):
            try:
                await notifications.record(self._pool, attempt, fate, provider=self._carrier.name)
            except Problem as problem:
                if delay is None:
                    raise
                log.warning("notification_unrecorded", store=attempt.store, reason=problem.code())
                await asyncio.sleep(delay)
            else:
                return


async def recover(pool: Pool) -> int:
    """Take back messages whose sender was not heard of again; how many."""
    released = await notifications.release_abandoned(pool)
    if released:
        log.warning("notifications_recovered", count=released)
    return released
