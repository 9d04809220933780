"""What is known of people: forgotten when its time is over, told and forgotten when they ask."""

import json
from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from service import audit, events, notifications, queries, replies, reservations, survey
from service.callers import Caller
from service.database import Connection, Pool, transaction
from service.links import Links
from service.models.privacy import Erased, ErasedOne, PersonBody, WaitingOne

SQL = queries.load("privacy")

MOST_AT_ONCE = 500  # reservations in one transaction
MOST_TOLD = 200  # reservations in one export

FORGETTING = (
    "forget",
    "forget_addresses",
    "forget_replies",
    "forget_captured",
    "forget_deliveries",
    "forget_words",
    "forget_comments",
    "forget_answers",
)
"""What is done to reservations that ended, in this order: answers are told anew after the rest is gone."""


async def forget_due(pool: Pool, store: str, *, days: int, links: Links) -> int:
    """Forget the people of a store's reservations that ended so many days ago, and of those who asked; how many.

    Ids, quantities, times and states stay, so that counts and the ledger stay true.
    """
    async with transaction(pool) as db:
        ids = [row["id"] for row in await SQL["due"].rows(db, store=store, days=days, limit=MOST_AT_ONCE)]
        if ids:
            await _forget(db, store, ids, links)
        return len(ids)


async def _forget(db: Connection, store: str, ids: Sequence[UUID], links: Links) -> None:
    for name in FORGETTING:
        more = {"links": links.prefix} if name == "forget_answers" else {}
        await SQL[name].run(db, store=store, ids=list(ids), **more)


async def _forget_delegate(db: Connection, store: str, ids: Sequence[UUID], phone: str, links: Links) -> None:
    """Forget a delegate, also of an open order: its customer can still collect it, and name another."""
    phones = links.sealer.prefixes(phone)
    for name in ("forget_delegate", "forget_delegate_replies", "forget_delegate_addresses"):
        await SQL[name].run(db, store=store, ids=list(ids), phones=phones)
    await SQL["forget_delegate_captured"].run(db, store=store, ids=list(ids), phone=phone)
    await SQL["forget_answers"].run(db, store=store, ids=list(ids), links=links.prefix)


async def export(db: Connection, person: PersonBody, *, caller: Caller, links: Links) -> str:
    """All that is known of a person in the caller's stores, as JSON: reservations, their history, their messages.

    The newest 200 reservations at most; `complete` says whether these are all.
    """
    rows = await _of_person(db, person, caller, links, limit=MOST_TOLD + 1)
    items = []
    for row in rows[:MOST_TOLD]:
        told = await _known(db, row, links)
        items.append(told if row["person"] == "customer" else await _of_delegate(db, row, told, person, links))
        await audit.note(db, caller, "privacy.exported", row["id"], store=row["store_id"])
    complete = "true" if len(rows) <= MOST_TOLD else "false"
    return f'{{"items":[{",".join(items)}],"complete":{complete}}}'


async def erase(db: Connection, person: PersonBody, *, caller: Caller, links: Links) -> Erased:
    """Forget a person in the caller's stores: now where the order has ended, else as soon as it has.

    A delegate is forgotten at once, and only they. Asked again, it answers the same as long as the order can be found
    by what was asked, and forgets what was written since.
    """
    rows = await _of_person(db, person, caller, links)
    ended: dict[UUID, bool] = {}
    for store in sorted({row["store_id"] for row in rows}):
        whose = {row["id"]: row["person"] for row in rows if row["store_id"] == store}
        locked = {row["id"]: row["ended"] for row in await SQL["lock"].rows(db, store=store, ids=list(whose))}
        theirs = [id for id in locked if whose[id] == "customer"]
        named = [id for id in locked if whose[id] == "delegate"]
        await SQL["ask"].run(db, store=store, ids=theirs)
        if over := [id for id in theirs if locked[id]]:
            await _forget(db, store, over, links)
        if named and person.phone:
            await _forget_delegate(db, store, named, person.phone, links)
        ended |= locked | dict.fromkeys(named, True)
        for id in locked:
            await audit.note(db, caller, "privacy.erased" if ended[id] else "privacy.erase_asked", id, store=store)
    return Erased(
        erased=[ErasedOne(**_named(row)) for row in rows if ended[row["id"]]],
        waiting=[WaitingOne(**_named(row), state=row["state"]) for row in rows if not ended[row["id"]]],
    )


async def _known(db: Connection, row: Record, links: Links) -> str:
    store, id = row["store_id"], row["id"]
    told = await reservations.find(db, store, id, links=links)
    history = ",".join(await events.of_reservation(db, store, id))
    messages = ",".join(one.model_dump_json() for one in await notifications.of_reservation(db, store, id))
    back = ",".join(one.model_dump_json() for one in await replies.of_reservation(db, store, id, links=links))
    said = await survey.answered(db, store, id, links=links)
    answer = said.model_dump_json() if said else "null"
    return f'{{"reservation":{told},"events":[{history}],"messages":[{messages}],"replies":[{back}],"survey":{answer}}}'


async def _of_delegate(db: Connection, row: Record, told: str, person: PersonBody, links: Links) -> str:
    """What of this is the delegate's: the order they were to fetch, what they were told and wrote.

    Not its customer, nor who was named before them or after.
    """
    known = json.loads(told)
    order = known["reservation"]
    order["customer"] |= dict.fromkeys(("name", "email", "phone", "customer_ref", "company"))
    order |= dict.fromkeys(("payment_ref", "note", "pickup_code", "pickup_url", "checked_by"))
    if order["delegate"] and order["delegate"]["phone"] != person.phone:
        order["delegate"] = None
    known |= {"events": [], "survey": None}
    phones = links.sealer.prefixes(person.phone or "")
    found = await SQL["of_delegate"].rows(db, store=row["store_id"], reservation=row["id"], phones=phones)
    theirs = {str(one["id"]) for one in found}
    for name in ("messages", "replies"):
        known[name] = [one for one in known[name] if one["id"] in theirs]
    return json.dumps(known, ensure_ascii=False)


def _named(row: Record) -> dict[str, object]:
    return {"store": row["store_id"], "id": row["id"], "order_ref": row["order_ref"]}


async def _of_person(
    db: Connection, person: PersonBody, caller: Caller, links: Links, *, limit: int | None = None
) -> list[Record]:
    return await SQL["of_person"].rows(
        db,
        order_ref=person.order_ref,
        customer_ref=person.customer_ref,
        emails=links.sealer.prefixes(person.email) if person.email else [],
        phone=person.phone,
        phones=links.sealer.prefixes(person.phone) if person.phone else [],
        stores=None if caller.stores is None else sorted(caller.stores),
        limit=limit,
    )
