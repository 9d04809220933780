"""Stores in the administration: where they are, when they are open, what they promise."""

from typing import Any

from aiohttp import web

from service import board, stores
from service.api.reading import checked, checked_part
from service.callers import Scope
from service.database import Connection, connection, transaction
from service.errors import Forbidden, InvalidRequest, Problem, UnknownStore
from service.models.board import BoardBody, BoardLink
from service.models.fields import StoreId
from service.models.stores import Store, StoreBody
from service.screens.admin_devices import stores_of
from service.screens.admin_frame import Page, endpoint, form, seeing, version
from service.screens.store_forms import filled, read

STORES = frozenset({Scope.STORES})


async def listed(page: Page) -> web.Response:
    """All stores."""
    return page.show("stores.html", stores=await stores_of(page))


async def begin(page: Page) -> web.Response:
    """An empty form."""
    return page.show("store.html", store=None, form=filled(None), board=None)


async def show(page: Page) -> web.Response:
    """A store as it stands."""
    store = await _store(page)
    return page.show("store.html", store=store, form=filled(store), board=await _board(page))


async def _board(page: Page) -> BoardLink:
    async with connection(page.call.pool) as db:
        return await board.link(db, page.call.store, links=page.call.links)


async def change_board(page: Page) -> web.Response:
    """How the board is shown, and whether the links that were given out still open it."""
    fields = await form(page.call)
    store = await _store(page)
    async with transaction(page.call.pool) as db:
        body = BoardBody(names="names" in fields, renew="renew" in fields)
        await board.change(db, store.id, body, links=page.call.links, caller=page.visit.caller)
    return seeing(f"/admin/stores/{store.id}?done=saved")


async def _store(page: Page) -> Store:
    async with connection(page.call.pool) as db:
        return await stores.find(db, page.call.store)


async def make(page: Page) -> web.Response:
    """Open a store. Raises Forbidden for a key of some stores, which this would not be one of."""
    fields = await form(page.call)
    if page.visit.caller.stores is not None:
        raise Forbidden
    try:
        id = checked_part(fields.get("id", ""), StoreId, name="id")
        body = checked(StoreBody.model_validate, read(fields, None))
        async with transaction(page.call.pool) as db:
            await _refuse_known(db, id)
            await stores.put(db, id, body, caller=page.visit.caller)
    except Problem as problem:
        return page.refused(problem, "store.html", store=None, form=filled(None, fields), board=None)
    return seeing(f"/admin/stores/{id}?done=saved")


async def _refuse_known(db: Connection, id: str) -> None:
    try:
        await stores.find(db, id)
    except UnknownStore:
        return
    fault = {"pointer": "/id", "code": "taken", "message": f"there is a store {id} already"}
    raise InvalidRequest(f"There is a store {id} already.", errors=[fault])


async def change(page: Page) -> web.Response:
    """Replace what the form shows of a store, where nobody else has changed it since; the rest stays as it is."""
    fields = await form(page.call)
    store = await _store(page)
    try:
        body = checked(StoreBody.model_validate, read(fields, _asked(store)))
        async with transaction(page.call.pool) as db:
            await stores.put(db, store.id, body, expected=version(fields), caller=page.visit.caller)
    except Problem as problem:
        return page.refused(problem, "store.html", store=store, form=filled(store, fields), board=await _board(page))
    return seeing(f"/admin/stores/{store.id}?done=saved")


def _asked(store: Store) -> dict[str, Any]:
    """A store as somebody would ask for it."""
    told = store.model_dump(mode="json")
    return {name: told[name] for name in StoreBody.model_fields if name in told}


ENDPOINTS = (
    endpoint("GET", "/admin/stores", listed, STORES),
    endpoint("GET", "/admin/new-store", begin, STORES),
    endpoint("POST", "/admin/new-store", make, STORES),
    endpoint("GET", "/admin/stores/{store}", show, STORES),
    endpoint("POST", "/admin/stores/{store}", change, STORES),
    endpoint("POST", "/admin/stores/{store}/board", change_board, STORES),
)
