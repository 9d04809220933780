"""Deliveries: which events oblige to which, when each attempt is made, and what became of it."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from service import queries, webhooks
from service.callers import Caller
from service.database import Connection, Pool, connection, transaction
from service.errors import EndpointInactive, InvalidRequest, NotFound
from service.models.webhooks import Deliveries, DeliveriesAsked, Delivery, ReplayBody

SQL = queries.load("deliveries")

LEASE = 60  # seconds in which a sender must be heard of again
DELAYS = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds before the second attempt, the third, … (three days in all); after the last one it is dead."""
LONGEST_REST = 86400  # seconds that an endpoint may ask to be left alone
PATIENCE = 5  # days without one success, after which an endpoint is switched off
MOST_REPLAYED = 10_000  # deliveries in one request
MISSED_AT_ONCE = 1000  # deliveries that one statement writes
STATES = ("pending", "sending", "delivered", "dead")

GONE = 410
BUSY = (429, 503)


async def owe(db: Connection, store: str, *, after: int, until: int, source: str = "") -> int:
    """Write the deliveries owed for the events at the places after `after` up to `until`; how many are new.

    `source`: the URL of this service, which CloudEvents name as where they come from.
    """
    return await SQL["owe"].run(db, store=store, after=after, until=until, source=source)


class Attempt(NamedTuple):
    """One delivery in one sender's hands, until the lease is over; `attempts`: how many failed before."""

    store: str
    id: UUID
    endpoint: UUID
    lease: datetime
    attempts: int


class Outcome(NamedTuple):
    """How an attempt ended: the endpoint's status, or else why there is none; how many seconds it wants to rest."""

    status: int | None = None
    reason: str | None = None
    retry_after: float | None = None

    @property
    def taken(self) -> bool:
        """Whether the endpoint has it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004

    @property
    def why(self) -> str | None:
        """Why it failed."""
        if self.taken or self.status is None:
            return self.reason
        return "redirect" if 300 <= self.status < 400 else f"http_{self.status}"  # noqa: PLR2004


async def due(pool: Pool) -> list[UUID]:
    """The endpoints to which something can be sent now."""
    async with connection(pool) as db:
        return [row["id"] for row in await SQL["due"].rows(db)]


async def claim(pool: Pool, endpoint: UUID, *, most: int) -> list[Record]:
    """Take an endpoint's oldest due deliveries; nobody else sends them until the lease is over.

    Of each subject one, in the order of what happened. Rows as `claim` in deliveries.sql has them.
    """
    async with connection(pool) as db:
        rows = await SQL["claim"].rows(db, endpoint=endpoint, most=most, lease=LEASE)
        if not rows:
            await SQL["park"].run(db, endpoint=endpoint)
        return rows


async def record(pool: Pool, attempt: Attempt, outcome: Outcome) -> str | None:
    """Write down how an attempt ended; why the endpoint was switched off for it, if it was.

    What failed is tried again later, each time later, never sooner than the endpoint asks, and is dead after the last
    time. An endpoint that is gone (410), or has taken nothing for five days, is switched off; an event tells its owner.
    """
    facts = {"store": attempt.store, "id": attempt.id, "status": outcome.status}
    if outcome.taken:
        async with connection(pool) as db:
            await SQL["deliver"].run(db, **facts)
        return None
    rest = min(outcome.retry_after or 0, LONGEST_REST) if outcome.status in BUSY else 0
    mine = {"store": attempt.store, "id": attempt.id, "lease": attempt.lease}
    async with transaction(pool) as db:
        struck = await SQL["strike"].row(db, **mine, endpoint=attempt.endpoint, rest=rest or None, days=PATIENCE)
        if struck is None:
            return None
        await SQL["postpone"].run(
            db, **facts, lease=attempt.lease, reason=outcome.why, delay=_delay(attempt.attempts, rest)
        )
        why = "gone" if outcome.status == GONE else "failing" if struck["too_long"] else None
        return why if why and await webhooks.switch_off(db, attempt.endpoint, why, store=attempt.store) else None


def _delay(failed: int, rest: float) -> float | None:
    if failed >= len(DELAYS):
        return None
    return max(DELAYS[failed] * random.uniform(1.0, 1.2), rest)  # noqa: S311 -- it keeps no secret


async def give_back(pool: Pool, attempt: Attempt) -> None:
    """Let somebody else send what was claimed and not begun."""
    async with connection(pool) as db:
        await SQL["give_back"].run(db, store=attempt.store, id=attempt.id, lease=attempt.lease)


async def release_abandoned(pool: Pool, limit: int = 500) -> int:
    """Take back what a sender had that was not heard of again, to be sent under the same id. How many."""
    async with connection(pool) as db:
        return await SQL["release"].run(db, limit=limit)


async def ping(db: Connection, endpoint: UUID, *, caller: Caller, source: str = "") -> Delivery:
    """Have a ping sent, which is about nothing. Raises NotFound and EndpointInactive."""
    if not (await webhooks.find(db, endpoint, caller=caller)).active:
        raise EndpointInactive("Switch it on first: PUT it with `active: true`.")
    row = await SQL["ping"].row(db, endpoint=endpoint, source=source)
    assert row is not None  # noqa: S101 -- an insert returns its row
    return _read(row)


async def listed(db: Connection, endpoint: UUID, asked: DeliveriesAsked, *, caller: Caller) -> Deliveries:
    """What an endpoint was sent or will be, the newest first. Raises NotFound."""
    await webhooks.find(db, endpoint, caller=caller)
    rows = await SQL["listed"].rows(
        db, endpoint=endpoint, states=_states(asked.state), before=asked.cursor, limit=asked.limit + 1
    )
    found = [_read(row) for row in rows[: asked.limit]]
    return Deliveries(items=found, next_cursor=str(found[-1].id) if len(rows) > asked.limit else None)


async def replay(db: Connection, endpoint: UUID, asked: ReplayBody, *, caller: Caller, source: str = "") -> int:
    """Have deliveries sent again from the start, under the same ids, with the same bytes; how many.

    A time in all states also brings what happened in it and was never written for this endpoint, because it was off.
    What is under way at this moment stays under way. Raises NotFound, and InvalidRequest for too many at once.
    """
    await webhooks.find(db, endpoint, caller=caller)
    first, last = (asked.delivery,) * 2 if asked.delivery else (_made_at(asked.since), _made_at(asked.until))
    rows = await SQL["between"].rows(
        db, endpoint=endpoint, states=_states(asked.state), first=first, last=last, limit=MOST_REPLAYED + 1
    )
    if asked.delivery and not rows:
        raise NotFound("There is no such delivery to this endpoint.")
    missed = 0 if asked.delivery or asked.state else await _owe_missed(db, endpoint, asked, len(rows), source=source)
    if len(rows) + missed > MOST_REPLAYED:
        raise InvalidRequest(f"These are more than {MOST_REPLAYED}: ask for a shorter time, or for one state.")
    stores, ids = [row["store_id"] for row in rows], [row["id"] for row in rows]
    count = await SQL["requeue"].run(db, stores=stores, ids=ids)
    await SQL["unpark"].run(db, endpoint=endpoint)
    return count + missed


async def _owe_missed(db: Connection, endpoint: UUID, asked: ReplayBody, others: int, *, source: str) -> int:
    """Write what was never written for an endpoint, some at a time, until it is too many; how many."""
    time = {"since": asked.since, "until": asked.until}
    missed, new = 0, MISSED_AT_ONCE
    while new == MISSED_AT_ONCE and others + missed <= MOST_REPLAYED:
        new = await SQL["owe_missed"].run(db, endpoint=endpoint, **time, source=source, limit=MISSED_AT_ONCE)
        missed += new
    return missed


async def waiting(db: Connection) -> dict[str, int]:
    """How many deliveries wait, and how many are given up."""
    row = await SQL["waiting"].row(db)
    assert row is not None  # noqa: S101 -- a select without from has one row
    return dict(row)


def _states(state: str | None) -> Sequence[str]:
    return [state] if state else list(STATES)


def _made_at(moment: datetime | None) -> UUID:
    """The least id that is made at a moment: the first 48 bits of an id are its milliseconds."""
    assert moment is not None  # noqa: S101 -- the model has seen to it
    milliseconds = min(max(int(moment.timestamp() * 1000), 0), (1 << 48) - 1)
    return UUID(int=milliseconds << 80)


def _read(row: Record) -> Delivery:
    return Delivery(**{**row, "store_id": row["store_id"] or None})
