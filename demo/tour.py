"""The tour: a shop on the left, its counter in the middle, the customer's phone on the right, all of them real."""

from typing import Any

from aiohttp import hdrs, web

from service import devices, queries
from service.api.access import COOKIE_SECONDS, DEVICE_COOKIE, KEYRING, cookie
from service.api.endpoints import Call
from service.callers import Caller, Scope
from service.database import connection, transaction
from service.errors import Unauthorized
from service.messages import spelling
from service.models.devices import DeviceBody
from service.models.devices import Language as Spoken

SQL = queries.load("demo")

STORE = "367"  # whose counter the tour shows
ON_OFFER = 4
GUIDE = Caller("demo", frozenset({Scope.ADMIN}))

CLOSED, OPEN = "frame-ancestors 'none'", "frame-ancestors 'self'"


async def paired(call: Call[Any], language: Spoken) -> str | None:
    """The cookie that makes this browser the counter of the tour's shop; None where it is one already."""
    token = call.request.cookies.get(DEVICE_COOKIE)
    if token:
        try:
            await call.request.app[KEYRING].authenticate(token)
        except Unauthorized:
            pass  # of a demo before this one
        else:
            return None
    body = DeviceBody(store=STORE, name="Visite", language=language)
    async with transaction(call.pool) as db:
        _, pairing = await devices.create(db, body, caller=GUIDE, public_url=str(call.settings.public_url))
        claimed = await devices.claim(db, pairing.code)
    return cookie(DEVICE_COOKIE, claimed.token, seconds=COOKIE_SECONDS)


async def on_offer(call: Call[Any], language: Spoken) -> list[dict[str, Any]]:
    """What the shop of the tour shows: some things of which there is plenty, with their price."""
    async with connection(call.pool) as db:
        rows = await SQL["on_offer"].rows(db, store=STORE, most=ON_OFFER)
    return [{**row, "costs": spelling.money(row["price"], row["currency"], language)} for row in rows]


async def may_be_framed(_request: web.Request, response: web.StreamResponse) -> None:
    """Let the tour show pages of the service in frames: in the demo, and nowhere else."""
    policy = response.headers.get("Content-Security-Policy", "")
    if response.content_type == "text/html" and CLOSED in policy:
        response.headers["Content-Security-Policy"] = policy.replace(CLOSED, OPEN)


def set_cookie(response: web.Response, spelled: str | None) -> None:
    """Send a cookie along."""
    if spelled:
        response.headers.add(hdrs.SET_COOKIE, spelled)
