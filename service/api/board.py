"""The board above the counter over HTTP."""

from service import board, stores
from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Scope
from service.database import connection
from service.errors import UnknownStore
from service.models.board import Board, BoardAsked


async def shown(call: Call[None]) -> Answer:
    """What the board shows."""
    asked: BoardAsked = call.query
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        return Answer(await board.shown(db, call.store, names=asked.names))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/board",
        handle=shown,
        summary="Show whose order is being prepared and whose is ready",
        tag="Counter",
        scopes=frozenset({Scope.COUNTER}),
        description="Numbers, and first names with an initial; never items, never a pickup code.",
        query=BoardAsked,
        answers={200: Board},
        problems=(UnknownStore,),
    ),
)
