"""The customer's page: where the order is, and what they can do about it, with no more than a link."""

import io
import json
from datetime import datetime, timedelta
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import segno
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from service import changes, picking, reservations, steps, stores
from service.api.endpoints import Answer, Call, Endpoint
from service.api.reading import checked, read_body
from service.callers import CUSTOMER
from service.database import Connection, connection, transaction
from service.errors import AlreadyExtended, InvalidRequest, Problem, TooLate, UnknownReservation, WrongState
from service.messages import spelling
from service.messages.spelling import Language
from service.models.fields import Asked
from service.models.orders import AnswerBody, OrderSeen
from service.models.reservations import Delegate, Reservation
from service.models.steps import CancelBody, ChangeBody, ExtendBody, Nothing
from service.models.stores import Store
from service.reservations import Place

HERE = Path(__file__).parent
PAGES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
CONTENT_SECURITY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
QR_PIXELS = 6  # per module


@cache
def words(language: Language) -> dict[str, str]:
    """What the page says, in one language."""
    said: dict[str, str] = json.loads((HERE / "words" / f"{language}.json").read_text())
    return {name: spelling.typeset(text, language) for name, text in said.items()}


async def _seen(db: Connection, call: Call[Any]) -> tuple[Reservation, Store]:
    place = await reservations.of_token(db, call.part("token"), links=call.links)
    body = await reservations.find(db, place.store, place.id, links=call.links)
    return Reservation.model_validate_json(body), await stores.known(db, place.store)


def _wants_page(call: Call[Any]) -> bool:
    accepted = call.request.headers.get("Accept", "")
    return "text/html" in accepted or "application/x-www-form-urlencoded" in call.request.content_type


async def look(call: Call[None]) -> Answer | web.Response:
    """The order as its customer sees it: a page, or JSON for a program."""
    try:
        async with connection(call.pool) as db:
            order, store = await _seen(db, call)
    except UnknownReservation:
        if not _wants_page(call):
            raise
        return _page("gone.html", call.settings.default_locale, status=HTTPStatus.NOT_FOUND)
    seen = OrderSeen.of(order, store)
    if not _wants_page(call):
        return Answer(seen)
    language = spelling.language(call.request.query.get("lang", order.customer.locale), call.settings.default_locale)
    spell = partial(_spell, zone=ZoneInfo(store.time_zone), language=language)
    due = spelling.money(seen.amount_due, seen.currency, language) if seen.amount_due and seen.currency else None
    return _page("customer.html", language, order=seen, token=call.part("token"), spell=spell, due=due, qr=_qr(call))


def _spell(moment: datetime, *, zone: ZoneInfo, language: Language) -> str:
    return spelling.moment(moment.astimezone(zone), language)


def _page(template: str, language: Language, *, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> web.Response:
    text = PAGES.get_template(template).render(language=language, say=words(language), **values)
    headers = {"Content-Security-Policy": CONTENT_SECURITY, "X-Robots-Tag": "noindex"}
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def _qr(call: Call[Any]) -> str:
    """The token alone, so that any scanner can type it."""
    picture = io.BytesIO()
    segno.make(call.part("token").upper(), error="m").save(
        picture, kind="svg", scale=QR_PIXELS, xmldecl=False, svgns=True
    )
    return picture.getvalue().decode()


async def qr(call: Call[None]) -> web.Response:
    """The QR that the counter scans."""
    async with connection(call.pool) as db:
        await _seen(db, call)
    return web.Response(text=_qr(call), content_type="image/svg+xml")


async def calendar(call: Call[None]) -> web.Response:
    """The collection as an event for the customer's calendar (RFC 5545)."""
    async with connection(call.pool) as db:
        order, store = await _seen(db, call)
    starts = order.slot or order.ready_at or order.ready_by
    if starts is None:
        raise WrongState("There is nothing to put into a calendar yet.")
    language = spelling.language(order.customer.locale, call.settings.default_locale)
    say = words(language)
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Comptoir//EN", "BEGIN:VEVENT"),
        f"UID:{order.id}@comptoir",
        f"DTSTAMP:{order.updated_at:%Y%m%dT%H%M%SZ}",
        f"DTSTART:{starts:%Y%m%dT%H%M%SZ}",
        f"DTEND:{starts + timedelta(minutes=30):%Y%m%dT%H%M%SZ}",
        f"SUMMARY:{_escaped(say['calendar_summary'].format(store=store.name))}",
        f"DESCRIPTION:{_escaped(say['calendar_description'].format(code=order.pickup_code or ''))}",
        f"LOCATION:{_escaped(OrderSeen.of(order, store).store.one_line())}",
        *("END:VEVENT", "END:VCALENDAR", ""),
    ]
    headers = {"Content-Disposition": 'attachment; filename="reservation.ics"'}
    return web.Response(text="\r\n".join(map(_folded, lines)), content_type="text/calendar", headers=headers)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> str:
    """No line of a calendar is longer than 75 bytes; the rest goes on after a blank."""
    parts, rest = [], line
    while len(rest.encode()) > 74:  # noqa: PLR2004 -- 75 less the blank
        cut = len(rest.encode()[:74].decode(errors="ignore"))
        parts.append(rest[:cut])
        rest = rest[cut:]
    return "\r\n ".join([*parts, rest])


async def arrive(db: Connection, place: Place, call: Call[Any], _body: Nothing) -> None:
    """The customer is here."""
    await changes.arrive(db, place.store, place.id, caller=CUSTOMER, links=call.links)


async def extend(db: Connection, place: Place, call: Call[Any], _body: Nothing) -> None:
    """They need some days more; once."""
    await changes.extend(db, place.store, place.id, ExtendBody(), caller=CUSTOMER, links=call.links)


async def cancel(db: Connection, place: Place, call: Call[Any], body: CancelBody) -> None:
    """They don't want it any more."""

    async def judge(db: Connection, current: steps.Current) -> steps.Change:
        return await picking.cancel(db, current, body)

    await steps.advance(db, place.store, place.id, "cancel", judge, caller=CUSTOMER, links=call.links)


async def delegate(db: Connection, place: Place, call: Call[Any], body: Delegate) -> None:
    """Somebody else will collect it."""
    change = ChangeBody(delegate=body)
    await changes.change(db, place.store, place.id, change, caller=CUSTOMER, links=call.links)


async def answer(db: Connection, place: Place, call: Call[Any], body: AnswerBody) -> None:
    """What is to become of an order that is short."""
    take = body.answer == "take"
    await changes.answer(db, place.store, place.id, take=take, caller=CUSTOMER, links=call.links)


async def act(call: Call[None], *, operation: Any, model: type[Asked]) -> Answer | web.StreamResponse:
    """Do what the customer asks, by form or by JSON; a form leads back to the page, which says how things stand."""
    by_form = call.request.content_type == "application/x-www-form-urlencoded"
    body: Any
    if by_form:
        form = {name: str(value) for name, value in (await call.request.post()).items() if value}
        body = checked(model.model_validate, form)
    else:
        body = await read_body(call.request, model, optional=True)
    try:
        async with transaction(call.pool) as db:
            place = await reservations.of_token(db, call.part("token"), links=call.links)
            await operation(db, place, call, body)
    except Problem as problem:
        if not by_form or problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
    if by_form:
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"/p/{call.part('token')}"})
    async with connection(call.pool) as db:
        return Answer(OrderSeen.of(*await _seen(db, call)))


def _page_endpoint(path: str, handle: Any, summary: str, media: str, model: type[OrderSeen] | None = None) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/p/{{token}}{path}",
        handle=handle,
        summary=summary,
        tag="Customer",
        scopes=None,
        media=media,
        answers={200: model},
        problems=(UnknownReservation, WrongState),
    )


def _action(path: str, operation: Any, model: type[Asked], summary: str) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/p/{{token}}/{path}",
        handle=partial(act, operation=operation, model=model),
        summary=summary,
        tag="Customer",
        scopes=None,
        takes=("application/json", "application/x-www-form-urlencoded"),
        answers={200: OrderSeen, 303: None},
        problems=(UnknownReservation, WrongState, TooLate, AlreadyExtended, InvalidRequest),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    _page_endpoint("", look, "The order as its customer sees it", "application/json", OrderSeen),
    _page_endpoint("/qr.svg", qr, "The QR that the counter scans", "image/svg+xml"),
    _page_endpoint("/reservation.ics", calendar, "The collection as a calendar event", "text/calendar"),
    _action("arrive", arrive, Nothing, "The customer is here"),
    _action("extend", extend, Nothing, "Some days more, once"),
    _action("cancel", cancel, CancelBody, "The customer cancels"),
    _action("delegate", delegate, Delegate, "Somebody else will collect"),
    _action("answer", answer, AnswerBody, "What to do about a short order"),
)
STATIC = HERE / "static"
