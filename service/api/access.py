"""Who is calling, and what they may do: a key or a device by its bearer, a device's browser by its cookie."""

from contextlib import nullcontext
from http.cookies import SimpleCookie

from aiohttp import hdrs, web

from service import clerks
from service.api import limits
from service.api.canonical_log import CALLER
from service.api.endpoints import OPERATIONS, POOL, PROVIDERS, Endpoint
from service.api.origins import SAFE, refuse_other_sites
from service.callers import Caller
from service.errors import Forbidden, Unauthorized, UnknownStore
from service.keys import Keyring

KEYRING: web.AppKey[Keyring] = web.AppKey("keyring", Keyring)

DEVICE_COOKIE = "__Host-comptoir-device"
CLERK_COOKIE = "__Host-comptoir-clerk"
COOKIE_SECONDS = 400 * 24 * 3600  # browsers keep nothing longer; a device's is renewed as it is used

NOBODY_AT_WORK: web.RequestKey[bool] = web.RequestKey("nobody_at_work", bool)
"""The clerk's session is over: the answer takes its cookie away."""


def recognise(request: web.Request, *, clerk: bool) -> Caller | None:
    """Who holds the key of this request, where that is known from a moment ago. Raises Unauthorized without a key.

    `clerk`: whether it matters who works at a device; that is never known from before.
    """
    caller = request.app[KEYRING].recognise(credential(request))
    return None if clerk and caller is not None and _session(request, caller) else caller


async def authenticate(request: web.Request, *, clerk: bool) -> Caller:
    """Who holds the key of this request, as the database knows it, and who works there.

    Raises Unauthorized, and TooManyRequests for an address that has guessed too often: a wrong key costs a query.
    """
    keyring, told = request.app[KEYRING], credential(request)
    with limits.guessing(request) if keyring.is_stranger(told) else nullcontext():
        caller = await keyring.authenticate(told)
    session = _session(request, caller) if clerk else None
    if not session:
        return caller
    deed = request.method not in SAFE
    worker = await clerks.working(request.app[POOL], caller, session, deed=deed)
    if worker is None:
        request[NOBODY_AT_WORK] = True
        raise Unauthorized(
            "Nobody works at this device any more: a clerk gives their PIN again.", reason="clerk_session_over"
        )
    return Caller(caller.credential, caller.scopes, caller.stores, worker)


def _session(request: web.Request, caller: Caller) -> str | None:
    """What says who works at the device."""
    return request.cookies.get(CLERK_COOKIE) if caller.device else None


def admit(endpoint: Endpoint, request: web.Request, caller: Caller) -> None:
    """Let a caller in who may do this, here.

    Raises TooManyRequests, Forbidden naming the scopes that would do, and UnknownStore for a store that is not
    the caller's, in the same words as for one that does not exist.
    """
    if endpoint.scopes is None:
        if endpoint.tag != OPERATIONS:
            buckets = request.app[limits.PER_KEY if endpoint.tag == PROVIDERS else limits.PER_ADDRESS]
            limits.take(request, buckets, limits.address(request))
        return
    request[CALLER] = caller
    limits.take(request, request.app[limits.PER_KEY], caller.credential)
    if not caller.scopes & endpoint.scopes:
        needed = sorted(endpoint.scopes)
        raise Forbidden(f"This needs a key with the scope {' or '.join(needed)}.", scopes=needed)
    store = request.match_info.get("store")
    if store is not None and not caller.may_see(store):
        raise UnknownStore


def credential(request: web.Request) -> str:
    """What the request carries to say who asks. Raises Unauthorized, and Forbidden for a cookie from another site."""
    told = request.headers.getall(hdrs.AUTHORIZATION, [])
    if not told and (cookie := request.cookies.get(DEVICE_COOKIE)):
        refuse_other_sites(request)
        return cookie
    kind, _, text = (told[0] if len(told) == 1 else "").partition(" ")
    if kind.lower() != "bearer":
        raise Unauthorized
    return text.strip()


def cookie(name: str, value: str, *, seconds: int | None = None, same_site: str = "Strict") -> str:
    """Spell a cookie that goes back to this host alone, over TLS alone, and that no script reads; '' takes it away.

    `seconds`: how long it is kept; None: as long as the browser runs.
    """
    jar: SimpleCookie = SimpleCookie({name: value})
    kept = jar[name]
    kept["path"], kept["secure"], kept["httponly"], kept["samesite"] = "/", True, True, same_site
    if seconds is not None or not value:
        kept["max-age"] = seconds if value else 0
    return kept.OutputString()
