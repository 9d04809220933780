"""The customer's page: where the order is, and what they can do about it, with no more than a link."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import segno
from aiohttp import web

from service import orders
from service.api.endpoints import Answer, Call, Endpoint
from service.database import connection
from service.errors import UnknownReservation, WrongState
from service.messages import spelling
from service.messages.spelling import Language
from service.models.orders import OrderSeen, StoreSeen
from service.orders import Seen
from service.screens import calendar
from service.screens.rendering import render, words

MAP = "https://www.openstreetmap.org/"  # a link that the customer may follow; nothing is asked of it by us
QR_PIXELS = 6  # per module, as a picture of its own


async def look(call: Call[Any]) -> Seen:
    """What the link opens. Raises UnknownReservation."""
    async with connection(call.pool) as db:
        return await orders.seen(db, call.part("token"), links=call.links)


def wants_page(call: Call[Any]) -> bool:
    """Whether a browser asks, and no program."""
    return "text/html" in call.request.headers.get("Accept", "")


async def show(call: Call[None]) -> Answer | web.Response:
    """The order as its customer sees it: a page, or JSON for a program."""
    return await page(call) if wants_page(call) else Answer((await look(call)).order)


async def ask(call: Call[None]) -> Answer | web.Response:
    """The question alone, as a message may link to it."""
    return await page(call, "survey.html") if wants_page(call) else Answer((await look(call)).order)


@dataclass(frozen=True, slots=True)
class Refused:
    """What was typed into a form, and why it was not done."""

    form: str = ""
    code: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    status: HTTPStatus = HTTPStatus.OK


NOTHING_REFUSED = Refused()


async def page(call: Call[Any], template: str = "customer.html", refused: Refused = NOTHING_REFUSED) -> web.Response:
    """The page in the language that was chosen, or in the customer's."""
    chosen = spelling.language(call.request.query.get("lang", ""), "fr") if "lang" in call.request.query else None
    try:
        seen = await look(call)
    except UnknownReservation:
        language = chosen or call.settings.default_locale
        say = words("customer", language)
        return render(call.request, "gone.html", language, say=say, status=HTTPStatus.NOT_FOUND)
    language = chosen or spelling.language(seen.locale, call.settings.default_locale)
    order, token = seen.order, call.part("token")
    money = order.amount_due and order.currency
    return render(
        call.request,
        template,
        language,
        say=words("customer", language),
        status=refused.status,
        order=order,
        answer=seen.answer,
        now=seen.now,
        channels=seen.channels,
        score=call.request.query.get("score", ""),
        token=token,
        chosen=f"?lang={chosen}" if chosen else "",
        refused=refused,
        spell=partial(_spell, zone=ZoneInfo(order.store.time_zone), language=language),
        until=partial(_until, zone=ZoneInfo(order.store.time_zone), language=language),
        clock=partial(_clock, zone=ZoneInfo(order.store.time_zone), language=language),
        due=spelling.money(order.amount_due or 0, order.currency or "", language) if money else None,
        map=_map(order.store),
        qr=_qr(token),
    )


def _spell(moment: datetime, *, zone: ZoneInfo, language: Language) -> str:
    return spelling.moment(moment.astimezone(zone), language)


def _until(moment: datetime, *, zone: ZoneInfo, language: Language) -> str:
    return spelling.moment(spelling.deadline(moment.astimezone(zone)), language)


def _clock(moment: datetime, *, zone: ZoneInfo, language: Language) -> str:
    return spelling.clock(moment.astimezone(zone), language)


def _map(store: StoreSeen) -> str | None:
    if store.latitude is not None and store.longitude is not None:
        here = f"{store.latitude:.5f}", f"{store.longitude:.5f}"
        return f"{MAP}?mlat={here[0]}&mlon={here[1]}#map=17/{here[0]}/{here[1]}"
    return f"{MAP}search?query={quote(store.one_line())}" if store.address else None


@lru_cache(maxsize=500)
def _qr(token: str, scale: int | None = None) -> str:
    """The token alone, so that any scanner can type it; without a scale it is as large as its place."""
    picture = io.BytesIO()
    made = segno.make(token.upper(), error="m", boost_error=False)
    made.save(picture, kind="svg", scale=scale or 1, omitsize=scale is None, xmldecl=False, svgns=True)
    return picture.getvalue().decode()


async def qr(call: Call[None]) -> web.Response:
    """The QR that the counter scans."""
    await look(call)
    return web.Response(text=_qr(call.part("token"), QR_PIXELS), content_type="image/svg+xml")


async def appointment(call: Call[None]) -> web.Response:
    """The collection as an event for the customer's calendar."""
    seen = await look(call)
    text = calendar.spell(seen, words("customer", spelling.language(seen.locale, call.settings.default_locale)))
    if text is None:
        raise WrongState("There is nothing to put into a calendar yet.")
    headers = {"Content-Disposition": 'attachment; filename="reservation.ics"'}
    return web.Response(text=text, content_type="text/calendar", headers=headers)


def _page(path: str, handle: Any, summary: str, media: str, model: type[OrderSeen] | None = None) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        handle=handle,
        summary=summary,
        tag="Customer",
        scopes=None,
        media=media,
        answers={200: model, 304: None} if model else {200: None},
        problems=(UnknownReservation, WrongState),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    _page("/p/{token}", show, "The order as its customer sees it", "application/json", OrderSeen),
    _page("/p/{token}/qr.svg", qr, "The QR that the counter scans", "image/svg+xml"),
    _page("/p/{token}/reservation.ics", appointment, "The collection as a calendar event", "text/calendar"),
    _page("/s/{token}", ask, "The question after the handover", "application/json", OrderSeen),
)
