"""One who listens to a store's stream, as a browser does it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.service.api.conftest import Api


@dataclass(frozen=True)
class Heard:
    """One event."""

    kind: str
    id: int | None
    json: Any


class Ear:
    """The events of one stream, one by one."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self, seconds: float = 5) -> Heard:
        """The next event but beats. Raises EOFError when the stream is over, TimeoutError when none comes."""
        async with asyncio.timeout(seconds):
            while (heard := await self.any()).kind == "beat":
                pass
        return heard

    async def any(self) -> Heard:
        """The next event, beats too."""
        fields: dict[str, str] = {}
        while line := await self.response.content.readline():
            if line == b"\n":
                return Heard(fields["event"], int(fields["id"]) if "id" in fields else None, json.loads(fields["data"]))
            name, _, value = line.decode().rstrip("\n").partition(": ")
            assert name not in fields
            fields[name] = value
        raise EOFError

    async def until(self, id: str, version: int) -> list[Heard]:
        """All events up to the one that tells this version of a reservation."""
        heard = [await self.next()]
        while (heard[-1].json.get("id"), heard[-1].json.get("version")) != (id, version):
            heard.append(await self.next())
        return heard

    async def nothing(self, seconds: float = 0.4) -> bool:
        """Whether nothing is told for a while."""
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def listen(
    api: Api, store: str = "lyon", *, after: int | str | None = None, key: str | None = None, query: str = ""
) -> AsyncIterator[Ear]:
    """Listen to a store, from a place on."""
    headers = {"Authorization": f"Bearer {key or await api.key()}"}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    url, endless = f"{api.url}/v1/stores/{store}/stream{query}", aiohttp.ClientTimeout(total=None)
    async with api.session.get(url, headers=headers, timeout=endless, read_bufsize=1 << 22) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        yield Ear(response)
