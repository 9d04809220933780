"""The life of a reservation: its states, and every step from one to another.

Written once here. The API makes its endpoints from it, the operations take their steps from it, and tests compare
the database's constraint `step_is_lawful`, its function `possible_steps` and the diagram in docs/lifecycle.md with it.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a reservation stands."""

    HELD = "held"  # the stock is set aside while the customer pays
    CONFIRMED = "confirmed"  # paid, or to be paid in the store
    PICKING = "picking"  # someone in the store is fetching the goods
    READY = "ready"  # on the pickup shelf; not handed over
    COLLECTED = "collected"  # handed over: the stock has left
    RETURNED = "returned"  # all of it was brought back
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # never paid
    UNCOLLECTED = "uncollected"  # nobody came


class Who(StrEnum):
    """Who may take a step."""

    CHECKOUT = "checkout"
    COUNTER = "counter"
    CUSTOMER = "customer"
    CLOCK = "clock"


CLAIMING = frozenset({State.HELD, State.CONFIRMED, State.PICKING, State.READY})
"""The states in which lines claim stock."""

STANDING = frozenset(set(State) - {State.CANCELLED, State.EXPIRED, State.UNCOLLECTED})
"""The states in which an order has its one reservation."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the lifecycle: what it is called, from where to where, who may, and the event that tells of it."""

    action: str
    sources: tuple[State, ...]  # empty: the beginning
    targets: tuple[State, ...]  # the usual one first
    by: frozenset[Who]
    event: str
    stock: str  # what it does to stock, in words

    @property
    def target(self) -> State:
        """Where the step usually leads."""
        return self.targets[0]

    def lawful(self) -> list[tuple[str, str, str]]:
        """Every (action, source, target) that this step allows; the source of the first step is ''."""
        return [(self.action, source, target) for source in self.sources or ("",) for target in self.targets]


_SHOP = frozenset({Who.CHECKOUT, Who.COUNTER})
_COUNTER = frozenset({Who.COUNTER})

STEPS: dict[str, Step] = {
    step.action: step
    for step in (
        Step("hold", (), (State.HELD,), _SHOP, "held", "reserved + quantity"),
        Step(
            "confirm",
            (State.HELD, State.EXPIRED),
            (State.CONFIRMED,),
            _SHOP,
            "confirmed",
            "none; from expired: reserved + quantity",
        ),
        Step("pick", (State.CONFIRMED,), (State.PICKING,), _COUNTER, "picking", "none"),
        Step(
            "shelve",
            (State.PICKING,),
            (State.READY,),
            _COUNTER,
            "ready",
            "per unit not found or damaged: on_hand - 1, reserved - 1; sold: reserved - 1",
        ),
        Step("unshelve", (State.READY,), (State.PICKING,), _COUNTER, "picking", "none"),
        Step(
            "collect",
            (State.READY, State.UNCOLLECTED),
            (State.COLLECTED,),
            _COUNTER,
            "collected",
            "taken: on_hand - 1, reserved - 1; refused: reserved - 1; from uncollected: on_hand - 1",
        ),
        Step("undo", (State.COLLECTED,), (State.READY,), _COUNTER, "collect_undone", "what collect did, backwards"),
        Step(
            "return",
            (State.COLLECTED,),
            (State.RETURNED, State.COLLECTED),
            _COUNTER,
            "returned",
            "on_hand + 1 per unit that can be sold again",
        ),
        Step(
            "cancel",
            (State.HELD, State.CONFIRMED, State.PICKING, State.READY),
            (State.CANCELLED,),
            _SHOP | {Who.CUSTOMER},
            "cancelled",
            "the claim is released",
        ),
        Step("expire", (State.HELD,), (State.EXPIRED,), frozenset({Who.CLOCK}), "expired", "the claim is released"),
        Step(
            "lapse",
            (State.READY,),
            (State.UNCOLLECTED,),
            frozenset({Who.CLOCK, Who.COUNTER}),
            "uncollected",
            "the claim is released; the goods await put-back",
        ),
    )
}

TAKEN_BEFORE: dict[str, frozenset[State]] = {
    "confirm": frozenset({State.CONFIRMED, State.PICKING, State.READY, State.COLLECTED, State.RETURNED}),
    "pick": frozenset({State.PICKING, State.READY, State.COLLECTED, State.RETURNED}),
    "shelve": frozenset({State.READY, State.COLLECTED, State.RETURNED}),
    "unshelve": frozenset({State.PICKING}),
    "collect": frozenset({State.COLLECTED, State.RETURNED}),
    "undo": frozenset({State.READY}),
    "cancel": frozenset({State.CANCELLED}),
    "lapse": frozenset({State.UNCOLLECTED}),
    "expire": frozenset({State.EXPIRED}),
}
"""States in which a step's effect still stands, so that repeating it changes nothing and is no error."""


def possible_steps(state: State) -> list[str]:
    """What a caller can do next, in the order of life; the clock's own steps are left out."""
    return [step.action for step in STEPS.values() if state in step.sources and step.by != {Who.CLOCK}]


def diagram() -> str:
    """Draw the lifecycle as a Mermaid state diagram."""
    arrows = ["stateDiagram-v2"]
    for step in STEPS.values():
        arrows += [f"    {source or '[*]'} --> {target}: {action}" for action, source, target in step.lawful()]
    return "\n".join(arrows) + "\n"
