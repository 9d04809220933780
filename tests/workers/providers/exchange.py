"""A carrier's API on this machine: a real server that checks what it is sent, and misbehaves as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

from aiohttp import web

from service.messages.letters import Letter

TEXT = Letter(
    id=UUID("01a20822-0000-7000-8000-000000000001"),
    ref="01a20822-0000-7000-8000-000000000001@atelier.example",
    store="lyon",
    reservation=UUID(int=1),
    kind="ready",
    channel="sms",
    language="fr",
    sender="ATELIER",
    sender_name="Atelier Lumière",
    recipient="+33639981234",
    text="Atelier : commande disponible. Code 7K3F9P.",
)


class Asked(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    url: str

    @property
    def form(self) -> dict[str, str]:
        """Its body, as a form."""
        return dict(parse_qsl(self.body.decode()))

    @property
    def json(self) -> Any:
        """Its body, as JSON."""
        return json.loads(self.body)


class Exchange:
    """Answers what `answers` has next, or what `usual` says.

    `hang` takes nothing and never answers; `drop` takes it and hangs up; `delay` takes it and answers so much later;
    `pause` lies between the two pieces of its answers. A text, where it has one for an answer, is said as it is.
    """

    def __init__(self, usual: Callable[[Asked], Any]) -> None:
        self.usual = usual
        self.asked: list[Asked] = []
        self.answers: list[tuple[int, Any]] = []
        self.hang = False
        self.drop = False
        self.delay = 0.0
        self.pause = 0.0
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take a request."""
        asked = Asked(
            request.method,
            request.path,
            dict(request.query),
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
            self.url + request.path_qs,
        )
        self.asked.append(asked)
        while self.hang and request.method != "GET":  # noqa: ASYNC110 -- tests change it as they like
            await asyncio.sleep(0.02)
        answers = self.answers if request.method != "GET" else []
        status, body = answers.pop(0) if answers else (200, self.usual(asked))
        for _ in range(int(self.delay * 50) if request.method != "GET" else 0):
            await asyncio.sleep(0.02 if self.delay else 0)  # tests shorten it
        if self.drop and request.method != "GET":
            assert request.transport is not None
            request.transport.abort()
        said = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        if self.pause:
            return await self._in_pieces(request, status, said)
        return web.Response(body=said, status=status, content_type="application/json")

    async def _in_pieces(self, request: web.Request, status: int, said: bytes) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(said[: len(said) // 2])
        await asyncio.sleep(self.pause)
        await response.write(said[len(said) // 2 :])
        await response.write_eof()
        return response

    @property
    def sent(self) -> list[Asked]:
        """What it was asked to send."""
        return [asked for asked in self.asked if asked.method != "GET"]


@asynccontextmanager
async def exchange(usual: Callable[[Asked], Any]) -> AsyncIterator[Exchange]:
    """One on a free port."""
    server = Exchange(usual)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        server.hang = False
        await runner.cleanup()
