"""Puts the application together: routes, what every request passes through, and what every answer carries."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from aiohttp import hdrs, web
from aiohttp.log import server_logger

from service.api import access, callbacks, clerks, limits, openapi, problems, reservations, routes, streams
from service.api.canonical_log import REQUEST_ID, canonical_log, of_the_server
from service.api.certificates import Certificates
from service.api.endpoints import CLOSING, LINKS, OPERATIONS, POOL, SETTINGS, Answer, Call, Endpoint
from service.api.hub import Hub
from service.api.reading import LARGEST_BODY
from service.api.room import PER_CONNECTION, ROOM, Room
from service.callers import CUSTOMER
from service.database import Pool, within
from service.errors import Problem, Unavailable
from service.keys import Keyring
from service.links import Links
from service.pins import Pins
from service.settings import Settings

DEADLINE_SECONDS = 4.5  # the promise is an answer within five
KEEP_ALIVE_SECONDS = 15
LINGER_SECONDS = 2  # for the rest of a body that was refused, so that its sender gets to read why
GRACE_SECONDS = 10  # for requests under way when the service stops

HEADERS = {
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""On every answer that does not say otherwise."""

HSTS = "max-age=31536000"  # a year; names below this one are their owner's to decide


def build_app(settings: Settings, pool: Pool, endpoints: tuple[Endpoint, ...] = routes.ENDPOINTS) -> web.Application:
    """Put the application together. Raises RuntimeError for a route that says not who may use it."""
    routes.check(endpoints)
    app = web.Application(middlewares=[canonical_log, problems.problems], client_max_size=LARGEST_BODY)
    app[SETTINGS] = settings
    app[POOL] = pool
    app[LINKS] = links = Links(settings)
    app[reservations.HOLDS] = reservations.together(pool, links, settings)
    app[ROOM] = Room(settings.pool_size * PER_CONNECTION)
    app[CLOSING] = closing = asyncio.Event()
    app[streams.HUB] = Hub(pool, links, closing)
    app[openapi.DOCUMENT] = openapi.Document(endpoints)
    app[access.KEYRING] = Keyring(pool)
    app[callbacks.CERTIFICATES] = Certificates()
    app[clerks.PINS] = Pins(settings)
    app[limits.PER_KEY] = limits.Buckets("key", settings.rate_limit_per_second)
    app[limits.PER_ADDRESS] = limits.Buckets("address", settings.public_rate_limit_per_second)
    app[limits.GUESSES] = limits.Buckets("guess", settings.public_rate_limit_per_second)
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
    server_logger.addFilter(of_the_server)
    return web.AppRunner(
        app,
        access_log=None,  # see canonical_log
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        lingering_time=LINGER_SECONDS,
        shutdown_timeout=GRACE_SECONDS,
        max_line_size=8190,
        max_field_size=8190,
        max_headers=128,
        auto_decompress=False,
    )


def _serve(endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    bounded = not (endpoint.streams or endpoint.queues or endpoint.tag == OPERATIONS)

    async def serve(request: web.Request) -> web.StreamResponse:
        started = time.monotonic()
        room = request.app[ROOM] if bounded else nullcontext()
        caller = CUSTOMER if endpoint.scopes is None else access.recognise(request, clerk=endpoint.clerk)
        with room:
            if caller is None:
                caller = await within(DEADLINE_SECONDS, access.authenticate(request, clerk=endpoint.clerk))
        access.admit(endpoint, request, caller)
        if endpoint.queues:
            request.app[reservations.HOLDS].refuse_when_full()
        left = DEADLINE_SECONDS - (time.monotonic() - started)
        call = await endpoint.read(request, caller)  # in its own time, and in nobody's place
        if endpoint.streams:
            return await _act(endpoint, call)
        if endpoint.queues:
            return await _in_time(left, _act(endpoint, call))
        with room:
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
        headers.setdefault(name, value)
    if request.app[SETTINGS].public_url.scheme == "https":
        headers["Strict-Transport-Security"] = HSTS
    headers.update(request.get(limits.LIMIT, {}))
    if access.NOBODY_AT_WORK in request:
        headers.add(hdrs.SET_COOKIE, access.cookie(access.CLERK_COOKIE, ""))
    if request.app[CLOSING].is_set():  # so that the next request goes to a process that stays
        response.force_close()
        headers[hdrs.CONNECTION] = "close"
    headers[hdrs.SERVER] = "comptoir"
    headers["X-Request-Id"] = request[REQUEST_ID]


async def _close(app: web.Application) -> None:
    app[CLOSING].set()
