"""Sending: how each message is handed over once, by whom, and what became of it."""

import contextlib
import random
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import Record

from service import queries, reminders
from service.database import Connection, Pool, connection, transaction
from service.links import Links
from service.notifications import JUST_NOW, STILL_TRUE
from service.opt_outs import OptOuts
from service.sealing import Unreadable

SQL = queries.load("sendings")

LEASE = 60  # seconds in which a sender must be heard of again
DELAYS = (10, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200)
"""Seconds before the second attempt, the third, … (28 hours in all); after the last one it has failed."""
PATIENCE = 2  # attempts after which another carrier of the channel may try
PUT_OFF_SECONDS = 60.0  # before a message that could not be claimed is tried again
DOUBT_SECONDS = 30.0  # before a doubt is looked into, where its carrier wants no more
OPTED_OUT = "opted_out"
"""Why a message was suppressed, and the kind of the one message that says so to whoever opted out."""

ADDRESS_GONE = "address_gone"
"""Why a message was suppressed whose customer has taken away the e-mail or the phone it was for."""


class Attempt(NamedTuple):
    """One message in one sender's hands; a later attempt makes this one's word void."""

    store: str
    id: UUID
    attempts: int


async def due(pool: Pool, channel: str, limit: int, *, carrier: str, carriers: Sequence[str]) -> dict[str, list[UUID]]:
    """The oldest messages of a channel that this one of its carriers can send now, by store.

    What is new goes to the first carrier that does not rest; what some attempts could not hand over to the next after
    the one that tried last; what is in doubt stays with the one it is in doubt with.
    """
    async with connection(pool) as db:
        rows = await SQL["due"].rows(
            db, channel=channel, limit=limit, carrier=carrier, carriers=list(carriers), patience=PATIENCE
        )
    return {row["store_id"]: row["ids"] for row in rows}


async def claim(
    pool: Pool, store: str, ids: Sequence[UUID], *, links: Links, opt_outs: OptOuts
) -> tuple[list[dict[str, Any]], int]:
    """Take messages for sending: what their words are made of, and how many will not go out.

    Those are no longer true, or for somebody who wants none. Nobody else sends what was taken until the lease is over.
    Rows as `contents` in sendings.sql has them, opened.
    """
    async with transaction(pool) as db:
        await SQL["hush"].run(db, store=store, ids=list(ids), just_now=JUST_NOW)
        claimed = await SQL["claim"].rows(
            db,
            store=store,
            ids=list(ids),
            lease=LEASE,
            kinds=[row.kind for row in STILL_TRUE],
            states=[row.state for row in STILL_TRUE],
            seconds=[row.seconds for row in STILL_TRUE],
        )
        sending = [row["id"] for row in claimed if row["state"] == "sending"]
        found = await SQL["contents"].rows(db, store=store, ids=sending, links=links.prefix) if sending else []
        rows = [_opened(row, links) for row in found]
        unwanted = await _unwanted(db, rows, opt_outs)
        enough = await reminders.unwanted(db, rows, opt_outs)
        if unwanted or enough:
            await SQL["suppress"].run(db, store=store, ids=list(unwanted | enough), reason=OPTED_OUT)
        gone = {row["id"] for row in claimed if row["reason"] == ADDRESS_GONE}
        if heirs := gone | unwanted - enough:  # who has been reminded enough, is so on every channel
            await fall_back(db, store, list(heirs))
        unwanted |= enough
        return [row for row in rows if row["id"] not in unwanted], len(claimed) - len(rows) + len(unwanted)


async def put_off(pool: Pool, store: str, id: UUID) -> None:
    """Let others go before a message that can't be claimed: whatever is the matter with it, it is not with them."""
    async with connection(pool) as db:
        await SQL["put_off"].run(db, store=store, id=id, delay=PUT_OFF_SECONDS)


def _opened(row: Record, links: Links) -> dict[str, Any]:
    """A message's row with what is personal as it is read; what no key opens stays sealed, and can't be sent."""
    opened = {**row, "reservation": links.sealer.open(row["reservation"])}
    whose = {"address": "email" if row["channel"] == "email" else "phone", "delegate_name": "name"}
    for name, field in whose.items():
        if row[name] is not None:
            with contextlib.suppress(Unreadable):
                opened[name] = links.sealer.read(field, row[name], row["reservation_id"])
    return opened


async def _unwanted(db: Connection, rows: Sequence[dict[str, Any]], opt_outs: OptOuts) -> set[UUID]:
    """Which of these messages would go to somebody who opted out of their channel."""
    unwanted: set[UUID] = set()
    for channel in {row["channel"] for row in rows}:
        mine = [row for row in rows if row["channel"] == channel]
        out = await opt_outs.among(db, channel, {row["address"] for row in mine})
        unwanted |= {row["id"] for row in mine if row["address"] in out and row["kind"] != OPTED_OUT}
    return unwanted


async def begin(
    pool: Pool, attempt: Attempt, *, provider: str, cleared: bool = False, doubt_seconds: float = DOUBT_SECONDS
) -> bool:
    """Note that this carrier is handed the message now; False when it is no longer this attempt's to send.

    `cleared`: it was in doubt, and had not gone out. Whose sender dies now is looked into after `doubt_seconds`.
    """
    async with connection(pool) as db:
        return bool(
            await SQL["begin"].value(
                db, **attempt._asdict(), lease=LEASE, provider=provider, cleared=cleared, doubt=doubt_seconds
            )
        )


GIVEN_UP = {"pending": "failed", "in_doubt": "unknown"}
"""What becomes of a message that is not tried any more."""


class Fate(NamedTuple):
    """What became of an attempt: accepted, pending, in_doubt or lost; or for good suppressed, failed or unknown."""

    state: str
    reason: str | None = None
    ref: str | None = None  # the carrier's own name for the message
    delay: float = DOUBT_SECONDS  # seconds before a doubt is looked into
    carrier_failed: bool = False  # whether it says something of the carrier


async def record(pool: Pool, attempt: Attempt, fate: Fate, *, provider: str) -> None:
    """Write down what became of it. A later attempt's word stands; an acceptance counts whenever it is heard.

    What can't go out now is tried again later, each time later, and has failed after the last time. What is in doubt
    is looked up, or sent once more, after a while. The shop is told by an event of what will not go out.
    """
    facts = {**attempt._asdict(), "provider": provider}
    last = attempt.attempts > len(DELAYS)
    async with transaction(pool) as db:
        if fate.state == "accepted":
            await SQL["accept"].run(db, **facts, provider_ref=fate.ref)
        elif fate.state == "in_doubt" and not last:
            await SQL["doubt"].run(db, **facts, reason=fate.reason, delay=fate.delay)
        elif fate.state == "pending" and not last:
            jitter = random.uniform(0.8, 1.2)  # noqa: S311 -- it keeps no secret
            await SQL["postpone"].run(db, **facts, reason=fate.reason, delay=DELAYS[attempt.attempts - 1] * jitter)
        elif fate.state != "lost":
            reason = f"gave_up {fate.reason}" if fate.state in GIVEN_UP else fate.reason
            await SQL["end"].run(db, **facts, state=GIVEN_UP.get(fate.state, fate.state), reason=reason)
            await fall_back(db, attempt.store, [attempt.id])


async def fall_back(db: Connection, store: str, ids: Sequence[UUID]) -> None:
    """Owe what takes over from messages that failed or were suppressed, where their policy names another channel."""
    await SQL["fall_back"].run(db, store=store, ids=list(ids), just_now=JUST_NOW)


async def give_back(pool: Pool, attempt: Attempt) -> None:
    """Let somebody else send what was claimed and not begun."""
    async with connection(pool) as db:
        await SQL["give_back"].run(db, **attempt._asdict())


async def release_abandoned(pool: Pool, limit: int = 500) -> int:
    """Take back messages whose sender was not heard of again: in doubt if they were begun, as new if not. How many."""
    async with connection(pool) as db:
        rows = await SQL["abandoned"].rows(db, limit=limit)
    released = 0
    for row in rows:
        async with transaction(pool) as db:
            released += await SQL["release"].run(db, store=row["store_id"], ids=row["ids"])
    return released
