"""What can happen to a reservation without a step: arrival, more time, other people to tell or to hand it to."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from service import picking, promise, queries, steps, stores
from service.callers import Caller
from service.database import Connection
from service.errors import AlreadyExtended, InvalidRequest, TooLate
from service.lifecycle import CLAIMING, State
from service.links import Links
from service.models.steps import ChangeBody, Deed, ExtendBody
from service.steps import Change

SQL = queries.load("reservations")


async def arrive(db: Connection, store: str, id: UUID, *, caller: Caller, links: Links) -> str:
    """The customer is here. A time on the reservation, not a state; the second time changes nothing."""
    current = await steps.lock(db, store, id)
    if current.state is State.HELD or current.state not in CLAIMING:
        raise steps.wrong_state(current, "arrive")
    if current.row["arrived_at"] is not None:
        return await steps.told(db, store, id, links=links, applied=False)
    change = Change(event="reservation.arrived", sets={"arrived_at": current.now})
    await steps.write(db, current, change, caller=caller)
    return await steps.told(db, store, id, links=links, applied=True)


async def extend(
    db: Connection, store: str, id: UUID, body: ExtendBody, *, caller: Caller, links: Links, if_match: int | None = None
) -> str:
    """Give a hold more time to be paid, or a ready order more days to be collected (once).

    Raises WrongState, AlreadyExtended.
    """
    current = await steps.lock(db, store, id)
    steps.match_version(current, if_match)
    if body.hold_seconds is not None:
        if current.state is not State.HELD:
            raise steps.wrong_state(current, "extend its hold")
        sets: dict[str, Any] = {"hold_expires_at": current.now + timedelta(seconds=body.hold_seconds)}
    else:
        if current.state is not State.READY:
            raise steps.wrong_state(current, "extend its collect-by date")
        if current.row["extended"]:
            raise AlreadyExtended("The collect-by date can be extended once.")
        known = await stores.known(db, store)
        sets = {"collect_by": promise.collect_by(known, current.row["collect_by"], None), "extended": True}
    await steps.write(db, current, Change(event="reservation.extended", sets=sets), caller=caller)
    return await steps.told(db, store, id, links=links, applied=True)


async def change(
    db: Connection, store: str, id: UUID, body: ChangeBody, *, caller: Caller, links: Links, if_match: int | None = None
) -> str:
    """Change who is told, who may collect, or the note; only what is named changes, null takes it away."""
    current = await steps.lock(db, store, id)
    steps.match_version(current, if_match)
    if current.state not in CLAIMING:
        raise steps.wrong_state(current, "be changed")
    sets = _named(body)
    row = {name: current.row[name] for name in ("customer_name", "email", "phone")} | sets
    if row["customer_name"] is None:
        raise InvalidRequest("A customer has a name.")
    if row["email"] is None and row["phone"] is None:
        raise InvalidRequest("Leave an email or a phone, so that the customer can be told.")
    if not sets:
        return await steps.told(db, store, id, links=links, applied=False)
    facts = {"fields": sorted(sets)}  # their names only: the history is read by many
    await steps.write(db, current, Change(sets=links.sealer.closed(sets, id), facts=facts), caller=caller)
    return await steps.told(db, store, id, links=links, applied=True)


def _named(body: ChangeBody) -> dict[str, Any]:
    named = body.model_dump(include=body.model_fields_set - {"delegate"})
    if "name" in named:
        named["customer_name"] = named.pop("name")
    if named.get("locale", "") is None:
        raise InvalidRequest("A customer has a language.")
    if "delegate" in body.model_fields_set:
        named["delegate_name"] = body.delegate.name if body.delegate else None
        named["delegate_phone"] = body.delegate.phone if body.delegate else None
    return named


async def answer(db: Connection, store: str, id: UUID, *, take: bool, caller: Caller, links: Links) -> str:
    """The customer says what to do about an order that is short: take what is there, or cancel. Raises TooLate."""
    current = await steps.lock(db, store, id)
    if current.state is not State.PICKING or current.row["answer_by"] is None:
        raise TooLate("Nothing is being asked about this order.")
    decide = picking.take_what_is_there if take else picking.refuse_the_rest
    await steps.write(db, current, await decide(db, current), caller=caller)
    return await steps.told(db, store, id, links=links, applied=True)


async def put_back(db: Connection, store: str, id: UUID, body: Deed, *, caller: Caller, links: Links) -> str:
    """The goods of an order that nobody collects are on their shelves again; the stock was free already."""
    current = await steps.lock(db, store, id)
    if current.state not in {State.UNCOLLECTED, State.CANCELLED}:
        raise steps.wrong_state(current, "be put back")
    if current.row["put_back_at"] is not None:
        return await steps.told(db, store, id, links=links, applied=False)
    at = steps.moment(current, body)
    change = Change(sets={"put_back_at": at}, facts={"put_back": True}, happened_at=at)
    await steps.write(db, current, change, caller=caller)
    return await steps.told(db, store, id, links=links, applied=True)
