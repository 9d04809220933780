"""Who is calling, and what they may do."""

from aiohttp import hdrs, web

from service.api import limits
from service.api.canonical_log import CALLER
from service.api.endpoints import OPERATIONS, PROVIDERS, Endpoint
from service.callers import Caller
from service.errors import Forbidden, Unauthorized, UnknownStore
from service.keys import Keyring

KEYRING: web.AppKey[Keyring] = web.AppKey("keyring", Keyring)


def recognise(request: web.Request) -> Caller | None:
    """Who holds the key of this request, where that is known from a moment ago. Raises Unauthorized without a key."""
    return request.app[KEYRING].recognise(bearer(request))


async def authenticate(request: web.Request) -> Caller:
    """Who holds the key of this request, as the database knows it. Raises Unauthorized."""
    return await request.app[KEYRING].authenticate(bearer(request))


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


def bearer(request: web.Request) -> str:
    """The key that the request carries. Raises Unauthorized."""
    kind, _, text = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if kind.lower() != "bearer" or len(request.headers.getall(hdrs.AUTHORIZATION)) > 1:
        raise Unauthorized
    return text.strip()
