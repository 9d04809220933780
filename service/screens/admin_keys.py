"""Keys in the administration: made and shown once, revoked."""

from aiohttp import web

from service import keys
from service.api.keys import within_reach
from service.api.reading import checked
from service.callers import Scope
from service.database import Connection, connection, transaction
from service.errors import Problem
from service.models.keys import Key, KeyBody
from service.screens.admin_frame import Page, endpoint, form, once, seeing

ADMIN = frozenset({Scope.ADMIN})


async def _known(page: Page) -> list[Key]:
    """Every key that they may see: those that open first."""
    found: list[Key] = []
    after: str | None = None
    async with connection(page.call.pool) as db:
        while True:
            part = await keys.listed(db, page.visit.caller, after=after, limit=200)
            found += part.items
            after = part.next_cursor
            if after is None:
                return sorted(found, key=lambda key: key.revoked_at is not None)


async def listed(page: Page) -> web.Response:
    """All keys, and a form for a new one."""
    return page.show("keys.html", keys=await _known(page), scopes=list(Scope), made=None)


async def create(page: Page) -> web.Response:
    """Make a key, and show it this once: sent again, the form makes no second one."""
    fields = await form(page.call)
    stores = [one for one in fields.get("stores", "").replace(",", " ").split() if one]
    try:
        body = checked(
            KeyBody.model_validate,
            {"name": fields.get("name", ""), "scopes": fields.getall("scope", []), "stores": stores or None},
        )
        bound = within_reach(page.visit.caller, body)

        async def work(db: Connection) -> tuple[str, str]:
            made, text = await keys.create(db, body.name, body.scopes, stores=bound, caller=page.visit.caller)
            return made.id, text

        made = await once(page, fields, work)
    except Problem as problem:
        known = await _known(page)
        return page.refused(problem, "keys.html", typed=fields, keys=known, scopes=list(Scope), made=None)
    if made is None:
        return seeing("/admin/keys")
    return page.show("keys.html", keys=await _known(page), scopes=list(Scope), made=made[1])


async def revoke(page: Page) -> web.Response:
    """Let a key open nothing any more."""
    async with transaction(page.call.pool) as db:
        await keys.revoke(db, page.call.part("key"), caller=page.visit.caller)
    return seeing("/admin/keys?done=revoked")


ENDPOINTS = (
    endpoint("GET", "/admin/keys", listed, ADMIN),
    endpoint("POST", "/admin/keys", create, ADMIN),
    endpoint("POST", "/admin/keys/{key}/revoke", revoke, ADMIN),
)
