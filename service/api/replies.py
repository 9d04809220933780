"""What customers wrote back, over HTTP."""

from service import replies, reservations
from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Scope
from service.database import connection
from service.errors import UnknownReservation
from service.models.notifications import Replies


async def listed(call: Call[None]) -> Answer:
    """What was written back about a reservation."""
    id = call.id(missing=UnknownReservation)
    async with connection(call.pool) as db:
        await reservations.find(db, call.store, id, links=call.links)
        return Answer(Replies(items=await replies.of_reservation(db, call.store, id, links=call.links)))


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
)
