"""Whether what callers were told of one position can have happened one after the other: Wing and Gong's search.

Each operation took effect at one moment between its question and its answer, or the history is refused. A position is
a counter: `left` units; a hold that was acknowledged took some, one that was refused found too few, a cancellation gave
them back. Who never got an answer may have been served at any later moment; the database tells at the end whether.
"""

from collections.abc import Sequence
from dataclasses import dataclass

NEVER = float("inf")

MOST_STEPS = 500_000


@dataclass(frozen=True, slots=True)
class Operation:
    """What one caller asked of one position: `units` below zero are given back; `done` false is a refusal."""

    name: str
    units: int
    done: bool
    asked: float
    answered: float = NEVER


class Undecided(Exception):  # noqa: N818 -- named for what is so
    """There are more orders than anybody wants to try."""


def explain(units: int, operations: Sequence[Operation]) -> list[str] | None:
    """One order in which all of this can have happened to a position that began with `units`; None: there is none.

    An operation may come next when no other one that is still to come was answered before it was asked. Refusals
    change nothing, so whichever can come now comes now. Of the others those answered first are tried first; a set
    of them that once led nowhere is not tried again, for what is left depends on nothing else. Raises Undecided.
    """
    waiting = sorted(operations, key=lambda one: one.asked)
    order: list[int] = []
    done: set[int] = set()
    hopeless: set[frozenset[int]] = set()
    left = units
    trail: list[
        tuple[int, list[int]]
    ] = []  # how many had come before each choice, and what else could have been chosen
    for _ in range(MOST_STEPS):
        ready = _ready(waiting, done)
        free = [n for n in ready if not waiting[n].done and left < waiting[n].units]
        choices = [n for n in ready if waiting[n].done and left >= waiting[n].units]
        if free:
            order += free
            done.update(free)
            continue
        if all(one.answered == NEVER or n in done for n, one in enumerate(waiting)):
            return [waiting[n].name for n in order]
        chosen = sorted(choices, key=lambda n: -waiting[n].answered)
        if not chosen or frozenset(done) in hopeless:
            hopeless.add(frozenset(done))
            back = _back(trail, order, done, waiting)
            if back is None:
                return None
            left += back
            continue
        trail.append((len(order), chosen[:-1]))
        order.append(chosen[-1])
        done.add(chosen[-1])
        left -= waiting[chosen[-1]].units
    raise Undecided


def _ready(waiting: Sequence[Operation], done: set[int]) -> list[int]:
    """Which can come next: those asked before any other one that is still to come was answered."""
    found: list[int] = []
    first_answer = NEVER
    for n, one in enumerate(waiting):
        if one.asked > first_answer:
            break
        if n not in done:
            found.append(n)
            first_answer = min(first_answer, one.answered)
    return [n for n in found if waiting[n].asked <= first_answer]


def _back(
    trail: list[tuple[int, list[int]]], order: list[int], done: set[int], waiting: Sequence[Operation]
) -> int | None:
    """Go back to the last choice with something left to try, and take that; by what `left` grows, if there is one."""
    grown = 0
    while trail:
        length, others = trail.pop()
        for n in order[length:]:
            done.discard(n)
            grown += waiting[n].units if waiting[n].done else 0
        del order[length:]
        if others:
            trail.append((length, others[:-1]))
            order.append(others[-1])
            done.add(others[-1])
            return grown - waiting[others[-1]].units
    return None
