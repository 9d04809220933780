"""Stores and their slots over HTTP."""

from service import slots, stores
from service.api.endpoints import Answer, Call, Endpoint
from service.api.reading import checked_part
from service.callers import Scope
from service.database import connection, transaction
from service.errors import UnknownStore, VersionMismatch
from service.models.fields import StoreId
from service.models.slots import Slots, SlotsQuery
from service.models.stores import Store, StoreBody, Stores, StoresQuery

ONE = "/v1/stores/{store}"
READERS = frozenset({Scope.CHECKOUT, Scope.COUNTER, Scope.STORES})


async def put(call: Call[StoreBody]) -> Answer:
    """Make a store, or replace all of it."""
    id = checked_part(call.store, StoreId, name="store")
    async with transaction(call.pool) as db:
        store, new = await stores.put(db, id, call.body, expected=call.if_match, caller=call.caller)
    return Answer(store, 201 if new else 200)


async def read(call: Call[None]) -> Answer:
    """One store as it stands."""
    async with connection(call.pool) as db:
        return Answer(await stores.find(db, call.store))


async def listed(call: Call[None]) -> Answer:
    """The stores of the key, nearest first where a place is given."""
    asked: StoresQuery = call.query
    async with connection(call.pool) as db:
        return Answer(await stores.page(db, asked, among=call.caller.stores))


async def slots_of_day(call: Call[None]) -> Answer:
    """What is left of a day's slots."""
    asked: SlotsQuery = call.query
    async with connection(call.pool) as db:
        store = await stores.find(db, call.store)
        return Answer(Slots(items=await slots.of_day(db, store, asked.date)))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="PUT",
        path=ONE,
        handle=put,
        summary="Make a store, or replace all of it",
        description=(
            "What is left out takes its default: always open, ready in 120 minutes, one order at a time, holds of 900 "
            "seconds, three opening days to collect. Another capacity applies to the slots to come, but never below "
            "what is taken of them. A store that is not `active` takes no more orders; those it has go on."
        ),
        tag="Stores",
        scopes=frozenset({Scope.STORES}),
        body=StoreBody,
        example={
            "name": "Atelier Lumière Lyon",
            "time_zone": "Europe/Paris",
            "latitude": 45.7617,
            "longitude": 4.8357,
            "opening_hours": [{"days": ["mo", "tu", "we", "th", "fr", "sa"], "opens": "09:30", "closes": "19:30"}],
            "exceptional_days": [{"date": "2026-12-24", "opens": "09:00", "closes": "17:00"}],
            "public_holidays": "FR",
            "preparation_minutes": 60,
            "parallel_orders": 4,
            "cut_off": "18:30",
            "slots": {"minutes": 30, "capacity": 10},
        },
        answers={200: Store, 201: Store},
        problems=(UnknownStore, VersionMismatch),
    ),
    Endpoint(
        method="GET",
        path="/v1/stores",
        handle=listed,
        summary="List stores, nearest first",
        tag="Stores",
        scopes=READERS,
        query=StoresQuery,
        answers={200: Stores},
    ),
    Endpoint(
        method="GET",
        path=ONE,
        handle=read,
        summary="Read a store",
        tag="Stores",
        scopes=READERS,
        answers={200: Store},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="GET",
        path=ONE + "/slots",
        handle=slots_of_day,
        summary="List what is left of a day's slots",
        tag="Stores",
        scopes=READERS,
        query=SlotsQuery,
        answers={200: Slots},
        problems=(UnknownStore,),
    ),
)
