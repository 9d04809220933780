"""Webhook endpoints and their deliveries over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from service import deliveries, webhooks
from service.api.endpoints import Answer, Call, Endpoint, Retry
from service.callers import Caller, Scope
from service.database import Connection, connection, transaction
from service.errors import EndpointInactive, Forbidden, VersionMismatch
from service.models.webhooks import (
    Deliveries,
    DeliveriesAsked,
    Delivery,
    ReplayBody,
    Replayed,
    RotateBody,
    WebhookEndpoint,
    WebhookEndpointBody,
    WebhookEndpointMade,
    WebhookEndpoints,
    WebhookEndpointsAsked,
)

ADMIN = frozenset({Scope.ADMIN})
ALL = "/v1/webhook-endpoints"
ONE = ALL + "/{id}"
EXAMPLE = {
    "url": "https://shop.example/hooks",
    "description": "The shop's order system",
    "events": ["reservation.ready", "reservation.collected"],
    "stores": [],
    "active": True,
}


def refuse_beyond(caller: Caller, body: WebhookEndpointBody) -> None:
    """Raise Forbidden where stores are named that are not the caller's."""
    if caller.stores is not None and not caller.stores.issuperset(body.stores):
        raise Forbidden("This key makes endpoints of its own stores only.")


async def _told_once(
    call: Call[Any], status: int, work: Callable[[Connection], Awaitable[tuple[WebhookEndpoint, str]]]
) -> Answer:
    """Answer with the secret; what is kept for the Idempotency-Key is the answer without it."""
    shown: list[WebhookEndpointMade] = []

    async def kept(db: Connection) -> Answer:
        endpoint, secret = await work(db)
        shown.append(WebhookEndpointMade(**endpoint.model_dump(), secret=secret))
        return Answer(WebhookEndpointMade(**endpoint.model_dump(), secret=None), status)

    answer = await call.once(kept)
    return Answer(shown[0], status) if shown else answer


async def create(call: Call[WebhookEndpointBody]) -> Answer:
    """Make an endpoint."""
    refuse_beyond(call.caller, call.body)
    private = call.settings.allow_private_webhooks
    return await _told_once(call, 201, lambda db: webhooks.create(db, call.body, caller=call.caller, private=private))


async def listed(call: Call[None]) -> Answer:
    """The endpoints that this caller may see."""
    asked: WebhookEndpointsAsked = call.query
    async with connection(call.pool) as db:
        return Answer(await webhooks.listed(db, call.caller, after=asked.cursor, limit=asked.limit))


async def read(call: Call[None]) -> Answer:
    """One endpoint as it stands."""
    async with connection(call.pool) as db:
        return Answer(await webhooks.find(db, call.id(), caller=call.caller))


async def replace(call: Call[WebhookEndpointBody]) -> Answer:
    """Replace all of an endpoint but its secret."""
    id = call.id()
    refuse_beyond(call.caller, call.body)
    private = call.settings.allow_private_webhooks
    async with transaction(call.pool) as db:
        return Answer(
            await webhooks.replace(db, id, call.body, caller=call.caller, private=private, expected=call.if_match)
        )


async def remove(call: Call[None]) -> Answer:
    """Delete an endpoint, and what waits for it."""
    async with transaction(call.pool) as db:
        await webhooks.remove(db, call.id(), caller=call.caller)
    return Answer("", 204)


async def rotate(call: Call[RotateBody]) -> Answer:
    """Give an endpoint a new secret."""
    id, hours, expected = call.id(), call.body.keep_hours, call.if_match
    return await _told_once(
        call, 200, lambda db: webhooks.rotate(db, id, hours=hours, caller=call.caller, expected=expected)
    )


async def ping(call: Call[None]) -> Answer:
    """Have a ping sent."""
    id = call.id()

    async def work(db: Connection) -> Answer:
        return Answer(await deliveries.ping(db, id, caller=call.caller, source=_source(call)), 202)

    return await call.once(work)


def _source(call: Call[Any]) -> str:
    """Where events come from, as CloudEvents name it."""
    return str(call.settings.public_url).rstrip("/")


async def listed_deliveries(call: Call[None]) -> Answer:
    """What an endpoint was sent, and what will be."""
    async with connection(call.pool) as db:
        return Answer(await deliveries.listed(db, call.id(), call.query, caller=call.caller))


async def replay(call: Call[ReplayBody]) -> Answer:
    """Send deliveries again."""
    id: UUID = call.id()

    async def work(db: Connection) -> Answer:
        queued = await deliveries.replay(db, id, call.body, caller=call.caller, source=_source(call))
        return Answer(Replayed(queued=queued), 202)

    return await call.once(work)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path=ALL,
        handle=create,
        summary="Have events sent to your system",
        description=(
            "What happens is posted to `url` as [Standard Webhooks](https://www.standardwebhooks.com) have it: "
            "`webhook-id` is the event's id, `webhook-timestamp` the moment of this attempt, `webhook-signature` "
            "HMAC-SHA256 with the secret that this answer tells, once. The body says `type`, `timestamp` and `data`: "
            "ids, state, version, store and order reference, as `GET /v1/events` does; of the customer only what "
            "`fields` names, under `data.customer`. With `format: cloudevents` the same is told as [CloudEvents]"
            "(https://cloudevents.io) 1.0, in structured mode, for a CRM or a marketing system. Events "
            "of one reservation come in order, each at least once: remember the ids. Any 2xx within 15 seconds is a "
            "success; anything else is tried again after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h, not before "
            "`Retry-After`. 410, or five days without success, switches the endpoint off (`webhook.disabled`). No "
            "events named: all. No stores named: all of the key's."
        ),
        tag="Webhooks",
        scopes=ADMIN,
        body=WebhookEndpointBody,
        example=EXAMPLE,
        answers={201: WebhookEndpointMade},
        problems=(Forbidden,),
        retry=Retry.HONOURED,
    ),
    Endpoint(
        method="GET",
        path=ALL,
        handle=listed,
        summary="List webhook endpoints",
        tag="Webhooks",
        scopes=ADMIN,
        query=WebhookEndpointsAsked,
        answers={200: WebhookEndpoints},
    ),
    Endpoint(
        method="GET",
        path=ONE,
        handle=read,
        summary="Read a webhook endpoint",
        tag="Webhooks",
        scopes=ADMIN,
        answers={200: WebhookEndpoint},
    ),
    Endpoint(
        method="PUT",
        path=ONE,
        handle=replace,
        summary="Replace all of a webhook endpoint but its secret; switch it on again, too",
        tag="Webhooks",
        scopes=ADMIN,
        body=WebhookEndpointBody,
        example=EXAMPLE,
        answers={200: WebhookEndpoint},
        problems=(Forbidden, VersionMismatch),
    ),
    Endpoint(
        method="DELETE",
        path=ONE,
        handle=remove,
        summary="Delete a webhook endpoint, and what waits for it",
        tag="Webhooks",
        scopes=ADMIN,
        answers={204: None},
    ),
    Endpoint(
        method="POST",
        path=ONE + "/rotate",
        handle=rotate,
        summary="Give a webhook endpoint a new secret; for a day both sign",
        tag="Webhooks",
        scopes=ADMIN,
        body=RotateBody,
        example={"keep_hours": 24},
        body_optional=True,
        answers={200: WebhookEndpointMade},
        problems=(VersionMismatch,),
        retry=Retry.HONOURED,
    ),
    Endpoint(
        method="POST",
        path=ONE + "/test",
        handle=ping,
        summary="Have a `webhook.ping` sent",
        tag="Webhooks",
        scopes=ADMIN,
        answers={202: Delivery},
        problems=(EndpointInactive,),
        retry=Retry.HONOURED,
    ),
    Endpoint(
        method="GET",
        path=ONE + "/deliveries",
        handle=listed_deliveries,
        summary="List what a webhook endpoint was sent, and what waits, the newest first",
        tag="Webhooks",
        scopes=ADMIN,
        query=DeliveriesAsked,
        answers={200: Deliveries},
    ),
    Endpoint(
        method="POST",
        path=ONE + "/replay",
        handle=replay,
        summary="Send deliveries again: one, or those of a time, with the same ids and the same bytes",
        description=(
            "A time without a `state` also brings what happened in it, thirty days ago at most, and was never written "
            "for this endpoint, because it was switched off or not there yet."
        ),
        tag="Webhooks",
        scopes=ADMIN,
        body=ReplayBody,
        example={"from": "2026-11-23T08:00:00Z", "to": "2026-11-23T12:00:00Z", "state": "dead"},
        answers={202: Replayed},
        retry=Retry.HONOURED,
    ),
)
