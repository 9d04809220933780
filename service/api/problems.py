"""Where a refusal becomes an answer (RFC 9457): for our own problems, aiohttp's, PostgreSQL's, and for crashes."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import ClientConnectionResetError, hdrs, web
from pydantic_core import to_json

from service import database, idempotency
from service.api.canonical_log import CRASH, PROBLEM, REQUEST_ID
from service.api.endpoints import OPERATIONS, SETTINGS, Call, Endpoint, Retry
from service.errors import (
    BodyTooLarge,
    Busy,
    Forbidden,
    IdempotencyInFlight,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
    RequestTimeout,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unexpected,
    UnknownStore,
    UnsupportedMediaType,
    VersionMismatch,
)

MEDIA = "application/problem+json"
PAGE = "/docs/problems"

SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "description": "What was refused, and why; facts are further members, like the `lines` that are short.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "where the problem is explained"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "this case, for people"},
        "code": {"type": "string", "description": "the kind of problem, for programs"},
        "request_id": {"type": "string", "description": "what to name when asking us"},
        "errors": {
            "type": "array",
            "description": "for `invalid_request`: each fault with the JSON pointer or the parameter where it is",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {name: {"type": "string"} for name in ("pointer", "parameter", "code", "message")},
            },
        },
    },
}


_OF_AIOHTTP = {
    HTTPStatus.FORBIDDEN: NotFound,  # a folder of files, which nobody may list
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: MethodNotAllowed,
    HTTPStatus.REQUEST_TIMEOUT: RequestTimeout,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BodyTooLarge,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: UnsupportedMediaType,
}

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def possible(endpoint: Endpoint) -> list[type[Problem]]:
    """Every problem that an endpoint may answer, declared or not, in the order of their status."""
    found = {*endpoint.problems, Unexpected}
    if endpoint.tag != OPERATIONS:
        found |= {TooManyRequests, Unavailable, Busy}
    if endpoint.scopes is not None:
        found |= {Unauthorized, Forbidden}
    if "{" in endpoint.path:
        found |= {NotFound}
    if "{store}" in endpoint.path and endpoint.scopes is not None:
        found |= {UnknownStore}
    if endpoint.body is not None or "application/json" in endpoint.takes:
        found |= {UnsupportedMediaType, BodyTooLarge, RequestTimeout, MalformedRequest}
    if endpoint.body is not None or endpoint.query is not None or endpoint.takes:
        found |= {InvalidRequest}
    if VersionMismatch in endpoint.problems:
        found |= {MalformedRequest}
    if endpoint.retry is not Retry.NATURAL:
        found |= {IdempotencyKeyMissing, IdempotencyInFlight, IdempotencyKeyReused}
    return sorted(found, key=lambda problem: (problem.status, problem.code()))


def spell(problem: Problem, request: web.Request) -> str:
    """Write a problem as JSON; its facts are members beside the standard ones."""
    members = {
        "type": f"{str(request.app[SETTINGS].public_url).rstrip('/')}{PAGE}#{problem.code()}",
        "title": problem.title(),
        "status": problem.status.value,
        "detail": problem.detail,
        "code": problem.code(),
        "request_id": request[REQUEST_ID],
    }
    return to_json({**problem.facts, **members}).decode()


async def keep(call: Call[object], problem: Problem) -> web.Response:
    """Answer with a refusal, after keeping it under the call's Idempotency-Key."""
    body = spell(problem, call.request)
    if call.key is not None:
        await idempotency.keep(call.pool, call.key, idempotency.Kept(problem.status.value, body))
    return _respond(problem, call.request, body)


def respond(problem: Problem, request: web.Request) -> web.Response:
    """Answer with a refusal."""
    return _respond(problem, request, spell(problem, request))


def _respond(problem: Problem, request: web.Request, body: str) -> web.Response:
    request[PROBLEM] = problem.code()
    headers = {}
    if problem.retry_after is not None:
        headers[hdrs.RETRY_AFTER] = str(problem.retry_after)
    if isinstance(problem, MethodNotAllowed):
        headers[hdrs.ALLOW] = ", ".join(problem.facts["allowed"])
    if isinstance(problem, Unauthorized):
        tried = ', error="invalid_token"' if hdrs.AUTHORIZATION in request.headers else ""
        headers[hdrs.WWW_AUTHENTICATE] = f'Bearer realm="comptoir"{tried}'
    if isinstance(problem, Forbidden) and "scopes" in problem.facts:
        headers[hdrs.WWW_AUTHENTICATE] = (
            f'Bearer realm="comptoir", error="insufficient_scope", scope="{" ".join(problem.facts["scopes"])}"'
        )
    return web.Response(text=body, status=problem.status, headers=headers, content_type=MEDIA)


def _of_aiohttp(error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(allowed=sorted(error.allowed_methods))
    return _OF_AIOHTTP.get(HTTPStatus(error.status), MalformedRequest)()


@web.middleware
async def problems(request: web.Request, handler: Handle) -> web.StreamResponse:
    """Answer every refusal and every crash in one form; what an answer has begun already can only be broken off."""
    try:
        with database.problems():
            return await _without_http_errors(request, handler)
    except Problem as problem:
        if isinstance(problem.__cause__, ClientConnectionResetError):
            raise problem.__cause__ from None
        turned_away = isinstance(problem, Busy) and problem.__cause__ is None
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not turned_away:
            request[CRASH] = problem.__cause__ or problem
        return respond(problem, request)
    except Exception as error:  # noqa: BLE001 -- this is the last place that can answer
        request[CRASH] = error
        return respond(Unexpected(), request)


async def _without_http_errors(request: web.Request, handler: Handle) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        if request.method == hdrs.METH_OPTIONS:
            allowed = ", ".join(sorted({*error.allowed_methods, hdrs.METH_OPTIONS}))
            return web.Response(status=HTTPStatus.NO_CONTENT, headers={hdrs.ALLOW: allowed})
        raise _of_aiohttp(error) from None
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        raise _of_aiohttp(error) from None
