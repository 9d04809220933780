"""A merchant's system: a real server that takes webhooks, remembers them, and misbehaves as it is told."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from standardwebhooks import Webhook


class Seen(NamedTuple):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Its webhook-id."""
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        """What it says."""
        return dict(json.loads(self.body))

    def verified(self, secret: str) -> Any:
        """What it says, as the reference implementation reads it; it raises WebhookVerificationError where forged."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Answers 204, or what `answers` has next; a path in `slow` does not answer before it is taken out."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answers: list[int | web.Response] = []
        self.slow: set[str] = set()
        self.under_way: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take a webhook."""
        path = request.path
        self.seen.append(Seen(path, {k.lower(): v for k, v in request.headers.items()}, await request.read()))
        self.under_way[path] += 1
        self.most_at_once[path] = max(self.most_at_once[path], self.under_way[path])
        answer = self.answers.pop(0) if self.answers else 204
        try:
            while path in self.slow:  # noqa: ASYNC110 -- tests change it as they like
                await asyncio.sleep(0.02)
        finally:
            self.under_way[path] -= 1
        return web.Response(status=answer) if isinstance(answer, int) else answer

    def at(self, path: str) -> list[Seen]:
        """What came to this path."""
        return [seen for seen in self.seen if seen.path == path]


@asynccontextmanager
async def receiving(host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        receiver.url = f"http://{host}:{runner.addresses[0][1]}"
        yield receiver
    finally:
        receiver.slow.clear()
        await runner.cleanup()
