"""Imports over HTTP: files of stock and items, taken in while they stream."""

import asyncio

from aiohttp import hdrs, web

from service import imports
from service.api.endpoints import Answer, Call, Endpoint, Retry, replayed
from service.callers import Scope
from service.database import connection
from service.errors import (
    IdempotencyInFlight,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InvalidRequest,
    MalformedRequest,
    RequestTimeout,
    UnknownImport,
    UnsupportedMediaType,
)
from service.import_lines import Chunks
from service.import_runs import Ask
from service.models.imports import ImportReport, ItemImportQuery, Kind, Mode, StockImportQuery

STOCK = frozenset({Scope.STOCK})
SILENCE_SECONDS = 30  # after which a body that does not go on is given up; an import is lost after a minute

MEDIA = frozenset(
    {
        "text/csv",
        "application/csv",
        "application/vnd.ms-excel",
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/gzip",
        "application/x-gzip",
        "application/octet-stream",
    }
)
"""What a file may call itself; what it is, its first line tells."""

_ABOUT = """\
One line is one {thing}, in CSV (UTF-8; comma, semicolon or tab; the first line names the columns) or NDJSON; either may
be gzip. Columns: {columns}.

The body is taken in while it streams, and the answer comes when it was read to its end. A line that is wrong is told in
`errors`, and the others are applied. If the connection breaks, what was applied stays and the import is `failed`: send
the same file again, with the same key (the import begins anew under its id) or another one; what was applied already
changes nothing. The key stands for the import{mode}, not for the content of the file: once it is `done`, the same key
answers what became of it, and reads nothing.
"""


async def import_stock(call: Call[None]) -> Answer:
    """Take in a file of stock."""
    ask: StockImportQuery = call.query
    return await _take_in(call, Kind.STOCK, ask.mode, dry_run=ask.dry_run)


async def import_items(call: Call[None]) -> Answer:
    """Take in a file of items."""
    ask: ItemImportQuery = call.query
    return await _take_in(call, Kind.ITEMS, None, dry_run=ask.dry_run)


async def _take_in(call: Call[None], kind: Kind, mode: Mode | None, *, dry_run: bool) -> Answer:
    _check_media(call.request)
    assert call.key is not None  # noqa: S101 -- it is required
    ask = Ask(call.caller, kind, mode, dry_run, call.key.key, call.key.fingerprint)
    report, before = await imports.take_in(call.pool, ask, _body(call.request))
    location = {"Location": f"/v1/{kind}/imports/{report.id}"}
    if before:
        told = replayed(report.model_dump_json(), 202)
        return Answer(told.body, told.status, {**told.headers, **location})
    return Answer(report, 202, location)


def _check_media(request: web.Request) -> None:
    if request.content_type not in MEDIA:
        raise UnsupportedMediaType("Send text/csv or application/x-ndjson.")
    if (request.charset or "utf-8").lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType("Send UTF-8.")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() not in {"identity", "gzip"}:
        raise UnsupportedMediaType("Send the file as it is, or gzip.")


async def _body(request: web.Request) -> Chunks:
    """The body as it comes. Raises RequestTimeout when it stops coming, MalformedRequest when it breaks off."""
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                chunk = await request.content.readany()
        except TimeoutError:
            raise RequestTimeout(f"Nothing came for {SILENCE_SECONDS} seconds.") from None
        except (web.RequestPayloadError, ConnectionError):
            raise MalformedRequest("The body ends before it should.") from None
        if not chunk:
            return
        yield chunk


async def read(call: Call[None]) -> Answer:
    """What became of a file."""
    async with connection(call.pool) as db:
        return Answer(await imports.find(db, call.id(missing=UnknownImport), caller=call.caller))


_PROBLEMS = (
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyInFlight,
    InvalidRequest,
    MalformedRequest,
    RequestTimeout,
    UnsupportedMediaType,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/v1/stock/imports",
        handle=import_stock,
        summary="Import a file of stock",
        description=_ABOUT.format(
            thing="count, or one movement with `mode=delta`",
            columns="`store`, `sku`, `on_hand`, `safety_stock` (may be left out), `as_of`; for `delta` `store`, `sku`,"
            " `delta`, `reason`, `reference`, `happened_at` and `order_ref` (both may be left out)",
            mode=", its mode and dry run",
        )
        + "\nA `snapshot` names all there is: what it leaves out in the stores that it names is counted as zero, in"
        " stores of which no line was wrong. A `dry_run` changes nothing and tells the same, judging each batch of"
        " lines by the stock as it is.\n",
        tag="Stock",
        scopes=STOCK,
        query=StockImportQuery,
        answers={202: ImportReport},
        problems=_PROBLEMS,
        retry=Retry.REQUIRED,
        streams=True,
        takes=("text/csv", "application/x-ndjson"),
    ),
    Endpoint(
        method="GET",
        path="/v1/stock/imports/{id}",
        handle=read,
        summary="See what became of a file",
        tag="Stock",
        scopes=STOCK,
        answers={200: ImportReport},
        problems=(UnknownImport,),
    ),
    Endpoint(
        method="POST",
        path="/v1/items/imports",
        handle=import_items,
        summary="Import a file of items",
        description=_ABOUT.format(
            thing="item",
            columns="`sku`, `name`; may be left out, and are then not known: `name_fr`, `name_en`, `gtin`, `image_url`,"
            " `price` and `currency`, `preparation_minutes`. Where an item lies stays as it is. All stores share"
            " items: a key that is bound to some makes those that are missing, and changes none",
            mode=" and its dry run",
        ),
        tag="Stock",
        scopes=STOCK,
        query=ItemImportQuery,
        answers={202: ImportReport},
        problems=_PROBLEMS,
        retry=Retry.REQUIRED,
        streams=True,
        takes=("text/csv", "application/x-ndjson"),
    ),
    Endpoint(
        method="GET",
        path="/v1/items/imports/{id}",
        handle=read,
        summary="See what became of a file of items",
        tag="Stock",
        scopes=STOCK,
        answers={200: ImportReport},
        problems=(UnknownImport,),
    ),
)
