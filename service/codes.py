"""Pickup codes and customers' tokens: made, read, verified.

The alphabet holds nothing that a keyboard layout swaps and nothing that the eye takes for another:
a scanner set to the wrong country still types it right.
"""

import hashlib
import hmac
import os
from typing import NamedTuple
from uuid import UUID

ALPHABET = "23456789BCDFGHJKNPRSTVX"
CODE_SYMBOLS = 5
CODE_LENGTH = CODE_SYMBOLS + 1
STORE_SYMBOLS = 4
MAC_SYMBOLS = 14
TOKEN_LENGTH = STORE_SYMBOLS + CODE_SYMBOLS + 1 + MAC_SYMBOLS

_BASE = len(ALPHABET)  # 23, a prime: that is why the check symbol catches every swap
_VALUE = {symbol: value for value, symbol in enumerate(ALPHABET)}


def _spell(number: int, length: int) -> str:
    symbols = ""
    for _ in range(length):
        number, value = divmod(number, _BASE)
        symbols = ALPHABET[value] + symbols
    return symbols


def _read(symbols: str) -> int:
    number = 0
    for symbol in symbols:
        number = number * _BASE + _VALUE[symbol]
    return number


def normalise(typed: str) -> str:
    """What was meant: capitals, without spaces and dashes."""
    return typed.upper().replace(" ", "").replace("-", "")


def same(typed: str, kept: str | None) -> bool:
    """Whether a code or token is the one that is kept, in a time that tells nothing of how much of it is right."""
    return kept is not None and hmac.compare_digest(normalise(typed).encode(), kept.encode())


def check_symbol(symbols: str) -> str:
    """The sixth symbol: any one wrong symbol and any two swapped ones are noticed (weights 1 to 6, sum 0 modulo 23)."""
    total = sum(weight * _VALUE[symbol] for weight, symbol in enumerate(symbols, 1))
    return ALPHABET[-total * pow(CODE_LENGTH, -1, _BASE) % _BASE]


def new_code() -> str:
    """Draw a pickup code: five random symbols and their check symbol."""
    drawn = int.from_bytes(os.urandom(8), "big") % _BASE**CODE_SYMBOLS  # of 2^64: no code is likelier by 10^-12
    symbols = _spell(drawn, CODE_SYMBOLS)
    return symbols + check_symbol(symbols)


def is_code(symbols: str) -> bool:
    """Whether this can be a pickup code: its symbols exist and its check symbol agrees."""
    return (
        len(symbols) == CODE_LENGTH
        and all(symbol in _VALUE for symbol in symbols)
        and check_symbol(symbols[:CODE_SYMBOLS]) == symbols[CODE_SYMBOLS]
    )


def is_proof(typed: str) -> bool:
    """Whether this can be a pickup code or a customer's token, whatever it opens."""
    symbols = normalise(typed)
    return is_code(symbols) or Tokens.read(symbols) is not None


class Token(NamedTuple):
    """What a customer's token says: the store's number and the pickup code it stands for."""

    store_number: int
    code: str


class Tokens:
    """Makes and verifies customers' tokens: 4 symbols of store number, 5 of code, 1 naming the key, 14 of MAC.

    The MAC covers the reservation's id, so a code that is used again later opens nothing with an old token,
    and who knows the code doesn't know the token.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys: dict[str, list[bytes]] = {}  # two keys may have the same name
        for key in keys:
            self._keys.setdefault(self._name(key), []).append(key.encode())
        self._signing = self._name(keys[0])

    @staticmethod
    def _name(key: str) -> str:
        return ALPHABET[hashlib.sha256(b"name of " + key.encode()).digest()[0] % _BASE]

    def _macs(self, name: str, said: str) -> list[str]:
        """What each key of that name makes of it, the signing one first."""
        digests = [hmac.digest(key, said.encode(), "sha256") for key in self._keys.get(name, ())]
        return [_spell(int.from_bytes(digest, "big"), MAC_SYMBOLS) for digest in digests]

    def _is_signed(self, name: str, mac: str, said: str) -> bool:
        return any(hmac.compare_digest(mac, made) for made in self._macs(name, said))

    def make(self, store_number: int, code: str, reservation: UUID) -> str:
        """Spell the token of a reservation."""
        mac = self._macs(self._signing, _token(store_number, code, reservation))[0]
        return _spell(store_number, STORE_SYMBOLS) + code[:CODE_SYMBOLS] + self._signing + mac

    @staticmethod
    def read(typed: str) -> Token | None:
        """What a token claims, or None where it is none; `verify` says whether it is true."""
        symbols = normalise(typed)
        if len(symbols) != TOKEN_LENGTH or not all(symbol in _VALUE for symbol in symbols):
            return None
        code = symbols[STORE_SYMBOLS : STORE_SYMBOLS + CODE_SYMBOLS]
        return Token(_read(symbols[:STORE_SYMBOLS]), code + check_symbol(code))

    def verify(self, typed: str, reservation: UUID) -> bool:
        """Whether this token was made here for that reservation, with a key that still counts."""
        symbols = normalise(typed)
        claimed = self.read(symbols)
        if claimed is None:
            return False
        name, mac = symbols[STORE_SYMBOLS + CODE_SYMBOLS], symbols[-MAC_SYMBOLS:]
        return self._is_signed(name, mac, _token(claimed.store_number, claimed.code, reservation))

    def seal(self, said: str) -> str:
        """Sign something that is no reservation: 1 symbol naming the key, 14 of MAC."""
        return self._signing + self._macs(self._signing, _seal(said))[0]

    def sealed(self, typed: str, said: str) -> bool:
        """Whether this seal was made here for that, with a key that still counts."""
        symbols = normalise(typed)
        if len(symbols) != 1 + MAC_SYMBOLS or not symbols.isascii():
            return False
        return self._is_signed(symbols[0], symbols[1:], _seal(said))


def _token(store_number: int, code: str, reservation: UUID) -> str:
    return f"{store_number}:{code}:{reservation}"


def _seal(said: str) -> str:
    return f"seal of {said}"
