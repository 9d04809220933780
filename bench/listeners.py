"""`python -m bench.listeners`: many open event streams in one process, and when the last of them had each event."""

import argparse
import asyncio
import json
import os
import re
import statistics
import sys
import time
from collections import Counter
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

import uvloop

AT_ONCE = 100  # connections being opened
OPENING_SECONDS = 30

_CHANGE = re.compile(rb"^id: (\d+)\nevent: reservation\n", re.MULTILINE)
_MADE = re.compile(rb'"created_at":"([^"]+)"')


class Audience:
    """Everybody who listens: how many heard each event of each store, and how long the last of them waited for it."""

    def __init__(self, each: int) -> None:
        self.each = each  # listeners of a store
        self.heard: Counter[tuple[str, int]] = Counter()
        self.made: dict[tuple[str, int], float] = {}
        self.waited: list[float] = []  # seconds from a hold's transaction until everybody of its store had the event

    def hear(self, store: str, position: int, frame: bytes, now: float) -> None:
        """One listener of a store has this event."""
        event = (store, position)
        if event not in self.made:
            said = _MADE.search(frame)
            self.made[event] = datetime.fromisoformat(said[1].decode()).timestamp() if said else now
        self.heard[event] += 1
        if self.heard[event] == self.each:
            self.waited.append(now - self.made[event])

    def told(self) -> str:
        """What there is to say at the end, as one line of JSON; seconds."""
        waits = statistics.quantiles(self.waited, n=100) if len(self.waited) > 1 else [0.0] * 99
        return json.dumps(
            {
                "events": len(self.heard),
                "by_all": len(self.waited),
                "p50": waits[49],
                "p99": waits[98],
                "worst": max(self.waited, default=0.0),
            }
        )


class Listener(asyncio.Protocol):
    """One stream of one store, over HTTP/1.0, so that frames come as they are."""

    def __init__(self, audience: Audience, store: str, request: bytes) -> None:
        self.audience = audience
        self.store = store
        self.request = request
        self.listening: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        cast("asyncio.WriteTransport", transport).write(self.request)  # TCP; uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        """Take what came apart into frames."""
        now = time.time()
        *frames, self._unread = (self._unread + data).split(b"\n\n")
        for frame in frames:
            if change := _CHANGE.search(frame):
                self.audience.hear(self.store, int(change[1]), frame, now)
            elif b"event: queue" in frame and not self.listening.done():
                self.listening.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Complain when the stream ends by itself."""
        if not self.listening.done():
            self.listening.set_exception(exc or ConnectionError(self._unread.decode(errors="replace")[:500]))


async def listen(url: str, key: str, stores: list[str], each: int) -> str:
    """Open the streams, say `listening`, and listen until standard input ends."""
    place, audience = urlsplit(url), Audience(each)
    host, port = place.hostname or "127.0.0.1", place.port or 80
    loop, room = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)

    async def join(store: str) -> None:
        request = f"GET /v1/stores/{store}/stream HTTP/1.0\r\nHost: shop\r\nAuthorization: Bearer {key}\r\n\r\n"
        async with room, asyncio.timeout(OPENING_SECONDS):
            _, listener = await loop.create_connection(lambda: Listener(audience, store, request.encode()), host, port)
            await listener.listening

    await asyncio.gather(*(join(store) for store in stores for _ in range(each)))
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    return audience.told()


def main() -> int:
    """Listen as told on the command line; the key comes from the environment."""
    parser = argparse.ArgumentParser(prog="python -m bench.listeners", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--stores", nargs="+", required=True)
    parser.add_argument("--each", type=int, required=True, help="listeners of each store")
    asked = parser.parse_args()
    print(uvloop.run(listen(asked.url, os.environ["BENCH_KEY"], asked.stores, asked.each)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
