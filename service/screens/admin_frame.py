"""What every page of the administration is made in: who is there, what they may see, how forms are read and refused."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from multidict import MultiDict

from service import admin_sessions, idempotency
from service.admin_sessions import Visit
from service.api.canonical_log import CALLER, PROBLEM
from service.api.endpoints import Call, Endpoint
from service.api.origins import refuse_other_sites
from service.api.reading import read_form
from service.callers import Scope
from service.database import Connection, connection
from service.errors import Forbidden, Problem
from service.messages.spelling import FIXED, Language, brief_moment
from service.screens.admin_typed import Typed
from service.screens.rendering import render, words

COOKIE = "__Host-comptoir-admin"
HOME = "/admin"
SIGN_IN = "/admin/sign-in"

CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "Referrer-Policy": "same-origin",  # without it a form says that it comes from nowhere
    "Cross-Origin-Opener-Policy": "same-origin",
}

ROOMS: tuple[tuple[str, str, frozenset[Scope]], ...] = (
    ("day", "/admin/day", frozenset({Scope.REPORTS})),
    ("stores", "/admin/stores", frozenset({Scope.STORES})),
    ("devices", "/admin/devices", frozenset({Scope.ADMIN})),
    ("keys", "/admin/keys", frozenset({Scope.ADMIN})),
    ("messages", "/admin/messages", frozenset({Scope.ADMIN})),
    ("imports", "/admin/imports", frozenset({Scope.STOCK})),
    ("webhooks", "/admin/webhooks", frozenset({Scope.ADMIN})),
)
"""The pages one can go to, and the scopes any of which opens them."""

_LONGEST_VERSION = 9  # digits: an integer of PostgreSQL

Form = MultiDict[str]
Made = TypeVar("Made")


@dataclass(slots=True)
class Page:
    """One request for a page, by somebody who may see it."""

    call: Call[Any]
    visit: Visit

    @property
    def say(self) -> dict[str, str]:
        """The words of their language."""
        return words("admin", self.visit.language)

    def show(self, template: str, *, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> web.Response:
        """The page. `done` in the address says what was just done."""
        done = self.call.request.query.get("done", "")
        response = render(
            self.call.request,
            f"admin/{template}",
            self.visit.language,
            say=self.say,
            status=status,
            rooms=[(name, path) for name, path, scopes in ROOMS if self.visit.may(*scopes)],
            here=self.call.request.path_qs,
            room=_room(self.call.request.path),
            whose=self.visit.name,
            done=self.say.get(f"done_{done}"),
            once=uuid4(),
            when=partial(_when, zone=self.visit.zone, language=self.visit.language),
            **{"problem": None, "typed": Typed(self.call.request.path, None), **values},
        )
        response.headers.update(HEADERS)
        return response

    def refused(self, problem: Problem, template: str, *, typed: Form | None = None, **values: Any) -> web.Response:
        """The page again, with what was wrong and what was `typed`."""
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise problem
        self.call.request[PROBLEM] = problem.code()
        return self.show(
            template,
            status=HTTPStatus(problem.status),
            problem=Refusal.of(problem, self.say),
            typed=Typed(self.call.request.path, typed),
            **values,
        )


def _room(path: str) -> str:
    """Which of the pages one is on, or below."""
    if path.endswith("/clerks"):
        return "devices"
    if path == "/admin/new-store":
        return "stores"
    return next((name for name, start, _ in ROOMS if path == start or path.startswith(f"{start}/")), "")


def _when(at: datetime, *, zone: ZoneInfo, language: Language) -> Markup:
    """Spell a moment, by the clocks of the stores; where they have several, it says that it is UTC."""
    there = at.astimezone(zone)
    known = "" if zone.key != "UTC" else f"{FIXED}UTC"
    spelled = f"{brief_moment(there, language)}{known}"
    return Markup('<time datetime="{}">{}</time>').format(there.isoformat(), spelled)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done, for people: a sentence, and each fault with the place where it is.

    A fault's message is followed by whether it is in their language.
    """

    sentence: str
    faults: list[tuple[str, str, bool]]

    @classmethod
    def of(cls, problem: Problem, say: Mapping[str, str]) -> "Refusal":
        """In their language as far as we know it, else as programs are told."""
        sentence = say.get(f"problem_{problem.code()}", problem.detail)
        return cls(sentence, [_fault(fault, say) for fault in problem.facts.get("errors", [])])


def _fault(told: Mapping[str, str], say: Mapping[str, str]) -> tuple[str, str, bool]:
    place = (told.get("pointer") or told.get("parameter", "")).strip("/").replace("/", " ")
    of_field = f"fault_at_{place.partition(' ')[0] or 'whole'}"
    name = of_field if told["code"] == "value_error" else f"fault_{told['code']}"
    if name not in say:
        return place, told["message"], False
    number = re.search(r"-?\d+", told["message"])  # as long as it may be, as small …
    return place, say[name].replace("{number}", number[0] if number else ""), True


Show = Callable[[Page], Awaitable[web.StreamResponse]]


async def visit_of(call: Call[Any]) -> Visit | None:
    """Who is there, by their cookie."""
    text = call.request.cookies.get(COOKIE)
    if not text:
        return None
    async with connection(call.pool) as db:
        return await admin_sessions.find(db, text)


async def serve(call: Call[Any], *, show: Show, scopes: frozenset[Scope]) -> web.StreamResponse:
    """Show a page to who may see it; who is nobody is led to the door, and back here afterwards.

    Raises Forbidden for a form that no page of ours sent.
    """
    visit = await visit_of(call)
    if visit is None:
        back = quote(call.request.path_qs if call.request.method == "GET" else HOME, safe="/")
        return seeing(f"{SIGN_IN}?to={back}")
    refuse_other_sites(call.request)
    call.request[CALLER] = visit.caller
    page = Page(call, visit)
    store = call.request.match_info.get("store")
    if (scopes and not visit.may(*scopes)) or (store is not None and not visit.caller.may_see(store)):
        return page.refused(Forbidden(), "refused.html")
    try:
        return await show(page)
    except Problem as problem:
        return page.refused(problem, "refused.html")


def seeing(address: str) -> web.Response:
    """Go on there, with a GET."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": address})


async def form(call: Call[Any]) -> Form:
    """What a form brought: texts without blanks around them."""
    return MultiDict((name, value.strip()) for name, value in (await read_form(call.request)).items())


def version(fields: Form) -> int:
    """The version that a form was shown; what is none is nobody's."""
    text = fields.get("version", "")
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_VERSION else 0


async def once(page: Page, fields: Form, work: Callable[[Connection], Awaitable[Made]]) -> Made | None:
    """Do what a form asks in one transaction, and only once for the sending of it; None: it was done before."""
    made: list[Made] = []

    async def kept(db: Connection) -> idempotency.Kept:
        made.append(await work(db))
        return idempotency.Kept(HTTPStatus.SEE_OTHER, "")

    request = idempotency.Request(
        store="",
        credential=page.visit.caller.credential,
        operation=f"POST {page.call.request.path}",
        key=fields.get("once", "") or str(uuid4()),
        fingerprint=idempotency.fingerprint(""),
    )
    await idempotency.once(page.call.pool, request, kept)
    return made[0] if made else None


def endpoint(method: str, path: str, show: Show, scopes: frozenset[Scope], *, streams: bool = False) -> Endpoint:
    """Declare a page: its session says who may, as `scopes` do; a key or a device opens none."""
    return Endpoint(
        method=method,
        path=path,
        handle=partial(serve, show=show, scopes=scopes),
        summary="",
        tag="Administration",
        scopes=None,
        media="text/html",
        answers={200: None, 303: None},
        problems=(Forbidden,),
        page=True,
        streams=streams,
    )
