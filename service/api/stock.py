"""Stock over HTTP: what was counted, what came and left, what there is and why."""

from service import stock
from service.api.endpoints import Answer, Call, Endpoint, Retry
from service.callers import Scope
from service.database import Connection, connection, transaction
from service.errors import (
    IdempotencyInFlight,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InvalidRequest,
    MovementAlreadyRecorded,
    OnHandOutOfRange,
    UnknownItem,
    UnknownSku,
    UnknownStore,
    VersionMismatch,
)
from service.models.stock import (
    CountBody,
    MovementsBody,
    MovementsQuery,
    MovementsTold,
    Position,
    Positions,
    PositionsQuery,
    PositionTold,
    Why,
)

STOCK = frozenset({Scope.STOCK})
ALL = "/v1/stores/{store}/stock"
ONE = "/v1/stores/{store}/stock/{sku}"


async def put(call: Call[CountBody]) -> Answer:
    """Set what was counted of one sku."""
    async with transaction(call.pool) as db:
        position = await stock.put(
            db, call.store, call.part("sku"), call.body, actor=call.caller.credential, if_match=call.if_match
        )
    return Answer(position)


async def record(call: Call[MovementsBody]) -> Answer:
    """Record what came and left, all or nothing."""

    async def work(db: Connection) -> Answer:
        recorded = await stock.record(db, call.store, call.body.movements, actor=call.caller.credential)
        skus = sorted({movement.sku for movement in call.body.movements})
        positions = await stock.listed(db, call.store, skus=skus, limit=len(skus))
        return Answer(MovementsTold(movements=recorded, positions=positions))

    return await call.once(work)


async def read(call: Call[None]) -> Answer:
    """One position, and whom its shortfall endangers."""
    async with connection(call.pool) as db, db.transaction(isolation="repeatable_read", readonly=True):
        return Answer(await stock.find_endangered(db, call.store, call.part("sku")))


async def listed(call: Call[None]) -> Answer:
    """Positions of a store, by sku."""
    ask: PositionsQuery = call.query
    async with connection(call.pool) as db:
        found = await stock.listed(
            db,
            call.store,
            skus=[ask.sku] if ask.sku else None,
            below=ask.below,
            after=ask.cursor or "",
            limit=ask.limit + 1,
        )
        if not found:
            await stock.check_store(db, call.store)
    following = found[ask.limit - 1].sku if len(found) > ask.limit else None
    return Answer(Positions(items=found[: ask.limit], next_cursor=following))


async def explain(call: Call[None]) -> Answer:
    """Why there are as many as there are."""
    ask: MovementsQuery = call.query
    before = int(ask.cursor) if ask.cursor else stock.NEWEST
    async with connection(call.pool) as db, db.transaction(isolation="repeatable_read", readonly=True):
        return Answer(await stock.explain(db, call.store, call.part("sku"), before=before, limit=ask.limit))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="PUT",
        path=ONE,
        handle=put,
        summary="Set what was counted",
        description="On hand becomes the count, and what the ledger says happened since `as_of`. A count older than"
        " the last one is passed over: the answer is the position as it stands. Less than what is reserved is no error:"
        " `shortfall` says what is missing.",
        tag="Stock",
        scopes=STOCK,
        body=CountBody,
        example={"on_hand": 12, "safety_stock": 1, "as_of": "2026-11-23T18:30:00Z"},
        answers={200: Position},
        problems=(UnknownStore, UnknownItem, InvalidRequest, VersionMismatch, OnHandOutOfRange),
    ),
    Endpoint(
        method="POST",
        path=f"{ALL}/movements",
        handle=record,
        summary="Record sales, deliveries, losses",
        description="All or none. A reference names a movement once per store and sku: told again it changes nothing"
        " and says so (`recorded: false`), with another content it is refused. What happened before the last count, and"
        " units sold for an order that was handed over here, move on hand by 0.",
        tag="Stock",
        scopes=STOCK,
        body=MovementsBody,
        example={"movements": [{"sku": "tea", "delta": -1, "reason": "sale", "reference": "till-2/20417/1"}]},
        answers={200: MovementsTold},
        problems=(
            IdempotencyKeyMissing,
            IdempotencyKeyReused,
            IdempotencyInFlight,
            UnknownStore,
            UnknownSku,
            MovementAlreadyRecorded,
            OnHandOutOfRange,
        ),
        retry=Retry.REQUIRED,
    ),
    Endpoint(
        method="GET",
        path=ALL,
        handle=listed,
        summary="List a store's positions",
        tag="Stock",
        scopes=STOCK,
        query=PositionsQuery,
        answers={200: Positions},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="GET",
        path=ONE,
        handle=read,
        summary="Read a position, and whom its shortfall endangers",
        tag="Stock",
        scopes=STOCK,
        answers={200: PositionTold},
        problems=(UnknownStore, UnknownItem),
    ),
    Endpoint(
        method="GET",
        path=f"{ONE}/movements",
        handle=explain,
        summary="Explain a position: why are 3 left?",
        tag="Stock",
        scopes=STOCK,
        query=MovementsQuery,
        answers={200: Why},
        problems=(UnknownStore, UnknownItem),
    ),
)
