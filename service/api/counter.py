"""What a counter asks about its store: the lanes, the lists, who stands before it."""

import contextlib
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from service import attempts, availability, codes, reservations, stores
from service.access_errors import TooManyAttempts
from service.api import pages
from service.api.endpoints import Answer, Call, Endpoint
from service.api.pages import Cursor, Limit, Page, read_cursor
from service.callers import Scope
from service.database import connection
from service.errors import UnknownSku, UnknownStore, WrongCode
from service.lifecycle import State
from service.models.availability import Availability, LineWanted
from service.models.fields import MOST_LINES, Asked, Moment, Told
from service.models.reservations import Reservation

COUNTER = frozenset({Scope.COUNTER})


def _states(value: str | None) -> str | None:
    for state in (value or "").split(",") if value else ():
        State(state)  # raises a ValueError that names it
    return value


class Listing(Asked):
    """Which reservations of a store: states separated by commas, changed since a moment."""

    state: Annotated[str | None, AfterValidator(_states)] = None
    since: Moment | None = None
    limit: Limit = 50
    cursor: Cursor = None


class SearchBody(Asked):
    """What a clerk typed or scanned."""

    q: Annotated[str, Field(min_length=1, max_length=100)]


class ElsewhereBody(Asked):
    """What a store lacks."""

    lines: Annotated[tuple[LineWanted, ...], Field(min_length=1, max_length=MOST_LINES)]


class Hits(Told):
    """What a search found, the best first."""

    items: list[Reservation]


class Counts(Told):
    """How much waits in each lane of a store."""

    held: int
    confirmed: int
    picking: int
    ready: int
    late: int
    arrived: int
    to_put_back: int


class PickLine(Told):
    """One line of an order that is to be fetched, and where it lies."""

    place: str
    sku: str
    name: str
    gtin: str | None
    image_url: str | None
    reservation: UUID
    order_ref: str
    pickup_code: str | None
    state: State
    ready_by: Moment | None
    quantity: int


class PickList(Told):
    """What is to be fetched in a store, across orders, by shelf place."""

    items: list[PickLine]


async def listed(call: Call[None]) -> Answer:
    """Reservations of a store, in the order they were made."""
    ask: Listing = call.query
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        rows = await reservations.listed(
            db,
            call.store,
            states=ask.state.split(",") if ask.state else None,
            since=ask.since,
            after=read_cursor(ask.cursor) if ask.cursor else reservations.FIRST,
            limit=ask.limit + 1,
            links=call.links,
        )
    return pages.page([(row["body"], row["id"]) for row in rows], ask.limit)


async def search(call: Call[SearchBody]) -> Answer:
    """Find orders by code, token, name, phone or order reference; codes are not for trying out, here either."""
    found: list[str] = []
    if codes.is_proof(call.body.q):
        guess = attempts.Guess(attempts.PICKUP_CODE, call.store, call.caller.credential, codes.normalise(call.body.q))
        with contextlib.suppress(WrongCode):
            async with attempts.counted(call.pool, guess, WrongCode):
                found = await _found(call)
                if not found:
                    raise WrongCode
    else:
        found = await _found(call)
    return Answer(f'{{"items":[{",".join(found)}]}}')


async def _found(call: Call[SearchBody]) -> list[str]:
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        return await reservations.search(db, call.store, call.body.q, links=call.links)


async def counts(call: Call[None]) -> Answer:
    """How much waits in each lane of the counter."""
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        return Answer(Counts(**await reservations.counts(db, call.store)))


async def pick_list(call: Call[None]) -> Answer:
    """What is to be fetched, across orders, by shelf place."""
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        return Answer(PickList(items=[PickLine(**row) for row in await reservations.pick_list(db, call.store)]))


async def elsewhere(call: Call[ElsewhereBody]) -> Answer:
    """Which other stores have what is missing here; stock is no secret among the stores of one retailer."""
    async with connection(call.pool) as db:
        return Answer(await availability.elsewhere(db, call.store, call.body.lines))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/reservations",
        handle=listed,
        summary="List a store's reservations",
        tag="Counter",
        scopes=COUNTER,
        query=Listing,
        answers={200: Page},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="POST",
        path="/v1/stores/{store}/reservations/search",
        handle=search,
        summary="Search by code, token, name, phone or order",
        tag="Counter",
        scopes=COUNTER,
        body=SearchBody,
        example={"q": "Camille"},
        answers={200: Hits},
        problems=(UnknownStore, TooManyAttempts),
    ),
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/counts",
        handle=counts,
        summary="Count what waits in each lane",
        tag="Counter",
        scopes=COUNTER,
        answers={200: Counts},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/pick-list",
        handle=pick_list,
        summary="List what is to be fetched, by shelf place",
        tag="Counter",
        scopes=COUNTER,
        answers={200: PickList},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="POST",
        path="/v1/stores/{store}/elsewhere",
        handle=elsewhere,
        summary="Find other stores that have what is missing here, the nearest first",
        tag="Counter",
        scopes=COUNTER,
        body=ElsewhereBody,
        example={"lines": [{"sku": "tea", "quantity": 1}]},
        answers={200: Availability},
        problems=(UnknownSku, UnknownStore),
    ),
)
