"""Reservations over HTTP: holding them, and what became of them."""

from functools import partial

from aiohttp import web

from service import holding, reservations
from service.api import pages
from service.api.endpoints import Answer, Call, Endpoint, Retry, tagged
from service.api.pages import Cursor, Limit, Page, read_cursor
from service.callers import Scope
from service.database import Pool, connection
from service.errors import (
    Busy,
    IdempotencyInFlight,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InvalidRequest,
    InvalidSlot,
    OrderDiffers,
    OutOfStock,
    Problem,
    SlotFull,
    StoreClosed,
    UnknownReservation,
    UnknownSku,
    UnknownStore,
)
from service.idempotency import Kept
from service.links import Links
from service.models.fields import Asked, OrderRef
from service.models.reservations import HoldBody, Reservation
from service.settings import Settings
from service.together import Together

SHOP = frozenset({Scope.CHECKOUT, Scope.COUNTER})
ONE = "/v1/stores/{store}/reservations/{id}"


class ByOrder(Asked):
    """An order's or a customer's reservations."""

    order_ref: OrderRef | None = None
    customer_ref: OrderRef | None = None
    limit: Limit = 50
    cursor: Cursor = None


Holds = Together[holding.Ask, Kept | Problem]
HOLDS: web.AppKey[Holds] = web.AppKey("holds", Together)


def together(pool: Pool, links: Links, settings: Settings) -> Holds:
    """The queue in which holds travel together."""
    work = partial(holding.hold, pool, links=links, locale=settings.default_locale)
    return Together(
        work,
        most=holding.MOST_TOGETHER,
        longest=holding.LONGEST_QUEUE,
        lanes=holding.LANES,
        crowd=holding.CROWD,
        parts=holding.PARTS,
    )


async def hold(call: Call[HoldBody]) -> Answer:
    """Set stock aside for a customer who pays within the hold's time."""
    ask = holding.Ask(call.store, call.body, call.caller, call.key)
    answer = await call.request.app[HOLDS].ask(ask, gone=partial(_has_left, call.request))
    if isinstance(answer, Problem):
        raise answer
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else {}
    return tagged(answer.body, status=answer.status, headers=headers)


def _has_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def read(call: Call[None]) -> Answer:
    """One reservation as it stands."""
    async with connection(call.pool) as db:
        return tagged(await reservations.find(db, call.store, call.id(missing=UnknownReservation), links=call.links))


async def of_order(call: Call[None]) -> Answer:
    """What became of an order or a customer's orders, in every store of the key."""
    ask: ByOrder = call.query
    if ask.order_ref is None and ask.customer_ref is None:
        raise InvalidRequest("Give an order_ref or a customer_ref.")
    async with connection(call.pool) as db:
        rows = await reservations.of_order(
            db,
            None if call.caller.stores is None else sorted(call.caller.stores),
            order_ref=ask.order_ref,
            customer_ref=ask.customer_ref,
            before=read_cursor(ask.cursor) if ask.cursor else reservations.LAST,
            limit=ask.limit + 1,
            links=call.links,
        )
    return pages.page([(row["body"], row["id"]) for row in rows], ask.limit)


_HOLD_PROBLEMS = (
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyInFlight,
    UnknownStore,
    StoreClosed,
    UnknownSku,
    OutOfStock,
    OrderDiffers,
    InvalidSlot,
    SlotFull,
    Busy,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/v1/stores/{store}/reservations",
        handle=hold,
        summary="Hold stock for an order",
        tag="Reservations",
        scopes=SHOP,
        body=HoldBody,
        example={
            "order_ref": "1001",
            "customer": {"name": "Camille Martin", "email": "camille@example.com", "phone": "+33639981234"},
            "lines": [{"sku": "tea", "quantity": 2, "unit_price": 1250}],
            "currency": "EUR",
        },
        answers={201: Reservation, 200: Reservation},
        problems=_HOLD_PROBLEMS,
        retry=Retry.REQUIRED,
        queues=True,
    ),
    Endpoint(
        method="GET",
        path=ONE,
        handle=read,
        summary="Read a reservation",
        tag="Reservations",
        scopes=SHOP,
        answers={200: Reservation},
        problems=(UnknownReservation,),
    ),
    Endpoint(
        method="GET",
        path="/v1/reservations",
        handle=of_order,
        summary="Find the reservations of an order or a customer",
        tag="Reservations",
        scopes=SHOP,
        query=ByOrder,
        answers={200: Page},
    ),
)
