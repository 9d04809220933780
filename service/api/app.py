"""Puts the application together: routes, what every request passes through, and what every answer carries."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from aiohttp import hdrs, web

from service.api import access, callbacks, limits, openapi, problems, reservations, routes, streams
from service.api.canonical_log import REQUEST_ID, canonical_log
from service.api.certificates import Certificates
from service.api.endpoints import CLOSING, LINKS, POOL, SETTINGS, Answer, Call, Endpoint
from service.api.hub import Hub
from service.api.reading import LARGEST_BODY
from service.callers import CUSTOMER
from service.database import Pool, within
from service.errors import Problem, Unavailable
from service.keys import Keyring
from service.links import Links
from service.settings import Settings

DEADLINE_SECONDS = 4.5  # the promise is an answer within five
KEEP_ALIVE_SECONDS = 15
GRACE_SECONDS = 10  # for requests under way when the service stops

HEADERS = {
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""On every answer that does not say otherwise."""


def build_app(settings: Settings, pool: Pool, endpoints: tuple[Endpoint, ...] = routes.ENDPOINTS) -> web.Application:
    """Put the application together. Raises RuntimeError for a route that says not who may use it."""
    routes.check(endpoints)
    app = web.Application(middlewares=[canonical_log, problems.problems], client_max_size=LARGEST_BODY)
    app[SETTINGS] = settings
    app[POOL] = pool
    app[LINKS] = links = Links(settings)
    app[reservations.HOLDS] = reservations.together(pool, links, settings)
    app[CLOSING] = closing = asyncio.Event()
    app[streams.HUB] = Hub(pool, links, closing)
    app[openapi.DOCUMENT] = openapi.Document(endpoints)
    app[access.KEYRING] = Keyring(pool)
    app[callbacks.CERTIFICATES] = Certificates()
    app[limits.PER_KEY] = limits.Buckets("key", settings.rate_limit_per_second)
    app[limits.PER_ADDRESS] = limits.Buckets("address", settings.public_rate_limit_per_second)
    for endpoint in endpoints:
        resource = app.router.add_resource(routes.pattern(endpoint.path))
        for method in (endpoint.method, *((hdrs.METH_HEAD,) if endpoint.method == hdrs.METH_GET else ())):
            resource.add_route(method, _serve(endpoint))
    for path, folder in routes.STATIC.items():
        app.router.add_static(path, folder)
    app.on_response_prepare.append(_dress)
    app.on_shutdown.append(_close)
    return app


def runner(app: web.Application) -> web.AppRunner:
    """Make what listens: connections that say nothing are closed, lines and headers are bounded, bodies stay packed."""
    return web.AppRunner(
        app,
        access_log=None,  # see canonical_log
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=GRACE_SECONDS,
        max_line_size=8190,
        max_field_size=8190,
        max_headers=128,
        auto_decompress=False,
    )


def _serve(endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        started = time.monotonic()
        caller = CUSTOMER if endpoint.scopes is None else access.recognise(request)
        if caller is None:
            caller = await within(DEADLINE_SECONDS, access.authenticate(request))
        access.admit(endpoint, request, caller)
        left = DEADLINE_SECONDS - (time.monotonic() - started)
        call = await endpoint.read(request, caller)
        if endpoint.streams:
            return await _act(endpoint, call)
        if endpoint.queues:
            return await _in_time(left, _act(endpoint, call))
        return await within(left, _act(endpoint, call))

    return serve


async def _in_time(seconds: float, work: Coroutine[Any, Any, web.StreamResponse]) -> web.StreamResponse:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise Unavailable(retry_after=2) from None


async def _act(endpoint: Endpoint, call: Call[Any]) -> web.StreamResponse:
    """Do what is asked; a refusal that is the request's answer for good is kept for its Idempotency-Key."""
    try:
        answer = await endpoint.handle(call)
    except Problem as problem:
        if call.key is None or not problem.kept:
            raise
        return await problems.keep(call, problem)
    return endpoint.respond(_opened(answer, call)) if isinstance(answer, Answer) else answer


def _opened(answer: Answer, call: Call[Any]) -> Answer:
    """What was sealed until here, also in the record of an Idempotency-Key, leaves as its owner wrote it."""
    if isinstance(answer.body, str):
        return replace(answer, body=call.links.sealer.open(answer.body))
    return answer


async def _dress(request: web.Request, response: web.StreamResponse) -> None:
    headers = response.headers
    for name, value in HEADERS.items():
        if name not in headers:
            headers[name] = value
    headers.update(request.get(limits.LIMIT, {}))
    headers[hdrs.SERVER] = "comptoir"
    headers["X-Request-Id"] = request[REQUEST_ID]


async def _close(app: web.Application) -> None:
    app[CLOSING].set()
