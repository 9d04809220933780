"""The page on which a tablet is paired: the code that the manager sees, typed or brought along by the QR."""

from functools import partial
from http import HTTPStatus

from aiohttp import web

from service import attempts, devices
from service.access_errors import WrongPairingCode
from service.api import limits
from service.api.access import COOKIE_SECONDS, DEVICE_COOKIE, cookie
from service.api.endpoints import Call, Endpoint
from service.api.origins import refuse_other_sites
from service.api.reading import checked
from service.attempts import PAIRING_CODE, Guess
from service.database import transaction
from service.errors import Forbidden, Problem
from service.messages.spelling import language
from service.models.devices import ClaimBody
from service.screens.admin_frame import HEADERS, Refusal, form
from service.screens.rendering import render, words

AFTERWARDS = "/counter"


def _show(call: Call[None], code: str, problem: Problem | None = None) -> web.Response:
    asked = call.request.query.get("lang") or call.request.headers.get("Accept-Language", "")[:5]
    spoken = language(asked, call.settings.default_locale)
    say = words("pairing", spoken)
    response = render(
        call.request,
        "pairing.html",
        spoken,
        say=say,
        code=code[:20],
        status=HTTPStatus.OK if problem is None else HTTPStatus(problem.status),
        problem=None if problem is None else Refusal.of(problem, say).sentence,
    )
    response.headers.update(HEADERS)
    return response


async def look(call: Call[None]) -> web.Response:
    """The form; nothing is paired by looking."""
    return _show(call, call.request.query.get("code", ""))


async def pair(call: Call[None]) -> web.Response:
    """Pair this browser, and open its counter."""
    refuse_other_sites(call.request)
    code = (await form(call)).get("code", "")
    guess = Guess(PAIRING_CODE, "", limits.address(call.request))
    try:
        async with attempts.counted(call.pool, guess, WrongPairingCode), transaction(call.pool) as db:
            claimed = await devices.claim(db, checked(ClaimBody.model_validate, {"code": code}).code)
    except Problem as problem:
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return _show(call, code, problem)
    kept = cookie(DEVICE_COOKIE, claimed.token, seconds=COOKIE_SECONDS)
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": AFTERWARDS, "Set-Cookie": kept})


_page = partial(
    Endpoint,
    path="/pair",
    summary="",
    tag="Administration",
    scopes=None,
    media="text/html",
    answers={200: None, 303: None},
    problems=(Forbidden,),
    page=True,
)

ENDPOINTS: tuple[Endpoint, ...] = (_page(method="GET", handle=look), _page(method="POST", handle=pair))
