"""The counter's stream over HTTP: server-sent events, for as long as the caller listens."""

import asyncio
import time

from aiohttp import hdrs, web

from service import stores
from service.api import access
from service.api.endpoints import Call, Endpoint
from service.api.hub import BEAT, Hub, Listener
from service.callers import Scope
from service.database import connection, within
from service.errors import Problem, Unauthorized, UnknownStore
from service.models.streams import StreamAsked

HUB: web.AppKey[Hub] = web.AppKey("hub", Hub)

BEAT_SECONDS = 5.0
OPENING_SECONDS = 4.0
SLOWEST_WRITE = 10.0  # seconds in which the other end must take something
MEDIA = "text/event-stream"

HEADERS = {hdrs.CONTENT_TYPE: MEDIA, hdrs.CACHE_CONTROL: "no-store", "X-Accel-Buffering": "no"}


async def stream(call: Call[None]) -> web.StreamResponse:
    """Tell the open orders, then every change, until the caller leaves, is too slow, or the service stops."""
    hub, listener = call.request.app[HUB], Listener(call.store)
    response = web.StreamResponse(headers=HEADERS)
    try:
        first = await within(OPENING_SECONDS, _open(call, hub, listener))
        await response.prepare(call.request)
        if call.request.method == hdrs.METH_GET:
            await _tell(call, listener, response, first)
    except (ConnectionError, TimeoutError):
        cut(call.request)
    finally:
        hub.leave(listener)
    return response


async def _open(call: Call[None], hub: Hub, listener: Listener) -> bytes:
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
    return await hub.join(listener, _place(call))


def _place(call: Call[None]) -> int | None:
    """The place that the caller read last; None where there is none, or it can't be one of ours."""
    asked: StreamAsked = call.query
    word = call.request.headers.get("Last-Event-ID") or asked.last_event_id or ""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 18 else None  # noqa: PLR2004 -- a bigint


async def _tell(call: Call[None], listener: Listener, response: web.StreamResponse, first: bytes) -> None:
    await write(response, first)
    beat_at = time.monotonic() + BEAT_SECONDS
    while not listener.ended:
        fresh = await listener.next(max(0.0, beat_at - time.monotonic()))
        beats = time.monotonic() >= beat_at
        await write(response, fresh + BEAT if beats else fresh)
        if beats:
            beat_at = time.monotonic() + BEAT_SECONDS
            if not await _may_still(call):
                return


async def write(response: web.StreamResponse, frames: bytes) -> None:
    """Send, and wait until the other end has taken most of it. Raises TimeoutError, ConnectionError."""
    if frames:
        async with asyncio.timeout(SLOWEST_WRITE):
            await response.write(frames)


async def _may_still(call: Call[None]) -> bool:
    """Whether the caller's key still opens this; without PostgreSQL nobody knows, and the stream goes on."""
    try:
        await within(OPENING_SECONDS, access.authenticate(call.request, clerk=False))
    except Unauthorized:
        return False
    except Problem:
        return True
    return True


def cut(request: web.Request) -> None:
    """Close at once: what the other end has not taken is dropped, and not kept for it."""
    if request.transport is not None:
        request.transport.abort()


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/stream",
        handle=stream,
        summary="Listen to a store: its open orders, then every change",
        tag="Counter",
        scopes=frozenset({Scope.COUNTER}),
        description=(
            "Server-sent events. First `queue`: `{items: [Reservation]}`, all that is confirmed, picking or ready. "
            "Then `reservation` for every change: the reservation as it stands; several changes in an instant are told "
            "once. Every five seconds `beat`. The `id` of an event is its place in the store's stream: come back with "
            "`Last-Event-ID` (or `last_event_id`) and what was missed follows at once; where that place is unknown or "
            "more than 1000 events back, a new `queue` comes instead. Merge by `version`: what is not newer than what "
            "you have is no news. A caller who reads too slowly is cut off, and comes back the same way."
        ),
        query=StreamAsked,
        answers={200: None},
        problems=(UnknownStore,),
        streams=True,
        clerk=False,
        media=MEDIA,
    ),
)
