"""Devices and clerks in the administration: a tablet is paired by what it is shown, people are given a PIN."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiohttp import web

from service import clerks, devices, stores
from service.access_errors import UnknownClerk
from service.api.clerks import PINS
from service.api.reading import checked
from service.callers import Scope
from service.database import Connection, connection, transaction
from service.devices import Pairing
from service.errors import Problem
from service.messages.spelling import alphabetical
from service.models.clerks import Clerk, ClerkBody, ClerkChange
from service.models.devices import Device, DeviceBody
from service.models.stores import StoreListed, StoresQuery
from service.screens.admin_frame import Page, endpoint, form, once, seeing

ADMIN = frozenset({Scope.ADMIN})


async def stores_of(page: Page) -> list[StoreListed]:
    """The stores that they may see, by name."""
    caller, found, after = page.visit.caller, [], None
    async with connection(page.call.pool) as db:
        while True:
            asked = StoresQuery(inactive=True, limit=100, cursor=after)
            part = await stores.page(db, asked, among=caller.stores)
            found += part.items
            after = part.next_cursor
            if after is None:
                return sorted(found, key=lambda one: alphabetical(one.name))


async def _known(page: Page) -> Mapping[str, Any]:
    """What the page of devices shows."""
    found: list[Device] = []
    after: str | None = None
    async with connection(page.call.pool) as db:
        while True:
            part = await devices.listed(db, page.visit.caller, after=after, limit=200)
            found += part.items
            after = part.next_cursor
            if after is None:
                break
    return {
        "devices": [one for one in found if one.revoked_at is None],
        "revoked": [one for one in found if one.revoked_at is not None],
        "stores": await stores_of(page),
    }


async def listed(page: Page) -> web.Response:
    """All devices, and a form for a new one."""
    return page.show("devices.html", **await _known(page), made=None)


async def create(page: Page) -> web.Response:
    """Prepare a device, and show what pairs it."""
    fields = await form(page.call)

    async def work(db: Connection) -> tuple[Device, Pairing]:
        body = checked(
            DeviceBody.model_validate,
            {name: fields.get(name) or None for name in ("store", "name", "language")},
        )
        return await devices.create(db, body, caller=page.visit.caller, public_url=str(page.call.settings.public_url))

    try:
        made = await once(page, fields, work)
    except Problem as problem:
        return page.refused(problem, "devices.html", typed=fields, **await _known(page), made=None)
    if made is None:
        return seeing("/admin/devices")
    return page.show("devices.html", **await _known(page), made=made)


async def revoke(page: Page) -> web.Response:
    """Let a device open nothing any more."""
    async with transaction(page.call.pool) as db:
        await devices.revoke(db, page.call.part("device"), caller=page.visit.caller)
    return seeing("/admin/devices?done=revoked")


async def _team(page: Page) -> Mapping[str, Any]:
    async with connection(page.call.pool) as db:
        store = await stores.find(db, page.call.store)
        found: list[Clerk] = (await clerks.listed(db, page.call.store)).items
    return {
        "store": store,
        "clerks": [one for one in found if one.left_at is None],
        "left": [one for one in found if one.left_at is not None],
    }


async def team(page: Page) -> web.Response:
    """Who works in a store."""
    return page.show("clerks.html", **await _team(page))


async def welcome(page: Page) -> web.Response:
    """Somebody new."""
    fields = await form(page.call)

    async def work(db: Connection) -> Clerk:
        body = checked(ClerkBody.model_validate, {"name": fields.get("name", ""), "pin": fields.get("pin", "")})
        return await clerks.create(
            db, page.call.store, body, pins=page.call.request.app[PINS], caller=page.visit.caller
        )

    try:
        await once(page, fields, work)
    except Problem as problem:
        return page.refused(problem, "clerks.html", typed=fields, **await _team(page))
    return seeing(f"{_address(page)}?done=welcomed")


async def change(page: Page) -> web.Response:
    """Another name, or another PIN; or they leave."""
    fields = await form(page.call)
    clerk: UUID = page.call.id("clerk", UnknownClerk)
    try:
        async with transaction(page.call.pool) as db:
            if "leave" in fields:
                await clerks.leave(db, page.call.store, clerk, caller=page.visit.caller)
                return seeing(f"{_address(page)}?done=left")
            body = checked(
                ClerkChange.model_validate, {"name": fields.get("name", ""), "pin": fields.get("pin") or None}
            )
            await clerks.replace(
                db, page.call.store, clerk, body, pins=page.call.request.app[PINS], caller=page.visit.caller
            )
    except Problem as problem:
        return page.refused(problem, "clerks.html", typed=fields, **await _team(page))
    return seeing(f"{_address(page)}?done=saved")


def _address(page: Page) -> str:
    return f"/admin/stores/{page.call.store}/clerks"


ENDPOINTS = (
    endpoint("GET", "/admin/devices", listed, ADMIN),
    endpoint("POST", "/admin/devices", create, ADMIN),
    endpoint("POST", "/admin/devices/{device}/revoke", revoke, ADMIN),
    endpoint("GET", "/admin/stores/{store}/clerks", team, ADMIN),
    endpoint("POST", "/admin/stores/{store}/clerks", welcome, ADMIN),
    endpoint("POST", "/admin/stores/{store}/clerks/{clerk}", change, ADMIN),
)
