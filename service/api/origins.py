"""Where a browser's request comes from: what it sends by itself, like a cookie, counts only from our own pages."""

from aiohttp import hdrs, web
from yarl import URL

from service.api.endpoints import SETTINGS
from service.errors import Forbidden

SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})


def refuse_other_sites(request: web.Request) -> None:
    """Let a change through only where the browser says that one of our pages asked for it. Raises Forbidden.

    Ours is what PUBLIC_URL names, and the host that the request itself was sent to: a cookie goes to no other.
    """
    if request.method in SAFE:
        return
    told = request.headers.getall(hdrs.ORIGIN, [])
    if len(told) != 1 or not _ours(told[0], request):
        raise Forbidden("This asks in the name of another site, or of none: send Origin, as browsers do.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Forbidden("This came from another site.")


def _ours(told: str, request: web.Request) -> bool:
    try:
        origin = URL(told)
        host = URL(f"{origin.scheme}://{request.headers.get(hdrs.HOST, '')}")
    except ValueError:
        return False
    if origin.scheme not in {"http", "https"} or not origin.host:
        return False
    public = URL(str(request.app[SETTINGS].public_url)).origin()
    return origin in {public, host}
