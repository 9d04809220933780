"""Asks a carrier's HTTP API, and tells apart what did not go out, and what nobody knows."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import aiohttp

from service.messages.letters import Letter
from workers.providers.carrier import InDoubt, NotNow

SECONDS = 15.0  # for an answer, from the name to its last byte
CLOCKS_APART = timedelta(seconds=60)  # theirs and ours, at most
CONNECTING_SECONDS = 5.0
LONGEST_ANSWER = 256 * 1024  # bytes

_NOT_NOW = frozenset({408, 425, 429, 500, 503})  # it says that it did not do it
_NOBODY_KNOWS = frozenset({502, 504})  # somebody in between says that it did not answer
_DONE = range(200, 300)
_ELSEWHERE = range(300, 400)  # nobody goes there: a message is for whom the settings name


class Said(NamedTuple):
    """What the carrier said: its status, and its JSON where it was some."""

    status: int
    body: Any

    @property
    def done(self) -> bool:
        """Whether it did what was asked."""
        return self.status in _DONE

    def at(self, pointer: str) -> Any:
        """What stands at a place of the answer, like /messages/0/id, or all of it; None where nothing does."""
        found = self.body
        for part in filter(None, pointer.split("/")):
            try:
                found = found[int(part)] if isinstance(found, list) else found[part]
            except (KeyError, IndexError, TypeError, ValueError):
                return None
        return found

    def name_at(self, pointer: str) -> str:
        """The carrier's name for what it took. Raises InDoubt where there is none: no receipt could be told by it."""
        found = self.at(pointer)
        if found is None or found == "":
            raise InDoubt("no_reference")
        return str(found)

    def list_at(self, pointer: str) -> list[Any]:
        """What it was asked to list. Raises NotNow where that is no list: nobody said then that there is nothing."""
        found = self.at(pointer)
        if not isinstance(found, list):
            raise NotNow("not_understood")
        return found


class Api:
    """One carrier's API: connections that are kept for a while, no redirects, no cookies."""

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, seconds: float = SECONDS) -> None:
        self.url = url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=10),
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECTING_SECONDS, seconds)),
            headers={"User-Agent": "Comptoir", "Accept": "application/json", **(headers or {})},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def ask(self, method: str, path: str, *, looking: bool = False, **request: Any) -> Said:
        """Ask, and read the answer. `looking`: nothing is sent by it, so whatever goes wrong, it can be asked again.

        Raises NotNow where it was not done, and InDoubt where nobody knows: no answer came, or none from the carrier.
        """
        try:
            async with self._session.request(method, self.url + path, allow_redirects=False, **request) as answer:
                said = Said(answer.status, _json(await _whole(answer)))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotNow("unreachable") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = "timeout" if isinstance(error, TimeoutError) else "hung_up"
            raise NotNow(why) if looking else InDoubt(why) from error
        if said.status in _NOT_NOW or said.status in _ELSEWHERE or (looking and not said.done):
            raise NotNow(f"http_{said.status}")
        if said.status in _NOBODY_KNOWS:
            raise InDoubt(f"http_{said.status}")
        if looking and said.body is None:
            raise NotNow("not_understood")
        return said

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()


def is_earlier(moment: Any, letter: Letter) -> bool:
    """Whether what a carrier has from then was sent before the sending that is in doubt: the same words, another time.

    `moment`: as in mails, or as ISO 8601 has it; what has none that can be read may be the one.
    """
    try:
        at = parsedate_to_datetime(moment) if "," in moment else datetime.fromisoformat(moment)
        return letter.doubted_since is not None and at < letter.doubted_since - CLOCKS_APART
    except (TypeError, ValueError):
        return False


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """All that it says, in however many pieces it comes; nothing, where that is more than anybody would say."""
    try:
        await answer.content.readexactly(LONGEST_ANSWER + 1)
    except asyncio.IncompleteReadError as error:
        return error.partial
    return b""


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
