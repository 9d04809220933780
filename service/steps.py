"""Taking a reservation one step further: locked, judged, then changed with its stock and its history."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import Record

from service import failpoints, queries
from service.callers import Caller
from service.database import Connection
from service.errors import (
    InvalidRequest,
    OutOfStock,
    SlotFull,
    Superseded,
    UnknownReservation,
    VersionMismatch,
    WrongState,
)
from service.lifecycle import STEPS, TAKEN_BEFORE, State, possible_steps
from service.links import Links
from service.models.steps import Deed

SQL = queries.load("reservations")

CLOCK_SKEW = timedelta(minutes=1)  # a device may be ahead of us by this much

FREE_WORDS = frozenset({"reason", "text", "note"})
"""What people write freely into an event; `privacy.sql:forget_words` knows them too."""


class LineChange(NamedTuple):
    """What is done to some units of a line, as the type `line_change` lists it; `on_hand` is signed."""

    sku: str
    short: int = 0
    collected: int = 0
    refused: int = 0
    returned: int = 0
    on_hand: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of a reservation. Without an action it is no step, only something that happened to it."""

    action: str | None = None
    target: State | None = None  # None: the step's usual one, or as it is
    event: str | None = None  # None: the step's
    sets: dict[str, Any] = field(default_factory=dict)
    lines: list[LineChange] = field(default_factory=list)
    facts: dict[str, Any] | None = None
    reality: bool = False  # it has happened: it may leave a shortfall
    happened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Current:
    """A locked reservation, its lines, and the transaction's time."""

    store: str
    row: Record
    lines: list[Record]

    @property
    def state(self) -> State:
        """Where it stands."""
        return State(self.row["state"])

    @property
    def now(self) -> datetime:
        """PostgreSQL's time, the same until the end of the transaction."""
        now: datetime = self.row["now"]
        return now


Judge = Callable[[Connection, Current], Awaitable[Change]]


async def lock(db: Connection, store: str, id: UUID) -> Current:
    """Take a reservation in hand until the end of the transaction. Raises UnknownReservation."""
    row = await SQL["lock"].row(db, store=store, id=id)
    if row is None:
        raise UnknownReservation(f"Store {store} has no reservation {id}.")
    return Current(store, row, await SQL["lines"].rows(db, store=store, id=id))


async def advance(
    db: Connection,
    store: str,
    id: UUID,
    action: str,
    judge: Judge,
    *,
    caller: Caller,
    links: Links,
    if_match: int | None = None,
    deed: Deed | None = None,
) -> str:
    """Take one step inside the caller's transaction; answers the reservation as JSON.

    A step whose effect still stands changes nothing and says so. Raises UnknownReservation, WrongState,
    VersionMismatch, and whatever `judge` refuses: it sees the locked reservation and says what the step means for it.
    """
    current = await lock(db, store, id)
    step = STEPS[action]
    if current.state in TAKEN_BEFORE.get(action, ()) and await taken_before(db, current, action):
        return await told(db, store, id, links=links, applied=False, action=action)
    match_version(current, if_match)
    if current.state not in step.sources:
        raise wrong_state(current, action)
    if current.state is State.EXPIRED and current.row["customer_name"] is None:
        raise WrongState("Its customer was forgotten: hold anew.", state=current.state, possible_steps=[])
    failpoints.reached("step_locked")
    change = await judge(db, current)
    if deed:
        change = replace(change, happened_at=moment(current, deed))
    await write(db, current, change, caller=caller)
    failpoints.reached("step_written")
    return await told(db, store, id, links=links, applied=True)


def moment(current: Current, deed: Deed) -> datetime:
    """When it was done, which is not later than now. Raises InvalidRequest for what lies in the future."""
    if deed.happened_at is None:
        return current.now
    if deed.happened_at > current.now + CLOCK_SKEW:
        raise InvalidRequest("happened_at lies in the future.", errors=[
            {"pointer": "/happened_at", "code": "in_the_future", "message": "lies in the future"}
        ])  # fmt: skip
    return min(deed.happened_at, current.now)


async def taken_before(db: Connection, current: Current, action: str) -> bool:
    """Whether this step was ever taken: a reservation can be where it leads without."""
    found = await SQL["last_taken"].row(db, store=current.store, id=current.row["id"], action=action)
    return found is not None


def match_version(current: Current, if_match: int | None) -> None:
    """Refuse a change of something that the caller has not seen."""
    if if_match is not None and if_match != current.row["version"]:
        raise VersionMismatch(
            f"It is at version {current.row['version']}: read it again.", version=current.row["version"]
        )


def wrong_state(current: Current, action: str) -> WrongState:
    """Say what can be done instead."""
    steps = possible_steps(current.state)
    instead = f"possible now: {', '.join(steps)}" if steps else "nothing more can be done with it"
    return WrongState(
        f"A {current.state} reservation can't {action}; {instead}.", state=current.state, possible_steps=steps
    )


async def write(db: Connection, current: Current, change: Change, *, caller: Caller) -> None:
    """Write a change: state, stock, ledger and history in one statement.

    Of an order whose people were forgotten no free words are kept. Raises OutOfStock and SlotFull when claims that
    come back no longer fit, Superseded when the order has moved on.
    """
    forgotten = current.row["customer_name"] is None  # nobody comes by once more to forget
    step = STEPS[change.action] if change.action else None
    target = change.target or (step.target if step else current.state)
    ended = current.state in {State.EXPIRED, State.UNCOLLECTED}
    if step and ended and target in {State.CONFIRMED, State.READY, State.COLLECTED}:
        await refuse_superseded(db, current)
    refused = await _advance(
        db,
        current.store,
        [current.row["id"]],
        Change(
            action=change.action,
            target=target,
            event=change.event or (f"reservation.{step.event}" if step else "reservation.changed"),
            sets=_unnamed(change.sets) if forgotten else change.sets,
            lines=change.lines,
            facts=_unsaid(change.facts) if forgotten else change.facts,
            reality=change.reality,
            happened_at=change.happened_at,
        ),
        caller,
    )
    if refused and "slot" in refused:
        raise SlotFull("Its slot has been taken by others meanwhile.", slot=refused["slot"])
    if refused:
        raise OutOfStock("The stock of an expired hold went to others meanwhile.", lines=refused["lines"])


def _unnamed(sets: dict[str, Any]) -> dict[str, Any]:
    named = sets.get("checked_by") not in {"code", "token", None}
    return sets | {"checked_by": None} if named else sets


def _unsaid(facts: dict[str, Any] | None) -> dict[str, Any] | None:
    return facts and {name: fact for name, fact in facts.items() if name not in FREE_WORDS}


async def write_all(db: Connection, store: str, ids: list[UUID], change: Change, *, caller: Caller) -> None:
    """The same for many reservations of one store that all change alike and only give claims back."""
    await _advance(db, store, ids, change, caller)


async def _advance(
    db: Connection, store: str, ids: list[UUID], change: Change, caller: Caller
) -> dict[str, Any] | None:
    sets = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in change.sets.items()}
    refused: dict[str, Any] | None = await SQL["advance"].value(
        db,
        store=store,
        ids=ids,
        action=change.action,
        target=change.target,
        type=change.event,
        sets=sets,
        changes=[tuple(line) for line in change.lines],
        data=change.facts,
        actor=caller.actor,
        happened_at=change.happened_at,
        reality=change.reality,
    )
    return refused


async def refuse_superseded(db: Connection, current: Current) -> None:
    """Refuse to bring an order's reservation back when a newer one stands."""
    newer = await SQL["newer_standing"].value(
        db, store=current.store, order_ref=current.row["order_ref"], id=current.row["id"]
    )
    if newer is not None:
        raise Superseded(f"Reservation {newer} stands for this order now.", reservation=str(newer))


async def told(db: Connection, store: str, id: UUID, *, links: Links, applied: bool, action: str | None = None) -> str:
    """The reservation as the API tells it, after a step was asked for."""
    body: str = await SQL["told"].value(db, store=store, id=id, links=links.prefix, applied=applied, action=action)
    return body
