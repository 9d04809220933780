"""One log line per request: what was asked, by whom, and how it ended; nothing personal, and never the query."""

import logging
import re
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from service import metrics, traces
from service.callers import Caller
from service.ids import new_id

log = structlog.get_logger()

REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
PROBLEM: web.RequestKey[str] = web.RequestKey("problem", str)
CRASH: web.RequestKey[BaseException] = web.RequestKey("crash", BaseException)

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{8,128}")
_STORE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CLIENT_LEFT = 499  # nginx's number for it
_CRASHED = 500

_UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})  # asked every few seconds, by machines

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def request_id(request: web.Request) -> str:
    """The caller's name for this request where it is well formed, else a new one."""
    asked = request.headers.get("X-Request-Id", "")
    return asked if _WELL_FORMED.fullmatch(asked) else str(new_id())


def route(request: web.Request) -> str:
    """The address as it was declared, with names in place of values."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


@web.middleware
async def canonical_log(request: web.Request, handler: Handle) -> web.StreamResponse:
    """Give the request its id, and write its line when it is over."""
    request[REQUEST_ID] = request_id(request)
    structlog.contextvars.bind_contextvars(request_id=request[REQUEST_ID])  # the next request binds its own
    where = route(request)
    if where in _UNTRACED:
        return await _served(request, handler)
    parent = request.headers.get("traceparent")
    with traces.span(f"{request.method} {where}", role="server", parent=parent, method=request.method, route=where):
        return await _served(request, handler)


async def _served(request: web.Request, handler: Handle) -> web.StreamResponse:
    started = time.perf_counter()
    status = _CLIENT_LEFT
    try:
        response = await handler(request)
        status = response.status
    finally:
        _write(request, status, time.perf_counter() - started)
    return response


def _write(request: web.Request, status: int, seconds: float) -> None:
    metrics.served(request.method, route(request), status, seconds)
    facts: dict[str, object] = {
        "method": request.method,
        "route": route(request),
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
    }
    if caller := request.get(CALLER):
        facts["credential"] = caller.actor
    store = request.match_info.get("store", "")
    if _STORE.fullmatch(store):
        facts["store"] = store
    if problem := request.get(PROBLEM):
        facts["code"] = problem
    traces.note(**facts)
    if trace := traces.here():
        facts["trace_id"] = trace.split("-")[1]
    if crash := request.get(CRASH):
        facts["exc_info"] = crash
    (log.error if status >= _CRASHED else log.info)("request_served", **facts)


def of_the_server(record: logging.LogRecord) -> bool:
    """Keep the addresses of callers out of what the server itself logs; what nobody can read is no fault of ours."""
    if record.args:
        record.msg, record.args = "request_broke", ()
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.msg, record.exc_info = "request_unreadable", None
        record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
    return True
