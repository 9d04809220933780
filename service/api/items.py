"""Items over HTTP."""

from service import items
from service.api.endpoints import Answer, Call, Endpoint
from service.api.reading import checked_part
from service.callers import Scope
from service.database import connection, transaction
from service.errors import UnknownItem, VersionMismatch
from service.models.fields import Sku
from service.models.items import Item, ItemBody

ONE = "/v1/items/{sku}"


async def put(call: Call[ItemBody]) -> Answer:
    """Make an item, or replace all of it."""
    sku = checked_part(call.part("sku"), Sku, name="sku")
    async with transaction(call.pool) as db:
        item, new = await items.put(db, sku, call.body, expected=call.if_match, caller=call.caller)
    return Answer(item, 201 if new else 200)


async def read(call: Call[None]) -> Answer:
    """One item as it stands."""
    async with connection(call.pool) as db:
        return Answer(await items.find(db, call.part("sku")))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="PUT",
        path=ONE,
        handle=put,
        summary="Make an item, or replace all of it",
        description="All stores share it. A key that is bound to some may make an item that is missing, and say where"
        " it lies in its own stores; whatever else it would change is refused as `forbidden`, naming the `fields`.",
        tag="Stock",
        scopes=frozenset({Scope.STOCK}),
        body=ItemBody,
        example={
            "name": "Thé des Alpages",
            "names": {"en": "Alpine tea"},
            "gtin": "3017620422003",
            "price": 1290,
            "currency": "EUR",
            "shelf": {"lyon": "B-12"},
        },
        answers={200: Item, 201: Item},
        problems=(VersionMismatch,),
    ),
    Endpoint(
        method="GET",
        path=ONE,
        handle=read,
        summary="Read an item",
        tag="Stock",
        scopes=frozenset({Scope.CHECKOUT, Scope.COUNTER, Scope.STOCK}),
        answers={200: Item},
        problems=(UnknownItem,),
    ),
)
