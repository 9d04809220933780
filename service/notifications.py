"""Messages to people: those that events oblige to, when they are still true, and how each is sent once."""

import contextlib
import random
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import Record

from service import message_policies, queries, reminders
from service.database import Connection, Pool, connection, transaction
from service.errors import NothingToSend, UnknownReservation
from service.lifecycle import State
from service.links import Links
from service.models.notifications import Notification, NotificationRequested
from service.opt_outs import OptOuts
from service.sealing import Unreadable

SQL = queries.load("notifications")

LEASE = 60  # seconds in which a sender must be heard of again
DELAYS = (10, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200)
"""Seconds before the second attempt, the third, … (28 hours in all); after the last one it has failed."""
DOUBT_DELAY = 30  # seconds before a doubt is looked into


SOON = 600  # seconds


class StillTrue(NamedTuple):
    """One row of what may still be said: a message of this kind, while the order stands so."""

    kind: str
    state: State
    seconds: int | None = None  # only so soon after the event


STILL_TRUE = (
    StillTrue("held", State.HELD),
    StillTrue("confirmed", State.CONFIRMED),
    StillTrue("confirmed", State.PICKING),
    StillTrue("confirmed", State.READY),
    StillTrue("confirmed", State.COLLECTED),
    StillTrue("confirmed", State.RETURNED),
    StillTrue("short", State.PICKING),
    StillTrue("ready", State.READY),
    # Who has collected within minutes keeps it as a receipt; after an outage of the carrier it would only confuse.
    StillTrue("ready", State.COLLECTED, SOON),
    StillTrue("ready", State.RETURNED, SOON),
    StillTrue("reminder", State.READY),
    StillTrue("collected", State.COLLECTED),
    StillTrue("collected", State.RETURNED),
    StillTrue("cancelled", State.CANCELLED),
    StillTrue("expired", State.EXPIRED),
)
"""What is still true when its turn comes; anything else is suppressed."""

CURRENT = {
    State.HELD: "held",
    State.CONFIRMED: "confirmed",
    State.PICKING: "confirmed",
    State.READY: "ready",
    State.COLLECTED: "collected",
    State.CANCELLED: "cancelled",
    State.EXPIRED: "expired",
}
"""The message that fits a reservation as it stands, for sending again."""


async def owe(db: Connection, store: str, *, after: int, until: int) -> int:
    """Write the messages owed for the events at the places after `after` up to `until`; how many are new.

    When each goes out, and what takes over when it fails, is decided here, by the policy in force.
    """
    policy = await message_policies.in_force(db, store)
    rules = policy.rules
    owed = await SQL["owe"].run(
        db,
        store=store,
        after=after,
        until=until,
        types=[message_policies.EVENTS[rule.kind] for rule in rules],
        kinds=[rule.kind for rule in rules],
        channels=[rule.channel for rule in rules],
        persons=[rule.person for rule in rules],
        sends=[rule.send for rule in rules],
        delays=[rule.delay_minutes for rule in rules],
        quiets=[rule.quiet for rule in rules],
        fallbacks=[None if rule.fallback == "none" else rule.fallback for rule in rules],
        quiet_from=policy.quiet_hours.starts,
        quiet_to=policy.quiet_hours.ends,
    )
    await SQL["hasten"].run(db, store=store, after=after, until=until)
    return owed


async def request(
    db: Connection, store: str, reservation: UUID, channel: str | None, actor: str
) -> NotificationRequested:
    """Have the customer told again how their order stands, on one channel or on all they have.

    Raises UnknownReservation, and NothingToSend where no message fits or the customer has no such address.
    """
    row = await SQL["reachable"].row(db, store=store, reservation=reservation)
    if row is None:
        raise UnknownReservation(f"Store {store} has no reservation {reservation}.")
    kind = "short" if row["asked"] and row["state"] == State.PICKING else CURRENT.get(State(row["state"]))
    if kind is None:
        raise NothingToSend(f"There is no message for an order that is {row['state']}.", state=row["state"])
    channels = [name for name in ("email", "sms") if row[name] and channel in {None, name}]
    if not channels:
        raise NothingToSend(f"The customer can't be reached by {channel or 'email or sms'}.", state=row["state"])
    await SQL["request"].run(db, store=store, reservation=reservation, kind=kind, channels=channels, actor=actor)
    return NotificationRequested.model_validate({"kind": kind, "channels": channels})


async def of_reservation(db: Connection, store: str, reservation: UUID) -> list[Notification]:
    """What was told about a reservation, the newest first."""
    rows = await SQL["of_reservation"].rows(db, store=store, reservation=reservation)
    return [Notification.model_validate(dict(row)) for row in rows]


class Attempt(NamedTuple):
    """One message in one sender's hands; a later attempt makes this one's word void."""

    store: str
    id: UUID
    attempts: int


async def due(pool: Pool, channel: str, limit: int) -> dict[str, list[UUID]]:
    """The oldest messages of a channel that can be sent now, by store."""
    async with connection(pool) as db:
        return {row["store_id"]: row["ids"] for row in await SQL["due"].rows(db, channel=channel, limit=limit)}


async def claim(
    pool: Pool, store: str, ids: Sequence[UUID], *, links: Links, opt_outs: OptOuts
) -> tuple[list[dict[str, Any]], int]:
    """Take messages for sending: what their words are made of, and how many will not go out.

    Those are no longer true, or for somebody who wants none. Nobody else sends what was taken until the lease is over.
    Rows as `contents` in notifications.sql has them, opened.
    """
    async with transaction(pool) as db:
        await SQL["hush"].run(db, store=store, ids=list(ids))
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
        rows = await SQL["contents"].rows(db, store=store, ids=sending, links=links.prefix) if sending else []
        opened = [_opened(row, links) for row in rows]
        unwanted = await _unwanted(db, opened, opt_outs) | await reminders.unwanted(db, opened, opt_outs)
        if unwanted:
            await SQL["suppress"].run(db, store=store, ids=list(unwanted), reason="opted_out")
        return [row for row in opened if row["id"] not in unwanted], len(claimed) - len(opened) + len(unwanted)


async def _unwanted(db: Connection, rows: Sequence[dict[str, Any]], opt_outs: OptOuts) -> set[UUID]:
    """Which of these messages would go to somebody who opted out of their channel."""
    unwanted: set[UUID] = set()
    for channel in {row["channel"] for row in rows}:
        mine = [row for row in rows if row["channel"] == channel]
        out = await opt_outs.among(db, channel, {row["address"] for row in mine})
        unwanted |= {row["id"] for row in mine if row["address"] in out}
    return unwanted


def _opened(row: Record, links: Links) -> dict[str, Any]:
    """A message's row with what is personal as it is read; what no key opens stays sealed, and can't be sent."""
    opened = {**row, "reservation": links.sealer.open(row["reservation"])}
    whose = {"address": "email" if row["channel"] == "email" else "phone", "delegate_name": "name"}
    for name, field in whose.items():
        if row[name] is not None:
            with contextlib.suppress(Unreadable):
                opened[name] = links.sealer.read(field, row[name], row["reservation_id"])
    return opened


async def begin(pool: Pool, attempt: Attempt) -> bool:
    """Note that the message is handed over now; False when it is no longer this attempt's to send."""
    async with connection(pool) as db:
        return bool(await SQL["begin"].value(db, **attempt._asdict(), lease=LEASE))


class Fate(NamedTuple):
    """What became of an attempt: accepted, pending (not now), in_doubt, failed or unknown (for good), or lost."""

    state: str
    reason: str | None = None
    ref: str | None = None  # the carrier's own name for the message


async def record(pool: Pool, attempt: Attempt, fate: Fate, *, provider: str) -> None:
    """Write down what became of it. A later attempt's word stands; an acceptance counts whenever it is heard.

    What can't go out now is tried again later, each time later, and has failed after the last time. What is in doubt
    is looked up, or sent once more, after a while. The shop is told by an event of what will not go out.
    """
    facts = {**attempt._asdict(), "provider": provider}
    async with connection(pool) as db:
        if fate.state == "accepted":
            await SQL["accept"].run(db, **facts, provider_ref=fate.ref)
        elif fate.state == "in_doubt":
            await SQL["doubt"].run(db, **facts, reason=fate.reason, delay=DOUBT_DELAY)
        elif fate.state == "pending" and attempt.attempts <= len(DELAYS):
            jitter = random.uniform(0.8, 1.2)  # noqa: S311 -- it keeps no secret
            await SQL["postpone"].run(db, **facts, reason=fate.reason, delay=DELAYS[attempt.attempts - 1] * jitter)
        elif fate.state == "pending":
            await SQL["end"].run(db, **facts, state="failed", reason=f"gave_up {fate.reason}")
        elif fate.state in {"failed", "unknown"}:
            await SQL["end"].run(db, **facts, state=fate.state, reason=fate.reason)


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
