"""An endpoint, declared once: routed, checked and documented from the same line."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel

from service import idempotency
from service.api.reading import check_address, read_body, read_key, read_query
from service.callers import Caller, Scope
from service.database import Connection, Pool
from service.errors import MalformedRequest, NotFound, Problem
from service.links import Links
from service.settings import Settings

POOL: web.AppKey[Pool] = web.AppKey("pool", Pool)
SETTINGS: web.AppKey[Settings] = web.AppKey("settings", Settings)
LINKS: web.AppKey[Links] = web.AppKey("links", Links)
CLOSING: web.AppKey[asyncio.Event] = web.AppKey("closing", asyncio.Event)
"""Set when the service is told to stop: streams end, so that their clients turn to another process."""

OPERATIONS = "operations"
"""The tag of what the people who run the service ask: open, and never limited."""

PROVIDERS = "providers"
"""The tag of what providers call: open to who can sign, and limited as a key is."""

Body = TypeVar("Body")

_VERSION = re.compile(r'(?<!\\)"version": ?(\d+)')
"""No text in JSON holds an unescaped quote, so this is never something that a caller wrote."""


class Retry(Enum):
    """Whether a request may carry an Idempotency-Key."""

    NATURAL = "natural"  # safe to repeat without one
    HONOURED = "honoured"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a model, or JSON that PostgreSQL wrote already. From 400 on it is a problem kept before."""

    body: BaseModel | str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The body as JSON."""
        return self.body if isinstance(self.body, str) else self.body.model_dump_json()


@dataclass(slots=True)
class Call(Generic[Body]):
    """One request, read and checked: who asks, of which store, for what."""

    request: web.Request
    caller: Caller
    body: Body
    query: Any  # the endpoint's query model, where it has one
    key: idempotency.Request | None

    @property
    def pool(self) -> Pool:
        """The way to PostgreSQL."""
        return self.request.app[POOL]

    @property
    def settings(self) -> Settings:
        """What the deployment decided."""
        return self.request.app[SETTINGS]

    @property
    def links(self) -> Links:
        """Where customers reach their reservations."""
        return self.request.app[LINKS]

    @property
    def store(self) -> str:
        """The store in the address."""
        return self.request.match_info["store"]

    def part(self, name: str) -> str:
        """A part of the address, by the name it has in the path."""
        return self.request.match_info[name]

    def id(self, name: str = "id", missing: type[Problem] = NotFound) -> UUID:
        """An id in the address; what is no UUID can't be found."""
        try:
            return UUID(self.part(name))
        except ValueError:
            raise missing("An id is a UUID, and that is none.") from None

    @property
    def if_match(self) -> int | None:
        """The version the caller believes it is changing."""
        tag = self.request.headers.get("If-Match", "*").strip()
        if tag == "*":
            return None
        version = tag.removeprefix("W/").strip('"')
        if not (version.isascii() and version.isdigit() and len(version) <= 9):  # noqa: PLR2004 -- an integer of PostgreSQL
            raise MalformedRequest('If-Match takes the ETag of what is to be changed, like "3".')
        return int(version)

    async def once(self, work: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        """Do `work` in one transaction, and only once for its Idempotency-Key."""
        headers: Mapping[str, str] = {}

        async def kept(db: Connection) -> idempotency.Kept:
            nonlocal headers
            answer = await work(db)
            headers = answer.headers
            return idempotency.Kept(answer.status, answer.text())

        answer = await idempotency.once(self.pool, self.key, kept)
        return replayed(answer.body, answer.status) if answer.replayed else Answer(answer.body, answer.status, headers)


Handler = Callable[[Call[Any]], Awaitable[Answer | web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one address. `scopes`: any of them lets a key in; None lets everybody in, and must be said."""

    method: str
    path: str
    handle: Handler
    summary: str
    tag: str
    scopes: frozenset[Scope] | None
    description: str = ""  # what the summary can't say, as Markdown
    body: type[BaseModel] | None = None
    body_optional: bool = False  # no body is an empty object
    example: Mapping[str, Any] | None = None  # of the body
    query: type[BaseModel] | None = None
    answers: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    problems: tuple[type[Problem], ...] = ()
    retry: Retry = Retry.NATURAL
    queues: bool = False  # the handler waits in a queue of ours, which lets it go at once when its time is up
    streams: bool = False  # the handler reads the body itself, or answers for as long as it likes
    takes: tuple[str, ...] = ()  # media types of a body that the handler reads itself
    media: str = "application/json"  # of the answer
    also: tuple[str, ...] = ()  # other media types that the caller may ask for
    clerk: bool = True  # whether it matters who works at the device; if not, a session that is over is no hindrance
    page: bool = False  # for people, who find their way by themselves: the document does not speak of it

    async def read(self, request: web.Request, caller: Caller) -> Call[Any]:
        """Check everything that can be checked before the handler runs."""
        check_address(request)
        key = None if self.retry is Retry.NATURAL else read_key(request, required=self.retry is Retry.REQUIRED)
        query = read_query(request, self.query) if self.query else None
        body = await read_body(request, self.body, optional=self.body_optional) if self.body else None
        return Call(request, caller, body, query, self._first(request, caller, key, (query, body)) if key else None)

    @staticmethod
    def _first(
        request: web.Request, caller: Caller, key: str, asked: tuple[BaseModel | None, BaseModel | None]
    ) -> idempotency.Request:
        return idempotency.Request(
            store=request.match_info.get("store", ""),
            credential=caller.credential,
            operation=f"{request.method} {request.path}",
            key=key,
            fingerprint=idempotency.fingerprint("\n".join(part.model_dump_json() for part in asked if part)),
        )

    def respond(self, answer: Answer) -> web.Response:
        """Write an answer; what has a version carries it as its ETag, also when it is told a second time."""
        text, headers = answer.text(), dict(answer.headers)
        refused = answer.status >= HTTPStatus.BAD_REQUEST
        model = self.answers.get(answer.status)
        if model is not None and "version" in model.model_fields and "ETag" not in headers:
            headers["ETag"] = f'"{json.loads(text)["version"]}"'
        media = "application/problem+json" if refused else self.media if text else None
        return web.Response(text=text or None, status=answer.status, headers=headers, content_type=media)


def replayed(body: str, status: int) -> Answer:
    """The first answer again, byte for byte."""
    return Answer(body, status, {"Idempotency-Replayed": "true"})


def tagged(body: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with its resource's version as ETag, read from the JSON itself; a problem kept before has none."""
    version = _VERSION.search(body)
    return Answer(body, status, {**({"ETag": f'"{version[1]}"'} if version else {}), **(headers or {})})
