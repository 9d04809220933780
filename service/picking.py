"""What a store does between an order and its customer: confirm, pick, shelve, and what is missing."""

from datetime import timedelta

from service import promise, stores
from service.database import Connection
from service.errors import LinesDontFit, StoreClosed
from service.lifecycle import State
from service.models.steps import CancelBody, ConfirmBody, Deed, FoundLine, ShelveBody
from service.steps import Change, Current, LineChange, moment, refuse_superseded

ANSWER_WITHIN = timedelta(hours=2)
"""How long a customer has to say what to do about a short line; then silence means take."""

ON_HAND = {"not_found": -1, "damaged": -1, "sold": 0}  # per unit: what was sold, the till tells


async def confirm(db: Connection, current: Current, body: ConfirmBody) -> Change:
    """The customer paid, or promised to: the promise is made now. From expired, the stock is held anew.

    Raises StoreClosed where that is a new order for a store that takes none; what it holds, it serves.
    """
    store = await stores.known(db, current.store)
    if current.state is State.EXPIRED:
        await refuse_superseded(db, current)  # a newer one that stands says more
        if not (await stores.find(db, current.store)).active:
            raise StoreClosed(f"Store {current.store} takes no orders any more: pay the customer back.")
    [ready_by] = await promise.estimates(db, [(store, {line["sku"] for line in current.lines})])
    sets = {"paid": body.paid, "payment_ref": body.payment_ref, "confirmed_at": current.now, "ready_by": ready_by}
    return Change(action="confirm", sets=sets)


async def pick(_db: Connection, _current: Current, _body: Deed) -> Change:
    """Someone in the store begins to fetch the goods."""
    return Change(action="pick")


async def unshelve(_db: Connection, _current: Current, _body: Deed) -> Change:
    """A wrong "ready": back to picking; what was short stays short."""
    return Change(action="unshelve", sets={"ready_at": None, "collect_by": None})


async def shelve(db: Connection, current: Current, body: ShelveBody) -> Change:
    """What was found goes on the pickup shelf.

    Nothing found: cancelled, cause out_of_stock. Something short: as `if_short` says, take what is there,
    cancel, or stay in picking until the customer has answered.
    """
    short = _short(current, body.lines)
    missing = sum(line.short for line in short)
    claimed = sum(line["claim"] for line in current.lines)
    facts = {"short": [{"sku": line.sku, "units": line.short, "reason": line.reason} for line in short]}
    sets = {name: value for name, value in (("shelf", body.shelf), ("bags", body.bags)) if value is not None}
    if missing == claimed or (missing and current.row["if_short"] == "cancel"):
        return Change(
            action="cancel",
            lines=short,
            facts={"cause": "out_of_stock", **facts},
            sets={"answer_by": None},
            reality=True,
        )
    if missing and current.row["if_short"] == "ask" and current.row["answer_by"] is None:
        return Change(
            event="reservation.short",
            lines=short,
            facts=facts,
            sets={**sets, "answer_by": current.now + ANSWER_WITHIN},
            reality=True,
        )
    ready = await take_what_is_there(db, current)
    return Change(
        action="shelve",
        lines=short,
        facts=facts if short else None,
        sets={**ready.sets, **sets, "ready_at": moment(current, body)},
        reality=True,
    )


async def take_what_is_there(db: Connection, current: Current) -> Change:
    """Ready with what was found so far; the second clock starts."""
    store = await stores.known(db, current.store)
    collect_by = promise.collect_by(store, current.now, current.row["slot_starts_at"])
    return Change(action="shelve", sets={"ready_at": current.now, "collect_by": collect_by, "answer_by": None})


async def cancel(_db: Connection, _current: Current, body: CancelBody) -> Change:
    """Somebody changed their mind: the claim is released."""
    return Change(action="cancel", facts={"cause": "asked", "reason": body.reason}, sets={"answer_by": None})


async def refuse_the_rest(_db: Connection, _current: Current) -> Change:
    """The customer wants none of an order that is short."""
    return Change(action="cancel", facts={"cause": "out_of_stock"}, sets={"answer_by": None})


def _short(current: Current, found: tuple[FoundLine, ...]) -> list[LineChange]:
    """The units that were not found, by line, with their reason."""
    claims = {line["sku"]: line["claim"] for line in current.lines}
    short = []
    for line in found:
        if line.sku not in claims:
            raise LinesDontFit(f"The reservation has no line with sku {line.sku}.", sku=line.sku)
        missing = claims.pop(line.sku) - line.found  # popped: a sku named twice has no line the second time
        if missing < 0:
            raise LinesDontFit(
                f"Sku {line.sku}: {line.found} found, but only {line.found + missing} are reserved.", sku=line.sku
            )
        if missing:
            reason = line.reason or "not_found"
            short.append(LineChange(line.sku, short=missing, on_hand=ON_HAND[reason] * missing, reason=reason))
    return short
