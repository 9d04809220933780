"""Keys over HTTP."""

from service import keys
from service.api.endpoints import Answer, Call, Endpoint, Retry
from service.callers import Caller, Scope
from service.database import Connection, connection, transaction
from service.errors import Forbidden, UnknownKey
from service.models.keys import Key, KeyBody, KeyListing, KeyMade, KeyPage

ADMIN = frozenset({Scope.ADMIN})


def within_reach(caller: Caller, asked: KeyBody) -> tuple[str, ...] | None:
    """The stores of a key that this caller may make. Raises Forbidden for any beyond its own."""
    if caller.stores is not None and (asked.stores is None or not caller.stores.issuperset(asked.stores)):
        raise Forbidden("This key can make keys of its own stores only: name some of them.")
    return asked.stores


async def create(call: Call[KeyBody]) -> Answer:
    """Make a key. What is kept for the Idempotency-Key is the answer without the secret."""
    stores = within_reach(call.caller, call.body)
    shown: list[KeyMade] = []

    async def work(db: Connection) -> Answer:
        made, text = await keys.create(db, call.body.name, call.body.scopes, stores=stores, caller=call.caller)
        shown.append(KeyMade(**made.model_dump(), key=text))
        return Answer(KeyMade(**made.model_dump(), key=None), 201)

    answer = await call.once(work)
    return Answer(shown[0], 201) if shown else answer


async def listed(call: Call[None]) -> Answer:
    """The keys that this caller may see."""
    asked: KeyListing = call.query
    async with connection(call.pool) as db:
        return Answer(await keys.listed(db, call.caller, after=asked.cursor, limit=asked.limit))


async def revoke(call: Call[None]) -> Answer:
    """Let a key open nothing from now on."""
    async with transaction(call.pool) as db:
        return Answer(await keys.revoke(db, call.part("key"), caller=call.caller))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/v1/keys",
        handle=create,
        summary="Make a key",
        description=(
            "The answer is the only place where the key is ever shown. Repeated with the same `Idempotency-Key`, "
            "the request makes no second key and `key` is null: revoke that one and make another."
        ),
        tag="Admin",
        scopes=ADMIN,
        body=KeyBody,
        example={"name": "web shop", "scopes": ["checkout"], "stores": None},
        answers={201: KeyMade},
        problems=(Forbidden,),
        retry=Retry.HONOURED,
    ),
    Endpoint(
        method="GET",
        path="/v1/keys",
        handle=listed,
        summary="List keys",
        tag="Admin",
        scopes=ADMIN,
        query=KeyListing,
        answers={200: KeyPage},
    ),
    Endpoint(
        method="DELETE",
        path="/v1/keys/{key}",
        handle=revoke,
        summary="Revoke a key; every process refuses it after five seconds at most",
        tag="Admin",
        scopes=ADMIN,
        answers={200: Key},
        problems=(UnknownKey,),
    ),
)
