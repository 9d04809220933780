"""The counter's history over HTTP: what left the shop, what goes back to the shelves, who came before."""

from service import history, notifications, stores
from service.api.endpoints import Answer, Call, Endpoint
from service.api.reservations import ONE
from service.callers import Scope
from service.database import connection
from service.errors import UnknownReservation, UnknownStore
from service.models.fields import spell
from service.models.history import Earlier, Ended, HistoryAsked, Sent, ToPutBack

COUNTER = frozenset({Scope.COUNTER})


async def ended(call: Call[None]) -> Answer:
    """What left the shop's hands within 30 days."""
    asked: HistoryAsked = call.query
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        rows = await history.ended(db, call.store, before=asked.before, limit=asked.limit + 1, links=call.links)
    told = rows[: asked.limit]
    following = f'"{spell(told[-1]["ended_at"])}"' if len(rows) > asked.limit else "null"
    return Answer(f'{{"items":[{",".join(row["body"] for row in told)}],"next_before":{following}}}')


async def to_put_back(call: Call[None]) -> Answer:
    """What lies on the pickup shelf for nobody any more."""
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        found = await history.to_put_back(db, call.store, links=call.links)
    return Answer(f'{{"items":[{",".join(found)}]}}')


async def earlier(call: Call[None]) -> Answer:
    """What the customer of a reservation ordered otherwise: in this store, or wherever the key may look."""
    everywhere = Scope.CUSTOMERS in call.caller.scopes
    shops = call.caller.stores if everywhere else {call.store}
    async with connection(call.pool) as db:
        found = await history.earlier(db, call.store, call.id(missing=UnknownReservation), shops=shops)
    return Answer(Earlier(items=found))


async def told(call: Call[None]) -> Answer:
    """What the customer was told, and whether it arrived."""
    id = call.id(missing=UnknownReservation)
    async with connection(call.pool) as db:
        await history.known(db, call.store, id)
        sent = await notifications.of_reservation(db, call.store, id)
    return Answer(Sent(items=sent))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/history",
        handle=ended,
        summary="List what left the shop in the last 30 days, the newest first",
        tag="Counter",
        scopes=COUNTER,
        query=HistoryAsked,
        answers={200: Ended},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/put-back",
        handle=to_put_back,
        summary="List what goes back to its shelves: ready, and never collected",
        tag="Counter",
        scopes=COUNTER,
        answers={200: ToPutBack},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="GET",
        path=f"{ONE}/earlier",
        handle=earlier,
        summary="List the customer's other orders",
        description=(
            "Those of this store; with the scope `customers`, those of every store and channel that the key may see. "
            "A customer is known by `customer_ref`, or by the phone they gave."
        ),
        tag="Counter",
        scopes=COUNTER,
        answers={200: Earlier},
        problems=(UnknownReservation,),
    ),
    Endpoint(
        method="GET",
        path=f"{ONE}/notifications",
        handle=told,
        summary="List what the customer was told, and whether it arrived",
        tag="Counter",
        scopes=COUNTER,
        answers={200: Sent},
        problems=(UnknownReservation,),
    ),
)
