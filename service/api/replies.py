"""What customers wrote back, over HTTP."""

from service import replies, reservations, stores
from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Scope
from service.database import connection
from service.errors import UnknownReservation, UnknownStore
from service.models.notifications import OpenReplies, Replies


async def listed(call: Call[None]) -> Answer:
    """What was written back about a reservation."""
    id = call.id(missing=UnknownReservation)
    async with connection(call.pool) as db:
        await reservations.find(db, call.store, id, links=call.links)
        return Answer(Replies(items=await replies.of_reservation(db, call.store, id, links=call.links)))


async def of_open_orders(call: Call[None]) -> Answer:
    """What was written back about the open orders of a store."""
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        return Answer(OpenReplies(items=await replies.of_open_orders(db, call.store, links=call.links)))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/reservations/{id}/replies",
        handle=listed,
        summary="Read what the customer wrote back by text message, the newest first",
        tag="Counter",
        scopes=frozenset({Scope.COUNTER}),
        answers={200: Replies},
        problems=(UnknownReservation,),
    ),
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/replies",
        handle=of_open_orders,
        summary="Read what customers wrote back about the orders that are still open, the newest first",
        tag="Counter",
        scopes=frozenset({Scope.COUNTER}),
        description="When something is written back the store's stream tells its reservation, at the version it had.",
        answers={200: OpenReplies},
        problems=(UnknownStore,),
    ),
)
