"""Personal data at rest: sealed before it is written, opened just before it leaves.

A sealed text is a mark that ends up in no form field, the name of its key, for addresses and phones a digest by which
they are found again, and the ciphertext. What it belongs to, its field and its reservation, is part of the seal: moved
elsewhere, it opens nothing. Texts without the mark pass through as they are.
"""

import base64
import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = "\ufdd0"  # a noncharacter: Unicode keeps it for the inside of programs
NAME_LENGTH = 4
DIGEST_LENGTH = 16  # 96 bits
PREFIX_LENGTH = len(MARK) + NAME_LENGTH + DIGEST_LENGTH  # of what is found again; two indexes know it too
NONCE_BYTES = 12

FOUND_AGAIN = frozenset({"email", "phone"})
"""The fields that are looked for by their content: who asks to be forgotten, and who writes back."""

FIELDS = {"email": "email", "company": "company", "note": "note", "delegate_name": "name", "delegate_phone": "phone"}
"""What is sealed of a reservation: the column, and its name in JSON, which is what the seal knows."""

_ID = '"id"'
_WHOSE = re.compile(r'"id" ?: ?"([0-9a-f-]{36})"')
_NAMED = re.compile(r'"(\w+)" ?: ?"$')
_LONGEST_NAME = 24
_SEALED = re.compile(f"{MARK}[A-Za-z0-9_-]{{4,20}}\\.[A-Za-z0-9_-]+")


class Unreadable(ValueError):  # noqa: N818 -- named for what is so
    """A sealed text that none of the keys opens, or not in this place."""


class _Key:
    """One key of the settings, and what is derived from it: each use has its own."""

    def __init__(self, secret: str) -> None:
        def derived(use: bytes) -> bytes:
            return hmac.digest(secret.encode(), use, "sha256")

        self.name = _spell(hashlib.sha256(b"name of " + derived(b"name")).digest())[:NAME_LENGTH]
        self.cipher = AESGCM(derived(b"seal"))
        self.digest = derived(b"find")
        self.history = derived(b"history")


def _spell(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Sealer:
    """Seals with the first key, opens with all of them."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = {key.name: key for key in map(_Key, reversed(keys))}
        self._first = _Key(keys[0])

    def close(self, field: str, text: str | None, reservation: UUID) -> str | None:
        """Seal a field of a reservation; None stays None."""
        if text is None:
            return None
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._first.cipher.encrypt(nonce, text.encode(), f"{field}:{reservation}".encode())
        digest = self._digest(self._first, text) if field in FOUND_AGAIN else ""
        return f"{MARK}{self._first.name}{digest}.{_spell(nonce + sealed)}"

    def read(self, field: str, text: str, reservation: UUID | str) -> str:
        """Open one text. Raises Unreadable."""
        if not text.startswith(MARK):
            return text
        head, _, tail = text.partition(".")
        key = self._keys.get(head[len(MARK) : len(MARK) + NAME_LENGTH])
        try:
            raw = base64.urlsafe_b64decode(tail + "=" * (-len(tail) % 4))
            if key is None or len(raw) < NONCE_BYTES:
                raise Unreadable
            opened = key.cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], f"{field}:{reservation}".encode())
        except (InvalidTag, ValueError):
            raise Unreadable(f"A {field} of {reservation} is sealed, and no key of DATA_KEYS opens it.") from None
        return opened.decode()

    def open(self, told: str) -> str:
        """Open what is sealed in reservations as JSON; what can't be opened stays as it is, and tells nothing."""
        return self._each(told, self._opened) if MARK in told else told

    def renew(self, told: str) -> str:
        """The same JSON, sealed with the first key."""
        return self._each(told, self._renewed) if MARK in told else told

    def closed(self, columns: dict[str, object], reservation: UUID) -> dict[str, object]:
        """The same columns of a reservation, with what is personal sealed."""
        return columns | {
            column: self.close(FIELDS[column], text, reservation)
            for column, text in columns.items()
            if column in FIELDS and isinstance(text, str)
        }

    def is_newest(self, text: str) -> bool:
        """Whether a text is sealed with the first key."""
        return text.startswith(f"{MARK}{self._first.name}")

    def prefixes(self, address: str) -> list[str]:
        """How this e-mail address or phone begins where it is sealed, with each key: by these it is found."""
        return [f"{MARK}{key.name}{self._digest(key, address)}" for key in self._keys.values()]

    def sign(self, said: bytes) -> tuple[str, bytes]:
        """Sign what a seal says of history with the first key: the key's name, and the signature."""
        return self._first.name, hmac.digest(self._first.history, said, "sha256")

    def verify(self, said: bytes, name: str, signature: bytes) -> bool:
        """Whether this was signed here, with a key that still counts."""
        key = self._keys.get(name)
        return key is not None and hmac.compare_digest(hmac.digest(key.history, said, "sha256"), signature)

    @staticmethod
    def _digest(key: _Key, address: str) -> str:
        return _spell(hmac.digest(key.digest, address.strip().lower().encode(), "sha256"))[:DIGEST_LENGTH]

    def _opened(self, field: str, text: str, reservation: str) -> str:
        return json.dumps(self.read(field, text, reservation), ensure_ascii=False)[1:-1]

    def _renewed(self, field: str, text: str, reservation: str) -> str:
        if self.is_newest(text):
            return text
        return self.close(field, self.read(field, text, reservation), UUID(reservation)) or ""

    @staticmethod
    def _each(told: str, change: Callable[[str, str, str], str]) -> str:
        """Change every sealed text in JSON: the name before it says its field, the nearest id before it whose it is."""

        def changed(found: re.Match[str]) -> str:
            start = found.start()
            named = _NAMED.search(told, max(0, start - _LONGEST_NAME), start)
            whose = _WHOSE.match(told, max(0, told.rfind(_ID, 0, start)))
            try:
                return change(named[1], found[0], whose[1]) if named and whose else found[0]
            except ValueError:
                return found[0]

        return _SEALED.sub(changed, told)
