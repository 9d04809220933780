"""The door of the administration: in with a key, out, and in which language."""

from http import HTTPStatus

from aiohttp import web

from service import admin_sessions
from service.api.access import KEYRING, cookie
from service.api.endpoints import Call, Endpoint, Handler
from service.api.origins import refuse_other_sites
from service.callers import Caller, Scope
from service.database import transaction
from service.errors import Forbidden, Problem, Unauthorized
from service.messages.spelling import Language, language
from service.screens import (
    admin_devices,
    admin_imports,
    admin_keys,
    admin_messages,
    admin_policy,
    admin_reports,
    admin_stores,
    admin_webhooks,
)
from service.screens.admin_frame import (
    COOKIE,
    HEADERS,
    HOME,
    ROOMS,
    SIGN_IN,
    Page,
    Refusal,
    endpoint,
    form,
    seeing,
    visit_of,
)
from service.screens.rendering import render, words

ANY = frozenset[Scope]()


async def home(page: Page) -> web.Response:
    """The first page that they may see."""
    return seeing(next((path for _, path, scopes in ROOMS if page.visit.may(*scopes)), SIGN_IN))


def _spoken(call: Call[None]) -> Language:
    """The language asked for, else the browser's, else the shop's."""
    asked = call.request.query.get("lang") or call.request.headers.get("Accept-Language", "")[:5]
    return language(asked, call.settings.default_locale)


def _door(call: Call[None], to: str, *, problem: Problem | None = None) -> web.Response:
    spoken = _spoken(call)
    say = words("admin", spoken)
    response = render(
        call.request,
        "admin/sign_in.html",
        spoken,
        say=say,
        status=HTTPStatus.OK if problem is None else HTTPStatus(problem.status),
        problem=None if problem is None else Refusal.of(problem, say),
        to=_within(to),
    )
    response.headers.update(HEADERS)
    return response


def _within(address: str) -> str:
    """Where to go on: a page of the administration, and nowhere else."""
    ours = address.startswith(f"{HOME}/") and "\\" not in address and "//" not in address
    return address if ours and address.isascii() and address.isprintable() else HOME


async def knock(call: Call[None]) -> web.Response:
    """The door."""
    return seeing(HOME) if await visit_of(call) else _door(call, call.request.query.get("to", HOME))


async def come_in(call: Call[None]) -> web.Response:
    """A key is typed once; from then on a cookie that no script reads says who it is."""
    refuse_other_sites(call.request)
    fields = await form(call)
    try:
        caller = _admitted(await call.request.app[KEYRING].authenticate(fields.get("key", "")))
        async with transaction(call.pool) as db:
            session = await admin_sessions.begin(db, caller, language=_spoken(call))
    except (Unauthorized, Forbidden) as problem:
        return _door(call, fields.get("to", HOME), problem=problem)
    response = seeing(_within(fields.get("to", HOME)))
    response.headers["Set-Cookie"] = cookie(COOKIE, session, seconds=admin_sessions.HOURS * 3600, same_site="Lax")
    return response


def _admitted(caller: Caller) -> Caller:
    """Who may see anything here. Raises Forbidden."""
    if caller.device or not any(caller.scopes & scopes for _, _, scopes in ROOMS):
        raise Forbidden
    return caller


async def leave(page: Page) -> web.Response:
    """Out: the cookie means nothing any more, wherever it is."""
    async with transaction(page.call.pool) as db:
        await admin_sessions.end(db, page.visit)
    response = seeing(SIGN_IN)
    response.headers["Set-Cookie"] = cookie(COOKIE, "", same_site="Lax")
    return response


async def speak(page: Page) -> web.Response:
    """Go on in the other language, where one was."""
    fields = await form(page.call)
    async with transaction(page.call.pool) as db:
        await admin_sessions.speak(db, page.visit, "en" if fields.get("language") == "en" else "fr")
    return seeing(_within(fields.get("to", HOME)))


def _open(method: str, handle: Handler) -> Endpoint:
    return Endpoint(
        method=method,
        path=SIGN_IN,
        handle=handle,
        summary="",
        tag="Administration",
        scopes=None,
        media="text/html",
        answers={200: None, 303: None},
        problems=(Forbidden,),
        page=True,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    _open("GET", knock),
    _open("POST", come_in),
    endpoint("GET", HOME, home, ANY),
    endpoint("POST", "/admin/sign-out", leave, ANY),
    endpoint("POST", "/admin/language", speak, ANY),
    *admin_reports.ENDPOINTS,
    *admin_stores.ENDPOINTS,
    *admin_devices.ENDPOINTS,
    *admin_keys.ENDPOINTS,
    *admin_messages.ENDPOINTS,
    *admin_policy.ENDPOINTS,
    *admin_imports.ENDPOINTS,
    *admin_webhooks.ENDPOINTS,
)
