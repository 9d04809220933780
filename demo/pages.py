"""The demo's own pages: where to look, what goes on, and the messages that would have gone out."""

import json
import secrets
import shlex
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from asyncpg import Record
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from demo import tour
from demo.stores import RETAILER
from demo.words import WORDS
from service import board, queries
from service.api.endpoints import OPERATIONS, Call, Endpoint
from service.database import Connection, connection
from service.errors import NotFound
from service.messages import gsm
from service.messages.spelling import Language

SQL = queries.load("demo")

API_KEY: web.AppKey[str] = web.AppKey("api_key", str)
REFUSED: web.AppKey[Counter[str]] = web.AppKey("refused", Counter)

FOLDER = Path(__file__).parent
STATIC = {path.name: path for path in (FOLDER / "static").iterdir()}
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

LATEST = 9
PAGE = 30
VIEWS = ("phone", "wide", "text")
CLOCK = ZoneInfo("Europe/Paris")

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
    " connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}
LETTER_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:;"
    " sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'"
}

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _language(call: Call[Any]) -> Language:
    asked = call.request.query.get("lang") or call.request.cookies.get("language")
    return "en" if asked == "en" else "fr"


def render(call: Call[Any], name: str, **shown: object) -> web.Response:
    """A page in the visitor's language, which they may change by `?lang=`."""
    language = _language(call)
    text = _templates.get_template(name).render(language=language, say=WORDS[language], **shown)
    page = web.Response(text=text, content_type="text/html", headers=SECURITY)
    if "lang" in call.request.query:
        page.set_cookie("language", language, samesite="Lax", httponly=True)
    return page


def moment(at: datetime, pattern: str = "%H:%M:%S") -> str:
    """Spell a moment as the shop's clock has it."""
    return at.astimezone(CLOCK).strftime(pattern)


async def demo(call: Call[Any]) -> web.Response:
    """Guide through it, and make this browser the counter of the shop that is shown."""
    async with connection(call.pool) as db:
        now = await _now(call, db)
        offer = await SQL["plenty"].row(db)
        board_link = await board.link(db, tour.STORE, links=call.links)
    page = render(call, "demo.html", room="demo", curl=_curl(call, offer), board=board_link.url, **now)
    tour.set_cookie(page, await tour.paired(call, _language(call)))
    return page


async def shop(call: Call[Any]) -> web.Response:
    """A web shop as small as can be, which reserves as a real one does."""
    offer = await tour.on_offer(call, _language(call))
    return render(call, "shop.html", offer=offer, store=tour.STORE, key=call.request.app[API_KEY])


async def now(call: Call[Any]) -> web.Response:
    """Tell what the page shows as it is now."""
    async with connection(call.pool) as db:
        return web.json_response(await _now(call, db))


async def _now(call: Call[Any], db: Connection) -> dict[str, Any]:
    counters = await SQL["counters"].row(db)
    token = await SQL["ready_token"].value(db)
    latest = await SQL["latest"].rows(db, most=LATEST)
    refused = call.request.app[REFUSED].total()
    return {
        "counters": {**dict(counters or {}), "refused": refused},
        "customer": call.links.prefix + token if token else None,
        "latest": [_told(event, _language(call)) for event in latest],
    }


def _told(event: Record, language: Language) -> dict[str, str]:
    return {
        "id": str(event["id"]),
        "at": moment(event["at"]),
        "store": event["store"].removeprefix(f"{RETAILER} "),
        "order_ref": event["order_ref"],
        "state": event["state"],
        "said": WORDS[language][f"state_{event['state']}"],
    }


def _curl(call: Call[Any], offer: Record | None) -> str | None:
    """Spell a reservation that can be pasted into a terminal, of something of which there is plenty."""
    if offer is None:
        return None
    order_ref = f"ESSAI-{secrets.token_hex(3).upper()}"
    body = {
        "order_ref": order_ref,
        "channel": "web",
        "customer": {"name": "Camille Martin", "email": "camille@example.com", "locale": _language(call)},
        "lines": [{"sku": offer["sku"], "quantity": 1}],
    }
    parts = (
        f"curl {str(call.settings.public_url).rstrip('/')}/v1/stores/{offer['store']}/reservations",
        f"-H 'Authorization: Bearer {call.request.app[API_KEY]}'",
        f"-H 'Idempotency-Key: {order_ref.lower()}'",
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(json.dumps(body))}",
    )
    return " \\\n  ".join(parts)


async def inbox(call: Call[Any]) -> web.Response:
    """Show the messages that would have gone out, and one of them."""
    start, chosen = _number(call, "from"), _number(call, "message")
    view = call.request.query.get("view")
    async with connection(call.pool) as db:
        rows = await SQL["inbox"].rows(db, **{"from": start}, most=PAGE + 1)
        newest = await SQL["newest"].value(db)
        first = chosen or (rows[0]["id"] if rows else None)
        message = await _message(db, first) if first else None
        carriers = await SQL["carriers"].rows(db)
    return render(
        call,
        "inbox.html",
        room="inbox",
        messages=[{**dict(row), "at": moment(row["captured_at"])} for row in rows[:PAGE]],
        older=rows[PAGE]["id"] if len(rows) > PAGE else None,
        newest=newest,
        from_here=f"&from={start}" if start else "",
        message=message,
        carriers=[dict(row) for row in carriers],
        chosen=chosen is not None,
        seen=view if view in VIEWS else VIEWS[0],
    )


async def _message(db: Connection, id: int) -> dict[str, Any]:
    row = await SQL["message"].row(db, id=id)
    if row is None:
        raise NotFound("There is no such message.")
    return {**dict(row), **_measure(row["body_text"]), "at": moment(row["captured_at"], "%d/%m %H:%M:%S")}


def _measure(text: str) -> dict[str, Any]:
    """What it takes to send this as a text message."""
    septets, segments = gsm.septets(text), gsm.segments(text)
    one, each = (160, 153) if septets is not None else (70, 67)
    return {
        "segments": segments,
        "length": septets or len(text),
        "room": one if segments == 1 else each * segments,
        "alphabet": "GSM-7" if septets is not None else "UCS-2",
    }


async def newer(call: Call[Any]) -> web.Response:
    """Count the messages since one."""
    async with connection(call.pool) as db:
        return web.json_response({"newer": await SQL["newer"].value(db, id=_number(call, "than") or 0)})


async def letter(call: Call[Any]) -> web.Response:
    """Show an e-mail as a mail program would: no scripts, nothing fetched, links in windows of their own."""
    id = call.part("id")
    if not id.isascii() or not id.isdigit():
        raise NotFound("There is no such message.")
    async with connection(call.pool) as db:
        message = await _message(db, int(id))
    if message["body_html"] is None:
        raise NotFound("This message is no letter.")
    html = message["body_html"].replace("<head>", '<head><base target="_blank">', 1)
    return web.Response(text=html, content_type="text/html", headers=LETTER_SECURITY)


def _number(call: Call[Any], name: str) -> int | None:
    text = call.request.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < len(str(2**63)) else None


async def static(call: Call[Any]) -> web.Response:
    """Hand out what the pages are dressed in."""
    path = STATIC.get(call.part("name"))
    if path is None:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": "no-cache"}
    return web.Response(text=path.read_text(encoding="utf-8"), content_type=KINDS[path.suffix], headers=headers)


def _page(path: str, handle: Any, summary: str, media: str = "text/html") -> Endpoint:
    return Endpoint(method="GET", path=path, handle=handle, summary=summary, tag=OPERATIONS, scopes=None, media=media)


ENDPOINTS: tuple[Endpoint, ...] = (
    _page("/demo", demo, "The tour"),
    _page("/demo/shop", shop, "A shop on the web"),
    _page("/demo/now", now, "What goes on", "application/json"),
    _page("/demo/static/{name}", static, "How the pages look", "text/css"),
    _page("/inbox", inbox, "The messages that would have gone out"),
    _page("/inbox/newer", newer, "How many messages came since", "application/json"),
    _page("/inbox/{id}/html", letter, "One e-mail"),
)
