"""Setting stock aside: the beginning of every reservation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from service import clocks, codes, failpoints, idempotency, promise, queries, slots, stores
from service.callers import Caller
from service.database import Pool, connection, statement
from service.errors import (
    Busy,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    OrderDiffers,
    OutOfStock,
    Problem,
    SlotFull,
    StoreClosed,
    UnknownSku,
    UnknownStore,
)
from service.ids import new_id
from service.links import Links
from service.models.fields import spell
from service.models.reservations import HoldBody, LineAsked
from service.models.stores import Store

SQL = queries.load("reservations")

MOST_ROUNDS = 20
MOST_TOGETHER = 256  # holds in one statement
LONGEST_QUEUE = 2000  # waiting holds; beyond it the answer is "busy"
LANES = 2  # statements side by side
CROWD = 16  # waiting holds for which one more statement sets out
LOCK_SECONDS = 2.0  # for what somebody else has in hand
PARTS = 3  # of all who are here: one of them with PostgreSQL, while the others are being read and answered


@dataclass(slots=True)
class Ask:
    """One request to hold: who asks, in which store, for what."""

    store: str
    body: HoldBody
    caller: Caller
    key: idempotency.Request | None
    id: UUID = field(default_factory=new_id)
    final: bool = False  # due holds have been expired for it


@dataclass(slots=True)
class _Prepared:
    """What the database needs beside the request itself."""

    ask: Ask
    store: Store
    ready_by: Any


@dataclass(frozen=True, slots=True)
class _Way:
    """What holds for all who are asked for at once."""

    links: Links
    locale: str
    patience: float


async def hold(
    pool: Pool, asks: Sequence[Ask], patience: float = LOCK_SECONDS, *, links: Links, locale: str
) -> list[idempotency.Kept | Problem]:
    """Hold for many requests, each all or nothing (or what there is, where it allows that); answers in their order.

    Raises Busy, and has done nothing, where a lock was waited for longer than `patience` seconds.

    Every request gets its JSON (201 held now, 200 this order stands, or the first answer to its key), or its problem:
    out_of_stock, slot_full, invalid_slot, order_differs, unknown_sku, unknown_store, store_closed,
    idempotency_key_reused, idempotency_in_flight, busy. A problem of one never touches the others.
    """
    answers: dict[UUID, idempotency.Kept | Problem] = {}
    waiting = await _prepare(pool, asks, answers)
    for _ in range(MOST_ROUNDS):
        if not waiting:
            break
        waiting = await _try(pool, waiting, answers, _Way(links, locale, patience))
    for left in waiting:
        answers[left.ask.id] = Busy("Too many want the same thing at this moment.", retry_after=1)
    return [answers[ask.id] for ask in asks]


async def _prepare(pool: Pool, asks: Sequence[Ask], answers: dict[UUID, idempotency.Kept | Problem]) -> list[_Prepared]:
    """Know each store, the promise it can make and the slot; what can't be asked there is answered now."""
    known: list[tuple[Ask, Store]] = []
    prepared: list[_Prepared] = []
    async with connection(pool) as db:
        for ask in asks:
            try:
                known.append((ask, await stores.known(db, ask.store)))
            except UnknownStore as problem:
                answers[ask.id] = problem
        estimates = await promise.glances(db, [(store, {line.sku for line in ask.body.lines}) for ask, store in known])
        for (ask, store), ready_by in zip(known, estimates, strict=True):
            try:
                if ask.body.slot is not None:
                    slots.check(store, ask.body.slot, ready_by, await SQL["now"].value(db))
            except Problem as problem:
                answers[ask.id] = await idempotency.first_answer(db, ask.key) or problem
                continue
            prepared.append(_Prepared(ask, store, ready_by))
    return prepared


async def _try(
    pool: Pool, waiting: list[_Prepared], answers: dict[UUID, idempotency.Kept | Problem], way: _Way
) -> list[_Prepared]:
    """Ask the database once; who is to come again comes again, in the same order."""
    by_id = {one.ask.id: one for one in waiting}
    failpoints.reached("hold_asked")
    async with statement(pool) as db:
        asked = _arguments(waiting, way.links, way.locale)
        rows = await SQL["hold"].rows(db, links=way.links.prefix, patience=f"{way.patience * 1000:.0f}ms", **asked)
    failpoints.reached("hold_committed")
    again: list[_Prepared] = []
    due: set[str] = set()
    for row in rows:
        one = by_id[row["id"]]
        if row["outcome"] in {"again", "due"}:
            again.append(one)
            if row["outcome"] == "due":
                one.ask.final = True
                due.add(one.ask.store)
        else:
            answers[one.ask.id] = _answer(row, one.ask)
    for store in sorted(due):
        await clocks.expire_for_hold(pool, store)
        failpoints.reached("due_expired")
    order = {id: place for place, id in enumerate(by_id)}
    return sorted(again, key=lambda one: order[one.ask.id])


def _arguments(waiting: list[_Prepared], links: Links, locale: str) -> dict[str, Any]:
    """The requests as `hold` takes them: positions and slots each once, named by their place in lines and requests."""
    positions: dict[tuple[str, str], int] = {}
    slots_asked: dict[tuple[str, datetime], int] = {}
    requests, lines = [], []
    for place, one in enumerate(waiting, 1):
        store, slot = one.ask.store, one.ask.body.slot
        lines += [
            (place, positions.setdefault((store, line[0]), len(positions) + 1), *line)
            for line in summed(one.ask.body.lines)
        ]
        number = slots_asked.setdefault((store, slot), len(slots_asked) + 1) if slot else 0
        requests.append(_request(one, number, links, locale))
    return {
        "requests": requests,
        "lines": lines,
        "stores": [store for store, _ in positions],
        "skus": [sku for _, sku in positions],
        "slot_stores": [store for store, _ in slots_asked],
        "slots": [slot for _, slot in slots_asked],
    }


def _answer(row: Record, ask: Ask) -> idempotency.Kept | Problem:
    if row["body"] is not None:
        return idempotency.Kept(row["status"], row["body"], replayed=row["outcome"] == "replayed")
    return REFUSALS[row["outcome"]](ask, row["facts"] or {})


def _out_of_stock(ask: Ask, facts: dict[str, Any]) -> Problem:
    told = ", ".join(f"{line['sku']}: {line['available']} of {line['asked']}" for line in facts["lines"][:5])
    return OutOfStock(f"Store {ask.store} has too little of {told}.", lines=facts["lines"])


def _order_differs(ask: Ask, facts: dict[str, Any]) -> Problem:
    standing = f"Order {ask.body.order_ref} has a {facts['state']} reservation here with other lines"
    return OrderDiffers(f"{standing}; cancel it first, or use another order_ref.", **facts)


def _slot_full(ask: Ask, _facts: dict[str, Any]) -> Problem:
    return SlotFull("Take another slot.", slot=spell(ask.body.slot) if ask.body.slot else None)


REFUSALS: dict[str, Callable[[Ask, dict[str, Any]], Problem]] = {
    "out_of_stock": _out_of_stock,
    "order_differs": _order_differs,
    "slot_full": _slot_full,
    "unknown_sku": lambda _, facts: UnknownSku(f"Not in the catalogue: {', '.join(facts['skus'][:5])}.", **facts),
    "unknown_store": lambda ask, _: UnknownStore(f"There is no store {ask.store!r}."),
    "store_closed": lambda ask, _: StoreClosed(f"Store {ask.store} takes no orders."),
    "key_reused": lambda _, __: IdempotencyKeyReused("Take a new key for a new request."),
    "in_flight": lambda _, __: IdempotencyInFlight(
        "Wait for its answer, or ask again with the same key.", retry_after=1
    ),
}
"""What each outcome of `hold` without an answer is refused with."""


def summed(lines: Sequence[LineAsked]) -> list[tuple[str, int, str | None, int | None, int | None]]:
    """The lines by sku, each sku once: (sku, quantity, name, unit_price, total)."""
    by_sku: dict[str, tuple[str, int, str | None, int | None, int | None]] = {}
    for line in lines:
        _, quantity, name, unit_price, total = by_sku.get(line.sku, (line.sku, 0, None, None, None))
        if line.total is not None:
            total = (total or 0) + line.total
        by_sku[line.sku] = (line.sku, quantity + line.quantity, name or line.name, line.unit_price or unit_price, total)
    return [by_sku[sku] for sku in sorted(by_sku)]


def _request(one: _Prepared, slot: int, links: Links, locale: str) -> tuple[Any, ...]:
    """One request as the type `hold_request` lists it; its code is drawn anew each time, in case that one was taken."""
    ask, body = one.ask, one.ask.body
    key, customer, delegate = ask.key, body.customer, body.delegate
    code = codes.new_code()

    def sealed(field: str, text: str | None) -> str | None:
        return links.sealer.close(field, text, ask.id)

    return (
        ask.store,
        ask.id,
        *((key.key, key.credential, key.operation, key.fingerprint) if key else (None, None, None, None)),
        body.order_ref,
        body.channel,
        body.replaces,
        customer.name,
        sealed("email", customer.email),
        customer.phone,
        customer.locale or locale,
        customer.customer_ref,
        sealed("company", customer.company),
        *((sealed("name", delegate.name), sealed("phone", delegate.phone)) if delegate else (None, None)),
        sealed("note", body.note),
        body.currency,
        body.pay_in_store,
        body.if_short,
        body.allow_partial,
        code,
        links.token(one.store.number, code, ask.id),
        slot,
        body.hold_seconds or one.store.hold_seconds,
        one.ready_by,
        ask.caller.actor,
        ask.final,
    )
