"""Who changed what, over HTTP."""

from service import audit
from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Scope
from service.database import connection
from service.models.audit import AuditAsked, AuditPage


async def listed(call: Call[None]) -> Answer:
    """The changes that this caller may see."""
    asked: AuditAsked = call.query
    async with connection(call.pool) as db:
        before = int(asked.cursor) if asked.cursor else None
        return Answer(await audit.listed(db, call.caller, before=before, limit=asked.limit))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/audit",
        handle=listed,
        summary="List who changed what about the shop, the newest first",
        description=(
            "Keys, stores, webhook endpoints, imports, what was exported or erased: each line was written with its "
            "change. What happened to a reservation is in its own history. Every ten minutes what is new is sealed, "
            "store by store, in a chain that `manage check` proves."
        ),
        tag="Admin",
        scopes=frozenset({Scope.ADMIN}),
        query=AuditAsked,
        answers={200: AuditPage},
    ),
)
