"""Files of stock in the administration: taken in while they stream, with what is wrong of them line by line."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import BodyPartReader, web

from service import imports
from service.api.imports import SILENCE_SECONDS
from service.api.reading import readable
from service.callers import Scope
from service.database import connection
from service.errors import (
    InvalidRequest,
    MalformedRequest,
    Problem,
    RequestTimeout,
    UnknownImport,
    UnsupportedMediaType,
)
from service.import_runs import Ask
from service.models.imports import Kind, Mode
from service.screens.admin_frame import Page, endpoint, seeing

STOCK = frozenset({Scope.STOCK})

_LONGEST_FIELD = 100  # bytes
_PIECE = 64 * 1024


async def show(page: Page) -> web.Response:
    """A form for a file, and what became of the last ones."""
    async with connection(page.call.pool) as db:
        recent = await imports.recent(db, caller=page.visit.caller)
    return page.show("imports.html", modes=list(Mode), recent=recent)


async def take_in(page: Page) -> web.StreamResponse:
    """Take a file in while it comes; then show what became of it.

    Whoever sends the same form again sends the file again: what was applied already changes nothing.
    """
    if not page.call.request.content_type.startswith("multipart/"):
        raise UnsupportedMediaType("Send a form with a file.")
    try:
        ask, file = await _read(page)
        report, _ = await imports.take_in(page.call.pool, ask, _chunks(file))
    except Problem as problem:
        if "import" in problem.facts:
            return seeing(f"/admin/imports/{problem.facts['import']}")
        async with connection(page.call.pool) as db:
            recent = await imports.recent(db, caller=page.visit.caller)
        return page.refused(problem, "imports.html", modes=list(Mode), recent=recent)
    return seeing(f"/admin/imports/{report.id}")


async def _read(page: Page) -> tuple[Ask, BodyPartReader]:
    """What is to be done with the file, which comes last."""
    fields: dict[str, str] = {}
    with readable():
        reader = await page.call.request.multipart()
    while True:
        with readable():
            part = await reader.next()
        if part is None:
            raise InvalidRequest("There is no file.")
        if not isinstance(part, BodyPartReader):
            raise MalformedRequest("A part of the form can't be read.")
        if part.name == "file":
            mode = fields.get("mode", Mode.ABSOLUTE)
            kind = Kind.ITEMS if mode == Kind.ITEMS else Kind.STOCK
            if kind is Kind.STOCK and mode not in set(Mode):
                raise InvalidRequest
            asked = None if kind is Kind.ITEMS else Mode(mode)
            return Ask(page.visit.caller, kind, asked, "dry_run" in fields), part
        with readable():
            fields[part.name or ""] = (await part.read_chunk(_LONGEST_FIELD)).decode(errors="replace")


async def _chunks(file: BodyPartReader) -> AsyncIterator[bytes]:
    while True:
        try:
            with readable():
                async with asyncio.timeout(SILENCE_SECONDS):
                    piece = await file.read_chunk(_PIECE)
        except TimeoutError:
            raise RequestTimeout(f"Nothing came for {SILENCE_SECONDS} seconds.") from None
        except (web.RequestPayloadError, ConnectionError):
            raise MalformedRequest("The body ends before it should.") from None
        if not piece:
            return
        yield piece


async def report(page: Page) -> web.Response:
    """What became of a file."""
    async with connection(page.call.pool) as db:
        found = await imports.find(db, page.call.id(missing=UnknownImport), caller=page.visit.caller)
    return page.show("import.html", report=found)


ENDPOINTS = (
    endpoint("GET", "/admin/imports", show, STOCK),
    endpoint("POST", "/admin/imports", take_in, STOCK, streams=True),
    endpoint("GET", "/admin/imports/{id}", report, STOCK),
)
