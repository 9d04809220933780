"""Codes and tokens: what a slip of the finger, a wrong layout or a forger makes of them."""

import itertools
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import codes
from service.codes import ALPHABET, Tokens

OLD, NEW = "o" * 40, "n" * 40
SYMBOLS = st.text(ALPHABET, min_size=5, max_size=5)


@given(SYMBOLS, st.integers(0, 5), st.sampled_from(ALPHABET))
def test_one_wrong_symbol_is_always_noticed(symbols: str, place: int, other: str) -> None:
    code = symbols + codes.check_symbol(symbols)
    wrong = code[:place] + other + code[place + 1 :]
    assert codes.is_code(wrong) == (wrong == code)


@given(SYMBOLS)
def test_two_swapped_symbols_are_always_noticed(symbols: str) -> None:
    code = symbols + codes.check_symbol(symbols)
    for first, second in itertools.combinations(range(6), 2):
        swapped = list(code)
        swapped[first], swapped[second] = swapped[second], swapped[first]
        assert codes.is_code("".join(swapped)) == ("".join(swapped) == code)


@given(st.text(max_size=40))
def test_whatever_is_typed_is_read_or_not_but_never_breaks(typed: str) -> None:
    codes.is_code(codes.normalise(typed))
    Tokens.read(typed)
    assert not Tokens((NEW,)).verify(typed, uuid4())


def test_a_code_is_typed_as_people_type() -> None:
    code = codes.new_code()
    assert codes.normalise(f" {code[:3].lower()}-{code[3:]} ") == code
    assert set(code) <= set(ALPHABET)


@given(st.integers(1, 23**4 - 1), SYMBOLS)
def test_a_token_says_which_store_and_code(number: int, symbols: str) -> None:
    code, id = symbols + codes.check_symbol(symbols), uuid4()
    tokens = Tokens((NEW,))
    token = tokens.make(number, code, id)
    assert len(token) == 24
    assert Tokens.read(token.lower()) == (number, code)
    assert tokens.verify(token.lower(), id)
    assert not tokens.verify(token, uuid4())


def test_any_changed_symbol_closes_a_token() -> None:
    id, tokens = uuid4(), Tokens((NEW,))
    token = tokens.make(42, codes.new_code(), id)
    for place in range(24):
        for other in set(ALPHABET) - {token[place]}:
            assert not tokens.verify(token[:place] + other + token[place + 1 :], id)


def test_keys_rotate() -> None:
    id = uuid4()
    before = Tokens((OLD,)).make(7, codes.new_code(), id)
    assert Tokens((NEW, OLD)).verify(before, id), "links that are out there still open"
    after = Tokens((NEW, OLD)).make(7, codes.new_code(), id)
    assert not Tokens((OLD,)).verify(after, id)
    assert not Tokens((NEW,)).verify(before, id), "and close once the old key is gone"


def test_keys_rotate_also_where_a_token_names_both_alike() -> None:
    """A token has one symbol for the name of its key, so one pair in 23 shares it."""
    id = uuid4()
    made = {key: Tokens((key,)).make(7, codes.new_code(), id) for key in (f"{n}" * 8 for n in range(10000, 10024))}
    seals = {key: Tokens((key,)).seal("a board") for key in made}
    both = Tokens(tuple(made))
    assert len({seal[0] for seal in seals.values()}) < len(made)
    assert all(both.verify(token, id) for token in made.values())
    assert all(both.sealed(seal, "a board") for seal in seals.values())
    assert both.make(7, "23456", id)[: -codes.MAC_SYMBOLS][-1] == seals[next(iter(made))][0]


@pytest.mark.parametrize("typed", ["", "A" * 24, "2" * 23, "2" * 25, "é" * 24])
def test_what_is_no_token_is_none(typed: str) -> None:
    assert Tokens.read(typed) is None
