"""Keys: made, listed, revoked, and recognised when they knock."""

import asyncio
import hashlib
import hmac
import secrets
import string
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from service import audit, queries
from service.callers import OPERATOR, Caller, Scope
from service.database import Connection, Pool, connection
from service.errors import InvalidRequest, Unauthorized, UnknownKey
from service.models.keys import Key, KeyPage

SQL = queries.load("keys")

FRESH_SECONDS = 5  # how long a revoked key may still be believed

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY, DEVICE, SESSION, VISIT = "ck", "cd", "cs", "cv"
"""How the secret of a key, of a device, of a clerk at work, and of somebody in the administration begins."""

_ID_LENGTH = 12
_SECRET_LENGTH = 43  # 256 bits
_CHECK_LENGTH = 6
_NOBODYS = hashlib.sha256(b"").digest()
_MOST_REMEMBERED = 10_000
_UNKNOWN = "This key is not known here, or no longer."


def _draw(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _check(text: str) -> str:
    """Six symbols by which a typo, or a find of a scanner for leaked secrets, is told without asking the database."""
    number, symbols = zlib.crc32(text.encode()), ""
    for _ in range(_CHECK_LENGTH):
        number, value = divmod(number, len(_ALPHABET))
        symbols = _ALPHABET[value] + symbols
    return symbols


def new_id() -> str:
    """Draw the part that is no secret."""
    return _draw(_ID_LENGTH)


def new_secret() -> str:
    """Draw the part that is one."""
    return _draw(_SECRET_LENGTH)


def digest(secret: str) -> bytes:
    """What is kept of a secret: it has 256 bits, so a plain hash can't be turned back."""
    return hashlib.sha256(secret.encode()).digest()


def spell(id: str, secret: str, *, prefix: str = KEY) -> str:
    """Spell a key as its owner sends it: ck_<id>_<secret>_<check>."""
    text = f"{prefix}_{id}_{secret}"
    return f"{text}_{_check(text)}"


def read(text: str, *, prefix: str = KEY) -> tuple[str, str] | None:
    """The id and the secret in a key, or None where it can't be one."""
    if not text.isascii():
        return None
    body, _, check = text.rpartition("_")
    kind, *parts = body.split("_")
    if kind != prefix or [len(part) for part in parts] != [_ID_LENGTH, _SECRET_LENGTH] or check != _check(body):
        return None
    return parts[0], parts[1]


async def create(
    db: Connection,
    name: str,
    scopes: Iterable[Scope],
    *,
    stores: Iterable[str] | None = None,
    caller: Caller = OPERATOR,
) -> tuple[Key, str]:
    """Make a key; the text beside it is shown once and kept nowhere. Raises InvalidRequest for an unknown store."""
    bound = None if stores is None else sorted(stores)
    await refuse_unknown_stores(db, bound or [])
    id, secret = new_id(), new_secret()
    row = await SQL["create"].row(db, id=id, secret_hash=digest(secret), name=name, scopes=sorted(scopes), stores=bound)
    assert row is not None  # noqa: S101 -- an insert returns its row
    await audit.note(db, caller, "key.created", id, facts={"scopes": row["scopes"], "stores": bound})
    return Key(**row), spell(id, secret)


async def refuse_unknown_stores(db: Connection, stores: Iterable[str]) -> None:
    """Raise InvalidRequest where something is bound to stores that are none."""
    if unknown := [row["id"] for row in await SQL["unknown_stores"].rows(db, stores=list(stores))]:
        fault = {"pointer": "/stores", "code": "unknown_store", "message": f"there is no store {', '.join(unknown)}"}
        raise InvalidRequest(f"There is no store {', '.join(unknown)}.", errors=[fault])


async def listed(db: Connection, caller: Caller, *, after: str | None = None, limit: int = 50) -> KeyPage:
    """Keys in the order they were made, revoked ones too; a caller of some stores sees the keys of those alone."""
    rows = await SQL["listed"].rows(db, after=after, stores=reach(caller), limit=limit + 1)
    found = [Key(**row) for row in rows[:limit]]
    return KeyPage(items=found, next_cursor=found[-1].id if len(rows) > limit else None)


async def revoke(db: Connection, id: str, *, caller: Caller) -> Key:
    """Let a key open nothing from now on; every process knows it after five seconds. Raises UnknownKey."""
    row = await SQL["revoke"].row(db, id=id, stores=reach(caller))
    if row is None:
        raise UnknownKey
    await audit.note(db, caller, "key.revoked", id)
    return Key(**row)


def reach(caller: Caller) -> list[str] | None:
    """The stores of a caller for a statement; None: every store."""
    return None if caller.stores is None else sorted(caller.stores)


@dataclass(slots=True)
class _Living:
    """A key or a device as the database knew it a moment ago."""

    secret_hash: bytes
    caller: Caller
    unnoted: bool
    read_at: float


class Keyring:
    """Recognises keys and devices, and believes for five seconds what the database said of one."""

    _KINDS: ClassVar = {KEY: ("key", SQL), DEVICE: ("device", queries.load("devices"))}

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[tuple[str, str], _Living] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[_Living | None]] = {}

    def _read(self, text: str) -> tuple[tuple[str, str], str] | None:
        prefix = text[:2]
        parts = read(text, prefix=prefix) if prefix in self._KINDS else None
        return ((prefix, parts[0]), parts[1]) if parts else None

    def recognise(self, text: str) -> Caller | None:
        """Who holds this key, where that was asked of the database a moment ago; None: ask it."""
        parts = self._read(text)
        living = self._known.get(parts[0]) if parts else None
        if parts is None or living is None or living.unnoted or time.monotonic() - living.read_at > FRESH_SECONDS:
            return None
        return living.caller if hmac.compare_digest(digest(parts[1]), living.secret_hash) else None

    def is_stranger(self, text: str) -> bool:
        """Whether this is spelled as a key, but of nobody whom this process knows: the database has to be asked."""
        parts = self._read(text)
        return parts is not None and parts[0] not in self._known

    async def authenticate(self, text: str) -> Caller:
        """Who holds this key. Raises Unauthorized, in the same words whatever is wrong with it."""
        parts = self._read(text)
        if parts is None:
            raise Unauthorized(_UNKNOWN)
        name, secret = parts
        living = self._known.get(name)
        if living is None or time.monotonic() - living.read_at > FRESH_SECONDS:
            living = await self._ask(name)
        expected = living.secret_hash if living else _NOBODYS
        if not hmac.compare_digest(digest(secret), expected) or living is None:
            raise Unauthorized(_UNKNOWN)
        if living.unnoted:
            living.unnoted = False
            async with connection(self._pool) as db:
                await self._KINDS[name[0]][1]["note_use"].run(db, id=name[1])
        return living.caller

    async def _ask(self, name: tuple[str, str]) -> _Living | None:
        """Ask the database once for everybody who asks at the same time; who gives up leaves the others waiting."""
        task = self._asking.get(name)
        if task is None:
            task = self._asking[name] = asyncio.create_task(self._find(name))
            task.add_done_callback(lambda _: self._asking.pop(name, None))
        return await asyncio.shield(task)

    async def _find(self, name: tuple[str, str]) -> _Living | None:
        asked_at = time.monotonic()
        kind, statements = self._KINDS[name[0]]
        async with connection(self._pool) as db:
            row = await statements["living"].row(db, id=name[1])
        self._known.pop(name, None)
        if row is None:
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        caller = Caller(
            credential=f"{kind}:{name[1]}",
            scopes=frozenset(Scope(scope) for scope in row["scopes"]),
            stores=None if row["stores"] is None else frozenset(row["stores"]),
        )
        living = self._known[name] = _Living(row["secret_hash"], caller, row["unnoted"], asked_at)
        return living
