"""Messages over HTTP: what became of each, and those that will not go out by themselves any more."""

from uuid import UUID

from service import notifications, receipts
from service.api.endpoints import Answer, Call, Endpoint, Retry
from service.callers import Scope
from service.database import Connection, connection
from service.errors import NotFound, NothingToSend
from service.models.notifications import DeadAsked, DeadNotifications, NotificationHistory, SentNotification

WATCHING = frozenset({Scope.ADMIN, Scope.REPORTS})
MENDING = frozenset({Scope.ADMIN, Scope.COUNTER})
ONE = "/v1/stores/{store}/notifications/{id}"


async def dead(call: Call[None]) -> Answer:
    """Messages that failed, or may have."""
    async with connection(call.pool) as db:
        return Answer(await notifications.dead(db, call.query, caller=call.caller))


async def read(call: Call[None]) -> Answer:
    """One message, and what was reported about it."""
    async with connection(call.pool) as db:
        return Answer(await receipts.history(db, call.store, call.id()))


async def resend(call: Call[None]) -> Answer:
    """Send a dead message once more."""
    id: UUID = call.id()

    async def work(db: Connection) -> Answer:
        return Answer(await notifications.resend(db, call.store, id), 202)

    return await call.once(work)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/notifications",
        handle=dead,
        summary="List messages that will not go out by themselves any more, the newest first",
        description="`failed`: refused for good, or given up after 28 hours. `unknown`: it may have gone out, and "
        "nobody can tell. Without addresses.",
        tag="Messages",
        scopes=WATCHING,
        query=DeadAsked,
        answers={200: DeadNotifications},
    ),
    Endpoint(
        method="GET",
        path=ONE,
        handle=read,
        summary="Read what became of a message, and what its carrier reported",
        tag="Messages",
        scopes=WATCHING | MENDING,
        answers={200: NotificationHistory},
        problems=(NotFound,),
    ),
    Endpoint(
        method="POST",
        path=ONE + "/resend",
        handle=resend,
        summary="Send a message once more that failed, or may have",
        tag="Messages",
        scopes=MENDING,
        answers={202: SentNotification},
        problems=(NotFound, NothingToSend),
        retry=Retry.HONOURED,
    ),
)
