"""Webhooks in the administration: where events go, what became of each, and once more, please."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

from aiohttp import web

from service import deliveries, queries, webhooks
from service.api.reading import checked
from service.api.webhooks import refuse_beyond
from service.callers import Scope
from service.database import Connection, connection, transaction
from service.errors import Problem
from service.models.webhooks import (
    CustomerField,
    DeliveriesAsked,
    EventType,
    Format,
    ReplayBody,
    WebhookEndpoint,
    WebhookEndpointBody,
)
from service.screens.admin_devices import stores_of
from service.screens.admin_frame import Form, Page, endpoint, form, once, seeing, version

NOW = queries.load("reservations")["now"]

ADMIN = frozenset({Scope.ADMIN})
FORMATS = get_args(Format)
CHOICES = {"formats": FORMATS, "customer_fields": get_args(CustomerField), "events": get_args(EventType)}
STATES = ("pending", "sending", "delivered", "dead")

_SHOWN = 50


async def _known(page: Page) -> Mapping[str, Any]:
    async with connection(page.call.pool) as db:
        found = (await webhooks.listed(db, page.visit.caller, limit=200)).items
    return {"endpoints": found, "stores": await stores_of(page), **CHOICES}


async def listed(page: Page) -> web.Response:
    """All endpoints, and a form for a new one."""
    return page.show("webhooks.html", **await _known(page), secret=None)


def _asked(page: Page, fields: Form, before: WebhookEndpoint | None = None) -> WebhookEndpointBody:
    body = checked(
        WebhookEndpointBody.model_validate,
        {
            "url": fields.get("url", ""),
            "description": fields.get("description", ""),
            "format": fields.get("format", before.format if before else FORMATS[0]),
            "fields": fields.getall("told", []),
            "events": fields.getall("events", []),
            "stores": fields.getall("store", []),
            "active": before is None or "active" in fields,
        },
    )
    refuse_beyond(page.visit.caller, body)
    return body


async def create(page: Page) -> web.Response:
    """Make an endpoint, and show its secret this once."""
    fields = await form(page.call)
    private = page.call.settings.allow_private_webhooks

    async def work(db: Connection) -> tuple[WebhookEndpoint, str]:
        return await webhooks.create(db, _asked(page, fields), caller=page.visit.caller, private=private)

    try:
        made = await once(page, fields, work)
    except Problem as problem:
        return page.refused(problem, "webhooks.html", typed=fields, **await _known(page), secret=None)
    if made is None:
        return seeing("/admin/webhooks")
    return page.show("webhooks.html", **await _known(page), secret=made[1])


async def _one(page: Page) -> Mapping[str, Any]:
    state = page.call.request.query.get("state")
    chosen = state if state in STATES else None
    asked = checked(DeliveriesAsked.model_validate, {"state": chosen, "limit": _SHOWN})
    async with connection(page.call.pool) as db:
        found = await webhooks.find(db, page.call.id(), caller=page.visit.caller)
        sent = await deliveries.listed(db, found.id, asked, caller=page.visit.caller)
    return {
        "endpoint": found,
        "deliveries": sent.items,
        "more": sent.next_cursor is not None,
        "state": asked.state,
        "states": STATES,
        "stores": await stores_of(page),
        **CHOICES,
    }


async def show(page: Page) -> web.Response:
    """An endpoint and what it was sent."""
    return page.show("webhook.html", **await _one(page), secret=None)


async def change(page: Page) -> web.Response:
    """Another address, other events; on or off."""
    fields = await form(page.call)
    id: UUID = page.call.id()
    private = page.call.settings.allow_private_webhooks
    try:
        async with transaction(page.call.pool) as db:
            before = await webhooks.find(db, id, caller=page.visit.caller)
            asked = _asked(page, fields, before)
            await webhooks.replace(db, id, asked, caller=page.visit.caller, private=private, expected=version(fields))
    except Problem as problem:
        return page.refused(problem, "webhook.html", typed=fields, **await _one(page), secret=None)
    return seeing(f"/admin/webhooks/{id}?done=saved")


async def rotate(page: Page) -> web.Response:
    """A new secret, shown this once; the old one signs beside it for a day."""
    fields = await form(page.call)
    id: UUID = page.call.id()

    async def work(db: Connection) -> tuple[WebhookEndpoint, str]:
        return await webhooks.rotate(db, id, hours=24, caller=page.visit.caller)

    made = await once(page, fields, work)
    return page.show("webhook.html", **await _one(page), secret=made[1] if made else None)


def _source(page: Page) -> str:
    return str(page.call.settings.public_url).rstrip("/")


async def ping(page: Page) -> web.Response:
    """Have a ping sent."""
    id: UUID = page.call.id()
    async with transaction(page.call.pool) as db:
        await deliveries.ping(db, id, caller=page.visit.caller, source=_source(page))
    return seeing(f"/admin/webhooks/{id}?done=pinged")


async def replay(page: Page) -> web.Response:
    """Send one delivery again, or all that were given up in the last week."""
    fields = await form(page.call)
    id: UUID = page.call.id()
    async with transaction(page.call.pool) as db:
        if one := fields.get("delivery"):
            asked = {"delivery": one}
        else:
            now = await NOW.value(db)
            asked = {"from": now - timedelta(days=7), "to": now, "state": "dead"}
        body = checked(ReplayBody.model_validate, asked)
        await deliveries.replay(db, id, body, caller=page.visit.caller, source=_source(page))
    return seeing(f"/admin/webhooks/{id}?done=replayed")


async def remove(page: Page) -> web.Response:
    """Delete an endpoint, and what waits for it."""
    async with transaction(page.call.pool) as db:
        await webhooks.remove(db, page.call.id(), caller=page.visit.caller)
    return seeing("/admin/webhooks?done=removed")


ENDPOINTS = (
    endpoint("GET", "/admin/webhooks", listed, ADMIN),
    endpoint("POST", "/admin/webhooks", create, ADMIN),
    endpoint("GET", "/admin/webhooks/{id}", show, ADMIN),
    endpoint("POST", "/admin/webhooks/{id}", change, ADMIN),
    endpoint("POST", "/admin/webhooks/{id}/rotate", rotate, ADMIN),
    endpoint("POST", "/admin/webhooks/{id}/ping", ping, ADMIN),
    endpoint("POST", "/admin/webhooks/{id}/replay", replay, ADMIN),
    endpoint("POST", "/admin/webhooks/{id}/remove", remove, ADMIN),
)
