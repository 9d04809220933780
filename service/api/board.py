"""The board above the counter over HTTP."""

from service import board, stores
from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Scope
from service.database import connection, transaction
from service.errors import UnknownStore
from service.models.board import Board, BoardAsked, BoardBody, BoardLink


async def shown(call: Call[None]) -> Answer:
    """What the board shows."""
    asked: BoardAsked = call.query
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        return Answer(await board.shown(db, call.store, names=asked.names))


async def link(call: Call[None]) -> Answer:
    """The link that opens the board on a television."""
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        return Answer(await board.link(db, call.store, links=call.links))


async def change(call: Call[BoardBody]) -> Answer:
    """How the board is shown, and whether the links there are still open it."""
    async with transaction(call.pool) as db:
        await stores.known(db, call.store)
        return Answer(await board.change(db, call.store, call.body, links=call.links, caller=call.caller))


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
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/board/link",
        handle=link,
        summary="Get the link that opens the board on a television",
        tag="Counter",
        scopes=frozenset({Scope.COUNTER, Scope.STORES, Scope.ADMIN}),
        answers={200: BoardLink},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="PUT",
        path="/v1/stores/{store}/board/link",
        handle=change,
        summary="Say how the board is shown, or close its links",
        tag="Stores",
        scopes=frozenset({Scope.STORES, Scope.ADMIN}),
        description="With `renew`, the links given out before open nothing any more, within five seconds.",
        body=BoardBody,
        example={"names": False},
        answers={200: BoardLink},
        problems=(UnknownStore,),
    ),
)
