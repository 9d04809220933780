"""Stock as it travels in JSON: what was counted, what happened, what there is and why."""

from collections import Counter
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator
from pydantic import StringConstraints as Text

from service.lifecycle import State
from service.models.fields import MOST_UNITS, Asked, Moment, OrderRef, Sku, Told, Units
from service.models.hours import Reachable

MOST_MOVEMENTS = 1000
MOST_LISTED = 200


def _whole_but_zero(value: Any) -> Any:
    if isinstance(value, (bool, str)) or value == 0:
        raise ValueError("give a whole number that is not zero")
    return value


Delta = Annotated[
    int,
    BeforeValidator(_whole_but_zero),
    Field(ge=-MOST_UNITS, le=MOST_UNITS, description="units that came (or left, below zero)", examples=[-1]),
]
Reason = Annotated[
    str,
    Text(pattern=r"^[a-z][a-z0-9_]{0,31}$"),
    Field(description="a word of yours: sale, return, delivery, transfer, loss …", examples=["sale"]),
]
Reference = Annotated[
    str,
    Text(min_length=1, max_length=128),
    Field(description="your own name for it, unique per store and sku: the same again changes nothing"),
]
AsOf = Annotated[Reachable, Field(description="when it was counted; at most a minute ahead of us")]


class CountBody(Asked):
    """How many units were counted on the premises, the pickup shelf included, and when."""

    on_hand: Units
    safety_stock: Annotated[Units | None, Field(description="never promised; left out: as it was")] = None
    as_of: AsOf


class Count(CountBody):
    """A count and the sku that was counted."""

    sku: Sku


class Movement(Asked):
    """Units that came or left, as a source tells it."""

    sku: Sku
    delta: Delta
    reason: Reason
    reference: Reference
    happened_at: Annotated[Reachable | None, Field(description="left out: now")] = None
    order_ref: Annotated[OrderRef | None, Field(description="units of an order that we handed over count once")] = None


class MovementsBody(Asked):
    """Movements of one store, recorded all or not at all."""

    movements: Annotated[tuple[Movement, ...], Field(min_length=1, max_length=MOST_MOVEMENTS)]

    @model_validator(mode="after")
    def names_each_once(self) -> "MovementsBody":
        """Refuse two movements of one name: nobody could say whether they are one."""
        times = Counter((movement.reference, movement.sku) for movement in self.movements)
        for (reference, sku), count in times.items():
            if count > 1:
                raise ValueError(f"reference {reference!r} names sku {sku!r} {count} times: sum them into one")
        return self


class Recorded(Told):
    """What became of one movement: `recorded` false if it was told before, `on_hand_change` as the ledger has it."""

    sku: str
    reference: str
    recorded: bool
    on_hand_change: int


class Position(Told):
    """What one store has of one sku; holds whose time is up count as available."""

    store: str
    sku: str
    on_hand: int
    reserved: int
    safety_stock: int
    available: int
    shortfall: int
    as_of: Moment | None
    version: int


class MovementsTold(Told):
    """What became of each movement, in the order sent, and the positions as they stand after them."""

    movements: list[Recorded]
    positions: list[Position]


class Endangered(Told):
    """A reservation that claims units which are missing."""

    id: UUID
    order_ref: str
    state: State
    units: int


class PositionTold(Position):
    """A position, and the reservations that its shortfall endangers, the newest first to suffer."""

    endangered: list[Endangered]


class Positions(Told):
    """A page of positions; `next_cursor` asks for the next one."""

    items: list[Position]
    next_cursor: str | None


class LedgerLine(Told):
    """One movement as the ledger keeps it. `stated_change`: what the source said, where we knew better."""

    id: int
    on_hand_change: int
    reserved_change: int
    stated_change: int | None
    reason: str
    reservation: UUID | None
    reference: str | None
    order_ref: str | None
    actor: str
    happened_at: Moment
    recorded_at: Moment


class ReasonTold(Told):
    """What all movements of one reason did to a position."""

    reason: str
    movements: int
    on_hand: int
    reserved: int


class Why(Told):
    """Why a position is what it is: `reasons` add up to it; `due_holds` units of its reserved are available already."""

    position: Position
    due_holds: int
    reasons: list[ReasonTold]
    items: list[LedgerLine]
    next_cursor: str | None


Limit = Annotated[int, Field(ge=1, le=MOST_LISTED)]


class PositionsQuery(Asked):
    """Which positions of a store."""

    sku: Sku | None = None
    below: Annotated[int | None, Field(ge=0, le=MOST_UNITS, description="less than this is available")] = None
    limit: Limit = 50
    cursor: Annotated[str, Text(min_length=1, max_length=64)] | None = None


class MovementsQuery(Asked):
    """Which lines of the ledger, the newest first."""

    limit: Limit = 50
    cursor: Annotated[str, Text(pattern=r"^[0-9]{1,18}$")] | None = None
