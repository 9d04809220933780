"""One hub per process: reads what is new once for all who listen, and hands everybody of a store the same bytes."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

import structlog

from service import streams
from service.database import Pool, within
from service.errors import Problem, Unavailable
from service.links import Links
from service.streams import Change, Queue

log = structlog.get_logger()

POLL_SECONDS = 0.05
AWAY_SECONDS = 1.0  # between two attempts while PostgreSQL is away
READ_SECONDS = 4.0
MOST_LISTENERS = 2_000
MOST_WAITING = 256 * 1024  # bytes that one listener may leave unread; then it is cut and comes back


def spell(kind: str, data: str, position: int | None = None) -> bytes:
    """Spell one event as `text/event-stream` has it. A line break in JSON is only ever a blank."""
    place = "" if position is None else f"id: {position}\n"
    return f"{place}event: {kind}\ndata: {' '.join(data.splitlines()) if _breaks(data) else data}\n\n".encode()


def _breaks(data: str) -> bool:
    return "\n" in data or "\r" in data


BEAT = spell("beat", "{}")


def spell_queue(queue: Queue) -> bytes:
    """Spell the open orders, at the place up to which they tell everything."""
    return spell("queue", f'{{"items":[{",".join(queue.cards)}]}}', queue.position)


class Listener:
    """One who listens to a store: what waits to be sent to them, never more than they may leave unread."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.ended = False  # the stream is over: too slow, or the service stops
        self.read = 0  # the place up to which it was told everything
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._size = 0
        self._news = asyncio.Event()

    def begin(self, position: int) -> None:
        """From here on it needs what comes after this place."""
        self.read = position

    def tell(self, frames: Iterable[tuple[int, bytes]]) -> None:
        """Have what was read at once sent soon; who has left too much of what came before unread is cut."""
        if self.ended or self._size > MOST_WAITING:
            self.end()
            return
        self._waiting.extend(frames)
        self._size = sum(len(frame) for _, frame in self._waiting)
        self._news.set()

    def end(self) -> None:
        """Nothing more is told."""
        self.ended = True
        self._waiting.clear()
        self._news.set()

    async def next(self, seconds: float) -> bytes:
        """All that is new, waiting so long for it; nothing when the time is up or the stream is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()
        fresh = b"".join(frame for position, frame in self._waiting if position > self.read)
        if self._waiting:
            self.read = max(self.read, self._waiting[-1][0])
        self._waiting.clear()
        self._size = 0
        return fresh


@dataclass(slots=True)
class _Channel:
    """One store that is listened to."""

    position: int | None = None  # how far it was read for everybody; none until somebody has asked
    listeners: set[Listener] = field(default_factory=set)
    queue: tuple[int, bytes] | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Hub:
    """Who listens to which store, and the one task that reads for all of them while there is anybody."""

    def __init__(self, pool: Pool, links: Links, closing: asyncio.Event) -> None:
        self._pool = pool
        self._links = links
        self._closing = closing
        self._channels: dict[str, _Channel] = {}
        self._reading: asyncio.Task[None] | None = None
        self._count = 0

    async def join(self, listener: Listener, after: int | None) -> bytes:
        """Begin to listen; what is to be told first: what changed after that place, else the open orders.

        Raises Unavailable. Whoever joins leaves, also when joining failed.
        """
        if self._closing.is_set() or self._count >= MOST_LISTENERS:
            raise Unavailable(retry_after=2)
        channel = self._channels.setdefault(listener.store, _Channel())
        channel.listeners.add(listener)
        self._count += 1
        if channel.position is None:
            position = await streams.position(self._pool, listener.store)
            if channel.position is None:
                channel.position = position
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="streams")
        # From here on this listener is told all after `channel.position`; what is read below reaches at least there.
        if after is not None:
            changes = await streams.since(self._pool, listener.store, after, links=self._links)
            if changes is not None:
                listener.begin(max((change.position for change in changes), default=after))
                return b"".join(frame for _, frame in _frames(changes) if frame)
        position, frame = await self._queue(listener.store, channel)
        listener.begin(position)
        return frame

    async def _queue(self, store: str, channel: _Channel) -> tuple[int, bytes]:
        """The open orders, read once for all who ask while nothing happens."""
        async with channel.asking:
            if channel.queue is None or channel.queue[0] < (channel.position or 0):
                queue = await streams.queue(self._pool, store, links=self._links)
                channel.queue = queue.position, spell_queue(queue)
            return channel.queue

    def leave(self, listener: Listener) -> None:
        """Listen no longer."""
        channel = self._channels.get(listener.store)
        if channel is None or listener not in channel.listeners:
            return
        channel.listeners.discard(listener)
        self._count -= 1
        if not channel.listeners:
            del self._channels[listener.store]

    async def _read(self) -> None:
        """Read for everybody until nobody listens, or the service stops; PostgreSQL may be away meanwhile."""
        away = False
        while self._channels and not self._closing.is_set():
            started = time.monotonic()
            try:
                await within(READ_SECONDS, self._read_once())
                away = False
            except Problem as problem:
                if not away:
                    log.warning("streams_wait", reason=problem.code())
                away = True
            except Exception:
                log.exception("streams_broke")
                away = True
            rest = AWAY_SECONDS if away else POLL_SECONDS - (time.monotonic() - started)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), max(rest, 0.001))
        for channel in self._channels.values():
            for listener in channel.listeners:
                listener.end()

    async def _read_once(self) -> None:
        places = {store: one.position for store, one in self._channels.items() if one.position is not None}
        changes = await streams.changed(self._pool, places, links=self._links)
        for store, news in groupby(changes, lambda change: change.store):
            channel, frames = self._channels.get(store), _frames(news)
            if channel is None or channel.position is None:
                continue  # everybody left meanwhile, and perhaps somebody is just coming
            channel.position = max(channel.position, frames[-1][0])
            for listener in channel.listeners:
                listener.tell(frames)


def _frames(changes: Iterable[Change]) -> list[tuple[int, bytes]]:
    """Each change spelled once, with its place; nothing where there is no card."""
    return [
        (change.position, b"" if change.card is None else spell("reservation", change.card, change.position))
        for change in changes
    ]
