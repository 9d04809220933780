"""Messages to people: those that events oblige to, and when they are still true."""

from typing import NamedTuple
from uuid import UUID

from service import message_policies, queries
from service.callers import Caller
from service.database import Connection
from service.errors import NotFound, NothingToSend, UnknownReservation
from service.lifecycle import State
from service.models.notifications import (
    DeadAsked,
    DeadNotifications,
    Notification,
    NotificationRequested,
    SentNotification,
)

SQL = queries.load("notifications")


SOON = 600  # seconds
JUST_NOW = 900  # seconds for which a text may ring at any hour: about what somebody did, or for who stands in the store


class StillTrue(NamedTuple):
    """One row of what may still be said: a message of this kind, while the order stands so."""

    kind: str
    state: State
    seconds: int | None = None  # only so soon after the event


STILL_TRUE = (
    StillTrue("held", State.HELD),
    StillTrue("confirmed", State.CONFIRMED),
    StillTrue("confirmed", State.PICKING),
    # What has happened since is told by messages of its own; a mail may come back days later.
    StillTrue("confirmed", State.READY, SOON),
    StillTrue("confirmed", State.COLLECTED, SOON),
    StillTrue("confirmed", State.RETURNED, SOON),
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

    When each goes out, and what takes over when it fails and how quietly, is decided here, by the policy in force.
    """
    policy = await message_policies.in_force(db, store)
    rules = policy.rules
    heirs = [message_policies.takes_over(rule, rules) for rule in rules]
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
        fallbacks=[heir and heir.channel for heir in heirs],
        # What a text takes over from has failed by then, hours or days later: it is never of just now.
        fallbacks_quiet=[heir is not None and (heir.quiet or heir.channel == "sms") for heir in heirs],
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


async def dead(db: Connection, asked: DeadAsked, *, caller: Caller) -> DeadNotifications:
    """Messages that will not go out by themselves any more, the newest first; without addresses."""
    reach = None if caller.stores is None else sorted(caller.stores)
    stores = reach if asked.store is None else [asked.store] if caller.may_see(asked.store) else []
    rows = await SQL["dead"].rows(
        db, states=asked.state.split(","), stores=stores, before=asked.cursor, limit=asked.limit + 1
    )
    found = [SentNotification(**row) for row in rows[: asked.limit]]
    return DeadNotifications(items=found, next_cursor=str(found[-1].id) if len(rows) > asked.limit else None)


async def find(db: Connection, store: str, id: UUID) -> SentNotification:
    """One message as it stands. Raises NotFound."""
    row = await SQL["find"].row(db, store=store, id=id)
    if row is None:
        raise NotFound(f"Store {store} has no message {id}.")
    return SentNotification(**row)


async def resend(db: Connection, store: str, id: UUID) -> SentNotification:
    """Send a dead message once more; asked again while it is under way, that stands.

    Raises NotFound, and NothingToSend for one that went out, or must not.
    """
    revived = await SQL["revive"].run(db, store=store, id=id)
    found = await find(db, store, id)
    if not revived and found.state not in {"pending", "sending"}:
        raise NothingToSend(
            f"This message is {found.state}: only one that failed can be sent again.", state=found.state
        )
    return found


async def standing(db: Connection) -> dict[str, int]:
    """How many messages failed, are unknown for good, are in doubt, and were tried and are tried again."""
    row = await SQL["standing"].row(db)
    assert row is not None  # noqa: S101 -- an aggregate has one row
    return dict(row)
