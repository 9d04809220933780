"""Sends messages: takes what is due, writes each, hands it to its carrier once, and records what became of it."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog

from service import failpoints, sendings, traces
from service.carriers import Standing
from service.database import Pool, connection
from service.errors import Problem, Unavailable
from service.links import Links
from service.message_templates import Shelf
from service.messages.letters import Letter
from service.opt_outs import OptOuts
from service.sendings import OPTED_OUT, Attempt, Fate
from service.settings import Settings
from workers.providers.carrier import Carrier, InDoubt, NotNow, NotYet, OptedOut, Refused
from workers.rounds import each_store

log = structlog.get_logger()

AT_ONCE = 8  # messages in one sender's hands
PROMPT_SECONDS = 5.0  # from noting a message as begun to handing it over; a carrier's patience beside it fits a lease
LOOKING_SECONDS = 45.0  # for all that a carrier is asked about a doubt; beyond the lease nobody would hear the answer
RECORDING = (0.2, 0.5, 1, 2, 4, 8, 8, 8)  # seconds between attempts to record what a carrier said


class Sender:
    """Sends what one carrier of a channel is to send; several share the work, and a slow carrier holds up its own only.

    `carriers`: the names of all carriers of the channel, in the order of preference.
    """

    def __init__(
        self, pool: Pool, settings: Settings, channel: str, carrier: Carrier, carriers: Sequence[str] = ()
    ) -> None:
        self._pool = pool
        self._channel = channel
        self._carrier = carrier
        self._carriers = list(carriers) or [carrier.name]
        self._standing = Standing(pool, channel, carrier.name)
        self._links = Links(settings)
        self._opt_outs = OptOuts(settings)
        self._shelf = Shelf(pool, settings)
        self._stopping = False

    def stop(self) -> None:
        """Give back what is not begun."""
        self._stopping = True

    async def send_due(self) -> int:
        """Send the oldest due messages; how many were dealt with, by this or by another sender."""
        due = await sendings.due(
            self._pool, self._channel, AT_ONCE, carrier=self._carrier.name, carriers=self._carriers
        )
        handled = sum(await each_store(due, lambda store: self._send_of(store, due[store])))
        if due and not handled:
            await asyncio.sleep(0.05)  # another was quicker: there may be more behind these
            return len(due)
        return handled

    async def _send_of(self, store: str, ids: Sequence[UUID]) -> int:
        rows, moot, broken = await self._claimed(store, ids)
        failpoints.reached("message_claimed")
        await asyncio.gather(*(self._handle(row) for row in rows))
        if broken is not None:
            raise broken
        return len(rows) + moot

    async def _claimed(self, store: str, ids: Sequence[UUID]) -> tuple[list[dict[str, Any]], int, Exception | None]:
        """Claim messages, each by itself where together it fails: what can't be claimed stands before no other."""
        try:
            return *await self._claim(store, ids), None
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is these messages' only
            if len(ids) == 1:
                await sendings.put_off(self._pool, store, ids[0])
                return [], 0, error
        each = [await self._claimed(store, [id]) for id in ids]
        broken = [error for *_, error in each if error is not None]
        return [row for rows, *_ in each for row in rows], sum(moot for _, moot, _ in each), next(iter(broken), None)

    async def _claim(self, store: str, ids: Sequence[UUID]) -> tuple[list[dict[str, Any]], int]:
        return await sendings.claim(self._pool, store, ids, links=self._links, opt_outs=self._opt_outs)

    async def _handle(self, row: dict[str, Any]) -> None:
        """One message, from its words to the record of its fate; nothing that goes wrong here goes further."""
        attempt = Attempt(row["store_id"], row["id"], row["attempts"])
        facts = {"store": attempt.store, "kind": row["kind"], "channel": row["channel"], "attempts": attempt.attempts}
        try:
            if self._stopping:
                await sendings.give_back(self._pool, attempt)
                return
            with traces.span(f"send {self._channel}", role="client", parent=row["traceparent"], **facts):
                letter = await self._written(row)
                fate = await self._hand_over(letter, row, attempt) if letter else Fate("pending", "unwritable")
                await self._record(fate, attempt)
                traces.note(state=fate.state, reason=fate.reason)
            failpoints.reached("message_recorded")
            if letter:
                await self._note(fate)
            log.info("notification_handled", state=fate.state, reason=fate.reason, provider=self._carrier.name, **facts)
        except Problem as problem:  # PostgreSQL is away: when the lease is over, somebody looks after it
            log.warning("notification_left", reason=problem.code(), **facts)
        except Exception:
            log.exception("notification_broke", **facts)

    async def _written(self, row: dict[str, Any]) -> Letter | None:
        """The message in words; what can't be written now may be with the next version."""
        try:
            letter = await self._shelf.write(row)
        except Problem:
            raise
        except Exception:
            log.exception("notification_unwritable", kind=row["kind"], store=row["store_id"])
            return None
        if letter.own_failed is not None:
            log.error("message_template_failed", kind=letter.kind, channel=letter.channel, reason=letter.own_failed)
        return letter

    async def _hand_over(self, letter: Letter, row: dict[str, Any], attempt: Attempt) -> Fate:
        """From the carrier's answer to the fate it means; a surprise of the carrier is a doubt."""
        try:
            fate = await self._cleared(letter, row, attempt) if row["doubts"] else None
            if fate is None and await self._begin(attempt):
                fate = Fate("accepted", ref=await self._carrier.send(letter))
                failpoints.reached("message_taken")
            return fate or Fate("lost")
        except NotNow as error:
            return Fate("pending", str(error), carrier_failed=not isinstance(error, NotYet))
        except OptedOut as error:
            async with connection(self._pool) as db:
                await self._opt_outs.add(db, self._channel, row["address"], reason="carrier", by=self._carrier.name)
            return Fate("suppressed", OPTED_OUT, ref=str(error))
        except Refused as error:
            return Fate("failed", str(error))
        except InDoubt as error:
            return Fate("in_doubt", str(error), delay=self._carrier.doubt_seconds, carrier_failed=True)
        except Problem:
            raise
        except Exception as error:  # a carrier's surprise: nobody knows how far it came
            log.exception("carrier_broke", provider=self._carrier.name)
            return Fate("in_doubt", type(error).__name__, delay=self._carrier.doubt_seconds, carrier_failed=True)

    async def _begin(self, attempt: Attempt) -> bool:
        """Note that the carrier is handed it now; False: others have it, or may, since we stood still meanwhile."""
        asked_at = time.monotonic()
        begun = await sendings.begin(
            self._pool,
            attempt,
            provider=self._carrier.name,
            cleared=self._carrier.can_tell,
            doubt_seconds=self._carrier.doubt_seconds,
        )
        if begun:
            failpoints.reached("message_begun")
        return begun and time.monotonic() - asked_at <= PROMPT_SECONDS

    async def _cleared(self, letter: Letter, row: dict[str, Any], attempt: Attempt) -> Fate | None:
        """What can be found out about a message that may have gone out; None: send it (once more).

        Only the carrier with which it is in doubt is asked, and only that one sends it again.
        """
        if row["provider"] not in {None, self._carrier.name}:
            if row["provider"] not in self._carriers:
                return Fate("unknown", "carrier_gone")
            await sendings.give_back(self._pool, attempt)
            return Fate("lost")
        if not self._carrier.can_tell:
            return Fate("unknown", "no_answer_twice") if row["doubts"] > 1 else None
        try:
            async with asyncio.timeout(LOOKING_SECONDS):
                ref = await self._carrier.look_up(letter)
        except TimeoutError:
            raise NotNow("slow_to_tell") from None
        return Fate("accepted", ref=ref) if ref is not None else None

    async def _note(self, fate: Fate) -> None:
        """Let all workers know how the carrier does: whether it answers, whatever it answers."""
        if not fate.carrier_failed:
            await self._standing.succeeded()
        elif await self._standing.failed(fate.reason or ""):
            log.warning("carrier_rests", provider=self._carrier.name, channel=self._channel, reason=fate.reason)

    async def _record(self, fate: Fate, attempt: Attempt) -> None:
        """Write it down, for about as long as the lease lasts; unwritten, it is a doubt."""
        for delay in (*RECORDING, None):
            try:
                await sendings.record(self._pool, attempt, fate, provider=self._carrier.name)
            except Problem as problem:
                if delay is None:
                    raise
                log.warning("notification_unrecorded", store=attempt.store, reason=problem.code())
                await asyncio.sleep(delay)
            else:
                return


async def recover(pool: Pool) -> int:
    """Take back messages whose sender was not heard of again; how many."""
    released = await sendings.release_abandoned(pool)
    if released:
        log.warning("notifications_recovered", count=released)
    return released
