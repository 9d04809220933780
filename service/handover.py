"""What happens at the counter: collect, undo, return, lapse."""

from datetime import timedelta

from service import codes, promise, queries, stores
from service.database import Connection
from service.errors import LinesDontFit, TooLate, WrongCode, WrongState
from service.lifecycle import State
from service.links import Links
from service.models.steps import CollectBody, Nothing, ReturnBody, TakenLine, UndoBody
from service.steps import Change, Current, LineChange, moment

SQL = queries.load("reservations")

UNDO_WITHIN = timedelta(minutes=15)


async def collect(_db: Connection, current: Current, body: CollectBody, *, links: Links) -> Change:
    """Hand over: what is taken leaves the store, the rest is refused. After a lapse too, for they came after all.

    Raises WrongCode, LinesDontFit, InvalidRequest.
    """
    recognise(current, body, links)
    happened_at = moment(current, body)
    taken = _taken(current, body.lines)
    lines = []
    for line in current.lines:
        units = taken[line["sku"]]
        if units:
            lines.append(LineChange(line["sku"], collected=units, on_hand=-units, reason="collect"))
        if line["claim"] > units:
            lines.append(LineChange(line["sku"], refused=line["claim"] - units, reason="refuse"))
    sets = {"collected_at": happened_at, "checked_by": _checked_by(body)}
    return Change(
        action="collect",
        lines=lines,
        sets=sets,
        reality=current.state is State.UNCOLLECTED,
    )


def recognise(current: Current, body: CollectBody, links: Links) -> None:
    """Refuse a code or token that does not open this reservation; tell nothing else about it."""
    if body.code is not None:
        code = codes.normalise(body.code)
        if not codes.is_code(code):
            raise WrongCode("That is no pickup code: a symbol is wrong or missing.")
        if not codes.same(code, current.row["pickup_code"]):
            raise WrongCode("That is the code of another reservation.")
    if body.token is not None and (
        not codes.same(body.token, current.row["token"]) or not links.tokens.verify(body.token, current.row["id"])
    ):
        raise WrongCode("That token opens another reservation, or none.")


def _checked_by(body: CollectBody) -> str:
    return "code" if body.code is not None else "token" if body.token is not None else str(body.checked_by)


def _taken(current: Current, lines: tuple[TakenLine, ...]) -> dict[str, int]:
    """Units taken of each line; lines not named are taken whole."""
    claims = {line["sku"]: line["claim"] for line in current.lines}
    taken = dict(claims)
    for line in lines:
        if line.sku not in claims:
            raise LinesDontFit(f"The reservation has no line with sku {line.sku}.", sku=line.sku)
        reserved = claims.pop(line.sku)
        if line.taken > reserved:
            raise LinesDontFit(f"Sku {line.sku}: {line.taken} taken, but only {reserved} are there.", sku=line.sku)
        taken[line.sku] = line.taken
    if not any(taken.values()):
        raise LinesDontFit("Nothing is taken: cancel the reservation instead.")
    return taken


async def undo(db: Connection, current: Current, body: UndoBody) -> Change:
    """Take a handover back, within 15 minutes of its being written: the units are on the pickup shelf again.

    Raises TooLate, and WrongState when some were returned since.
    """
    collected = await SQL["last_taken"].row(db, store=current.store, id=current.row["id"], action="collect")
    if collected is None or current.now > collected["at"] + UNDO_WITHIN:
        raise TooLate("A handover can be undone for 15 minutes; take a return instead.")
    if any(line["returned"] for line in current.lines):
        raise WrongState("Some of it was returned already.", state=current.state, possible_steps=["return"])
    lines = [
        LineChange(line["sku"], collected=-line["collected"], on_hand=line["collected"], reason="undo")
        for line in current.lines
        if line["collected"]
    ]
    collect_by = current.row["collect_by"]
    if collect_by is None or collect_by <= current.now:  # they had come after all: give them time again
        store = await stores.known(db, current.store)
        collect_by = promise.collect_by(store, current.now, None)
    sets = {"collected_at": None, "checked_by": None, "collect_by": collect_by}
    return Change(action="undo", lines=lines, sets=sets, facts={"reason": body.reason}, reality=True)


async def take_back(_db: Connection, current: Current, body: ReturnBody) -> Change:
    """Goods come back; what can be sold again is on hand again. Raises LinesDontFit."""
    left = {line["sku"]: line["collected"] - line["returned"] for line in current.lines}
    lines = []
    for line in body.lines:
        if line.quantity > left.get(line.sku, 0):
            raise LinesDontFit(
                f"Sku {line.sku}: {line.quantity} brought back, but {left.get(line.sku, 0)} are with the customer.",
                sku=line.sku,
            )
        left[line.sku] -= line.quantity
        lines.append(
            LineChange(line.sku, returned=line.quantity, on_hand=line.quantity if line.sellable else 0, reason="return")
        )
    facts = {"lines": [line.model_dump() for line in body.lines]}
    target = State.COLLECTED if any(left.values()) else State.RETURNED
    return Change(action="return", target=target, lines=lines, facts=facts, reality=True)


async def lapse(_db: Connection, _current: Current, _body: Nothing) -> Change:
    """Nobody came: the claim is released, the goods await put-back."""
    return Change(action="lapse", sets={"slot_starts_at": None})
