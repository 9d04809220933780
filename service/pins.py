"""Clerks' PINs at rest: argon2id, under a secret that the database does not know."""

import asyncio
import hmac
from functools import cache
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from service.settings import Settings

_AT_ONCE = 2  # each takes 19 MiB and some hundredths of a second

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # what OWASP asks for at least


class Agreed(NamedTuple):
    """The PIN is right; `outdated`: it is kept under a secret that is on its way out."""

    outdated: bool


class Pins:
    """Makes and verifies what is kept of PINs.

    Whoever has only the table can't try its few thousand PINs: they have to be tried here, five at a time.
    """

    def __init__(self, settings: Settings) -> None:
        self._secrets = [key.get_secret_value().encode() for key in settings.token_keys]
        self._room = asyncio.Semaphore(_AT_ONCE)

    def _seasoned(self, pin: str, secret: bytes) -> bytes:
        return hmac.digest(secret, b"pin " + pin.encode(), "sha256")

    async def hash(self, pin: str) -> str:
        """What is kept of a PIN."""
        async with self._room:
            return await asyncio.to_thread(_HASHER.hash, self._seasoned(pin, self._secrets[0]))

    async def verify(self, pin: str, kept: str | None) -> Agreed | None:
        """Whether this is the PIN; where nothing is kept, it takes as long to say no."""
        async with self._room:
            return await asyncio.to_thread(self._verify, pin, kept)

    def _verify(self, pin: str, kept: str | None) -> Agreed | None:
        for turn, secret in enumerate(self._secrets):
            if _agrees(kept or _nobodys(), self._seasoned(pin, secret)) and kept is not None:
                return Agreed(outdated=turn > 0)
        return None


@cache
def _nobodys() -> str:
    return _HASHER.hash(b"nobody")


def _agrees(kept: str, seasoned: bytes) -> bool:
    try:
        return _HASHER.verify(kept, seasoned)
    except (VerifyMismatchError, InvalidHashError):
        return False
