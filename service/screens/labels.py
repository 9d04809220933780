"""The label of an order: for the browser's printer, 62 × 100 mm, or for a Zebra; one for each bag."""

import io
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import segno
from aiohttp import web
from pydantic import Field

from service import board, reservations, stores
from service.api.endpoints import Call, Endpoint
from service.callers import Scope
from service.database import connection
from service.errors import UnknownReservation, WrongState
from service.messages import spelling
from service.models.fields import Asked
from service.models.reservations import Reservation
from service.models.stores import Store
from service.screens import zpl
from service.screens.rendering import TEMPLATES, words

CONTENT_SECURITY = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
NUMBER_SHOWN = 16  # the end of an order reference


class LabelAsked(Asked):
    """For which printer, and in which language."""

    format: Literal["html", "zpl"] = "html"
    lang: Annotated[Literal["fr", "en"] | None, Field(description="none: the deployment's")] = None


class Label:
    """What a label says, in one language."""

    def __init__(self, order: Reservation, store: Store, language: spelling.Language) -> None:
        if order.pickup_code is None:
            raise WrongState("A label needs a pickup code, and this order has none (any more).", state=order.state)
        say = words("label", language)
        zone = ZoneInfo(store.time_zone)
        self.language = language
        self.code = order.pickup_code
        self.spelled = f"{order.pickup_code[:3]} {order.pickup_code[3:]}"
        self.name = board.called(order.customer.name) or ""
        self.number = f"n° {order.order_ref[-NUMBER_SHOWN:].lstrip('-_ /')}"
        self.shelf = order.shelf or ""
        self.bags = order.bags or 1
        self.until = say["until"].format(moment=_brief(order.collect_by, zone)) if order.collect_by else ""
        self.due = ""
        if order.amount_due and order.currency:
            self.due = say["due"].format(amount=spelling.money(order.amount_due, order.currency, language))
        self.store = store.name

    def counted(self, bag: int) -> str:
        """Which bag of how many."""
        return words("label", self.language)["bag"].format(number=bag, count=self.bags)

    @property
    def qr(self) -> str:
        """The pickup code as a picture: it opens the order on this store's screens only."""
        picture = io.BytesIO()
        segno.make(self.code, error="q", micro=False).save(
            picture, kind="svg", border=0, xmldecl=False, svgns=True, omitsize=True
        )
        return picture.getvalue().decode()

    def zpl(self) -> str:
        """All bags' labels for a Zebra."""
        return "".join(
            zpl.label(
                (
                    zpl.Text(self.store, 24, 24),
                    zpl.Text(self.spelled, 110, 64),
                    zpl.Text(self.name, 56, 190),
                    zpl.Text(self.number, 32, 258),
                    zpl.Text(self.shelf, 96, 312),
                    zpl.Text(self.counted(bag), 36, 424),
                    zpl.Text(self.until, 30, 716),
                    zpl.Text(self.due, 30, 756),
                ),
                code=self.code,
                top=476,
            )
            for bag in range(1, self.bags + 1)
        )


def _brief(moment: datetime, zone: ZoneInfo) -> str:
    return f"{spelling.deadline(moment.astimezone(zone)):%d/%m %H:%M}"


async def label(call: Call[None]) -> web.Response:
    """The labels of an order's bags."""
    asked: LabelAsked = call.query
    async with connection(call.pool) as db:
        body = await reservations.find(db, call.store, call.id(missing=UnknownReservation), links=call.links)
        store = await stores.known(db, call.store)
    made = Label(Reservation.model_validate_json(body), store, asked.lang or call.settings.default_locale)
    if asked.format == "zpl":
        return web.Response(text=made.zpl(), content_type="application/zpl", charset="utf-8")
    text = TEMPLATES.get_template("label.html").render(label=made, say=words("label", made.language))
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": CONTENT_SECURITY})


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/reservations/{id}/label",
        handle=label,
        summary="Print the labels of an order's bags",
        description="A page of 62 × 100 mm for each bag, or the same in ZPL (`application/zpl`) for a Zebra printer.",
        tag="Counter",
        scopes=frozenset({Scope.COUNTER}),
        query=LabelAsked,
        media="text/html",
        also=("application/zpl",),
        answers={200: None},
        problems=(UnknownReservation, WrongState),
    ),
)
