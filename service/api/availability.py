"""Availability over HTTP."""

from service import availability
from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Scope
from service.database import connection
from service.errors import UnknownSku, UnknownStore
from service.models.availability import Availability, AvailabilityBody


async def search(call: Call[AvailabilityBody]) -> Answer:
    """Where a basket can be collected, and by when."""
    async with connection(call.pool) as db:
        return Answer(await availability.search(db, call.body, among=call.caller.stores))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/v1/availability",
        handle=search,
        summary="Find the stores where a basket can be collected",
        description=(
            "Give `near` or `stores`, or neither for every store of the key. Stores come nearest first; those that "
            "take no orders are left out. `slots` are the free ones of the first day that has any after `ready_by`."
        ),
        tag="Checkout",
        scopes=frozenset({Scope.CHECKOUT, Scope.COUNTER}),
        body=AvailabilityBody,
        example={
            "lines": [{"sku": "tea", "quantity": 2}],
            "near": {"latitude": 45.7617, "longitude": 4.8357, "radius_km": 30},
            "complete_first": True,
        },
        answers={200: Availability},
        problems=(UnknownSku, UnknownStore),
    ),
)
