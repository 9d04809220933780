"""Sessions of the administration: begun with a key that is typed once, known by a cookie from then on."""

import hmac
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from service import keys, queries
from service.callers import Caller, Scope
from service.database import Connection
from service.errors import Unauthorized
from service.messages.spelling import Language

SQL = queries.load("admin_sessions")

HOURS = 12


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody in the administration: what they may do, what their key is called, and which language they read."""

    id: str
    caller: Caller
    name: str
    language: Language
    zone: ZoneInfo  # of all stores that they may see, or UTC

    def may(self, *scopes: Scope) -> bool:
        """Whether any of these is theirs."""
        return not self.caller.scopes.isdisjoint(scopes)


async def begin(db: Connection, caller: Caller, *, language: Language) -> str:
    """Let the holder of a key in; what their cookie says is told this once. Raises Unauthorized."""
    id, secret = keys.new_id(), keys.new_secret()
    key = caller.credential.removeprefix("key:")
    if await SQL["begin"].row(db, id=id, secret_hash=keys.digest(secret), key=key, language=language) is None:
        raise Unauthorized
    return keys.spell(id, secret, prefix=keys.VISIT)


async def find(db: Connection, text: str) -> Visit | None:
    """Who this cookie stands for, where their key still opens and the session is not over."""
    parts = keys.read(text, prefix=keys.VISIT)
    row = await SQL["living"].row(db, id=parts[0]) if parts else None
    if parts is None or row is None or not hmac.compare_digest(keys.digest(parts[1]), row["secret_hash"]):
        return None
    caller = Caller(
        f"key:{row['key']}",
        frozenset(Scope(scope) for scope in row["scopes"]),
        None if row["stores"] is None else frozenset(row["stores"]),
    )
    return Visit(parts[0], caller, row["name"], row["language"], ZoneInfo(row["time_zone"] or "UTC"))


async def speak(db: Connection, visit: Visit, language: Language) -> None:
    """Go on in another language."""
    await SQL["speak"].run(db, id=visit.id, language=language)


async def end(db: Connection, visit: Visit) -> None:
    """Leave."""
    await SQL["end"].run(db, id=visit.id)
