"""The judge of histories is judged: what can have happened is explained, what can't is refused."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ordeal.linear import NEVER, Operation, explain


def op(name: str, units: int, asked: float, answered: float, *, done: bool = True) -> Operation:
    """One operation."""
    return Operation(name, units, done, asked, answered)


def test_one_after_the_other_is_explained_as_it_was() -> None:
    told = [op("a", 1, 0, 1), op("b", 1, 2, 3, done=False), op("back", -1, 4, 5), op("c", 1, 6, 7)]
    assert explain(1, told) == ["a", "b", "back", "c"]


def test_two_who_got_the_last_one_are_noticed() -> None:
    assert explain(1, [op("a", 1, 0, 5), op("b", 1, 1, 4)]) is None


def test_a_refusal_while_there_was_enough_all_the_time_is_noticed() -> None:
    assert explain(2, [op("a", 1, 0, 1), op("b", 1, 2, 3, done=False)]) is None
    assert explain(2, [op("a", 1, 0, 1), op("b", 1, 2, 3, done=False), op("c", 1, 4, 5)]) is None


def test_a_refusal_beside_who_took_the_last_one_is_explained() -> None:
    assert explain(1, [op("b", 1, 0, 3, done=False), op("a", 1, 1, 2)]) == ["a", "b"]


def test_what_was_given_back_later_can_not_be_sold_before() -> None:
    assert explain(1, [op("a", 1, 0, 1), op("b", 1, 2, 3), op("back", -1, 4, 5)]) is None
    assert explain(1, [op("a", 1, 0, 1), op("b", 1, 2, 5), op("back", -1, 4, 6)]) == ["a", "back", "b"]


def test_who_never_got_an_answer_may_have_been_served_at_any_later_time() -> None:
    unknown = op("lost", 1, 0, NEVER)
    assert explain(1, [unknown, op("a", 1, 1, 2, done=False)]) == ["lost", "a"]
    assert explain(1, [unknown, op("a", 1, 1, 2), op("back", -1, 3, 4), op("b", 1, 5, 6, done=False)]) is not None
    assert explain(1, [op("a", 1, 1, 2, done=False), op("lost", 1, 3, NEVER)]) is None, "and at no earlier one"


def lived(seed: int, stock: int, number: int) -> list[Operation]:
    """A history that did happen: each took effect at one moment, was asked some time before and answered after it."""
    chance = random.Random(seed)
    held: list[int] = []
    told: list[Operation] = []
    left = stock
    for n in range(number):
        asked, answered = n - chance.expovariate(0.3), n + chance.expovariate(0.3)
        if held and chance.random() < 0.4:
            units = -held.pop(chance.randrange(len(held)))
            done = True
        else:
            units = chance.randint(1, 3)
            done = left >= units
            held += [units] if done else []
        left -= units if done else 0
        told.append(op(str(n), units, asked, answered, done=done))
    return told


@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_whatever_did_happen_is_explained(seed: int, stock: int, number: int) -> None:
    assert explain(stock, lived(seed, stock, number)) is not None


@given(st.integers(0, 2**32), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_one_unit_more_than_there_was_is_never_explained(seed: int, stock: int) -> None:
    chance = random.Random(seed)
    sold = [op(str(n), 1, (asked := chance.random()), asked + chance.random()) for n in range(stock + 1)]
    assert explain(stock, sold) is None
