"""A person's data over HTTP: told and forgotten when they ask."""

from service import privacy
from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Scope
from service.database import transaction
from service.models.privacy import Erased, Exported, PersonBody

EXAMPLE = {"email": "camille@atelier.example"}


async def export(call: Call[PersonBody]) -> Answer:
    """All that is known of a person, in the stores of the key."""
    async with transaction(call.pool) as db:
        return Answer(await privacy.export(db, call.body, caller=call.caller, links=call.links))


async def erase(call: Call[PersonBody]) -> Answer:
    """Forget a person, in the stores of the key."""
    async with transaction(call.pool) as db:
        return Answer(await privacy.erase(db, call.body, caller=call.caller, links=call.links))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/v1/privacy/export",
        handle=export,
        summary="Tell all that is known of a person",
        description=(
            "By order, customer reference, e-mail address or phone: reservations, what happened to them, and which "
            "messages went out, in the stores of the key. That it was told is noted in the audit. No "
            "`Idempotency-Key` is taken, so that no copy is kept."
        ),
        tag="Admin",
        scopes=frozenset({Scope.ADMIN, Scope.CUSTOMERS}),
        body=PersonBody,
        example=EXAMPLE,
        answers={200: Exported},
    ),
    Endpoint(
        method="POST",
        path="/v1/privacy/erase",
        handle=erase,
        summary="Forget a person",
        description=(
            "Orders that have ended lose all that is personal at once: names, addresses, notes, codes, what was kept "
            "of answers and messages. Open orders need their customer: they are listed as `waiting`, and forgotten "
            "within an hour or so of their end. A delegate, by their phone, is forgotten at once, and the customer "
            "is not. Ids, order references, quantities and times stay. Safe to repeat."
        ),
        tag="Admin",
        scopes=frozenset({Scope.ADMIN}),
        body=PersonBody,
        example=EXAMPLE,
        answers={200: Erased},
    ),
)
