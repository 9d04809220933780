"""The board above the counter, for a television: whose order is being prepared, and whose is ready."""

import asyncio
import contextlib
import time
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web

from service import board, stores
from service.api import streams
from service.api.endpoints import Call, Endpoint
from service.api.hub import BEAT, Listener, spell
from service.database import connection, within
from service.errors import Problem, UnknownStore
from service.messages import spelling
from service.models.board import Board, BoardKey
from service.models.stores import Store
from service.screens.rendering import render, words

TOGETHER_SECONDS = 0.3  # changes that come within it are shown at once


async def _enter(call: Call[Any]) -> tuple[Store, Board]:
    """What the link opens now. Raises UnknownStore, alike for a store that is none and a link that is not of it."""
    asked: BoardKey = call.query
    async with connection(call.pool) as db:
        store = await stores.known(db, call.store)
        if not await board.opens(db, call.store, asked.key, links=call.links):
            raise UnknownStore
        return store, await board.shown(db, call.store)


async def show(call: Call[None]) -> web.Response:
    """The page; it is complete as it comes, and then follows the store by itself."""
    asked: BoardKey = call.query
    language = spelling.language(asked.lang, call.settings.default_locale)
    say = words("board", language)
    try:
        store, now = await _enter(call)
    except UnknownStore:
        return render(call.request, "board_gone.html", language, say=say, status=HTTPStatus.NOT_FOUND)
    return render(
        call.request,
        "board.html",
        language,
        say=say,
        store=store.name,
        zone=store.time_zone,
        board=now,
        here=f"/board/{store.id}",
        key=asked.key,
    )


async def stream(call: Call[None]) -> web.StreamResponse:
    """Tell the board, and tell it again when it has changed, until the television is off or its link is closed."""
    hub, listener = call.request.app[streams.HUB], Listener(call.store)
    response = web.StreamResponse(headers=streams.HEADERS)
    try:
        _, first = await within(streams.OPENING_SECONDS, _enter(call))
        await within(streams.OPENING_SECONDS, hub.join(listener, None))
        await response.prepare(call.request)
        if call.request.method == hdrs.METH_GET:
            await _tell(call, listener, response, first)
    except (ConnectionError, TimeoutError):
        streams.cut(call.request)
    finally:
        hub.leave(listener)
    return response


async def _tell(call: Call[None], listener: Listener, response: web.StreamResponse, now: Board) -> None:
    told, beat_at = "", 0.0
    while not listener.ended:
        text = now.model_dump_json()
        frames = spell("board", text) if text != told else b""
        if time.monotonic() >= beat_at:
            frames += BEAT
            beat_at = time.monotonic() + streams.BEAT_SECONDS
        await streams.write(response, frames)
        told = text
        if await listener.next(max(0.0, beat_at - time.monotonic())):
            await asyncio.sleep(TOGETHER_SECONDS)
        try:
            _, now = await within(streams.OPENING_SECONDS, _enter(call))
        except UnknownStore:
            return
        except Problem:
            with contextlib.suppress(TimeoutError):  # PostgreSQL is away: what was told stands
                await asyncio.sleep(1)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/board/{store}",
        handle=show,
        summary="The board, on a television that has its link",
        tag="Counter",
        scopes=None,
        query=BoardKey,
        page=True,
        media="text/html",
        answers={200: None, 304: None},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="GET",
        path="/board/{store}/stream",
        handle=stream,
        summary="Listen to the board: all of it, whenever it has changed",
        tag="Counter",
        scopes=None,
        query=BoardKey,
        answers={200: None},
        problems=(UnknownStore,),
        streams=True,
        media=streams.MEDIA,
    ),
)
