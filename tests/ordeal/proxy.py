"""A way to somewhere that can be hurt: cut, delayed, swallowed, or made to lose the answer to what it carried."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from demo.servers import LOOPBACK, free_port


class Fate(Enum):
    """What becomes of a piece that a client sends."""

    PASS = "pass"
    LOSE_REQUEST = "lose request"  # it does not arrive, and the connection breaks
    LOSE_ANSWER = "lose answer"  # it arrives; what is answered does not, and the connection breaks


Judge = Callable[[bytes], Fate]


def _all_pass(_piece: bytes) -> Fate:
    return Fate.PASS


class Proxy:
    """Carries bytes between its own port and a server, as long as nothing else is wanted."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.port = free_port()
        self.seconds = 0.0  # each piece of a client arrives later by so much
        self.judge: Judge = _all_pass
        self.lost = 0  # requests or answers
        self.patience = 0.2  # seconds in which an answer that gets lost is given, before the connection breaks
        self._open = asyncio.Event()
        self._open.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @classmethod
    def before(cls, url: str) -> Self:
        """A proxy to whoever is at this address."""
        parts = urlsplit(url)
        return cls(parts.hostname or LOOPBACK, parts.port or 0)

    def address(self, url: str) -> str:
        """The same address, by this way."""
        parts = urlsplit(url)
        credentials, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{credentials}{at}{LOOPBACK}:{self.port}"))

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)

    async def stop(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    def swallow(self) -> None:
        """From now on nothing arrives, and nobody is told: a blackhole."""
        self._open.clear()

    def heal(self) -> None:
        """From now on everything arrives, also what was kept back."""
        self.seconds = 0.0
        self.judge = _all_pass
        self._open.set()

    async def cut(self) -> None:
        """Break every connection."""
        for one in (broken := list(self._connections)):
            one.cancel()
        await asyncio.gather(*broken, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        there, line = None, _Line()
        try:
            there_reader, there = await asyncio.open_connection(*self.target)
            ways = [
                asyncio.create_task(self._up(line, reader, there)),
                asyncio.create_task(self._down(line, there_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()

    async def _up(self, line: "_Line", source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(65536):
                fate = self.judge(piece)
                line.deaf = fate is not Fate.PASS
                self.lost += line.deaf
                if self.seconds:
                    await asyncio.sleep(self.seconds)
                if fate is not Fate.LOSE_REQUEST:
                    await self._let_through(piece, target)
                if line.deaf:
                    await asyncio.sleep(self.patience)
                    return

    async def _down(self, line: "_Line", source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(65536):
                if not line.deaf:
                    await self._let_through(piece, target)

    async def _let_through(self, piece: bytes, target: asyncio.StreamWriter) -> None:
        await self._open.wait()
        target.write(piece)
        await target.drain()


@dataclass(slots=True)
class _Line:
    """One connection."""

    deaf: bool = False  # what comes back is not passed on any more


@asynccontextmanager
async def between(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before this address, and the address by that way."""
    proxy = Proxy.before(url)
    await proxy.start()
    try:
        yield proxy, proxy.address(url)
    finally:
        proxy.heal()
        await proxy.stop()
