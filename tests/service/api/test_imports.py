"""Imports over HTTP: streamed, broken off, repeated, refused in words."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from service.api import imports
from service.callers import Scope
from service.database import Pool
from tests.service.api.conftest import Api, Told, serve
from tests.shop import Shop, settings_for

STOCK = "/v1/stock/imports"
ITEMS = "/v1/items/imports"
CSV = {"Content-Type": "text/csv"}
HEADER = "store,sku,on_hand,as_of\n"
LINE = "lyon,tea,5,2026-11-01T09:00:00Z\n"


@pytest.fixture
async def api(pool: Pool, database_url: str, shop: Shop) -> AsyncIterator[Api]:
    """The addresses of imports, for a store that sells tea."""
    await shop.store()
    await shop.item("tea")
    async with serve(settings_for(database_url), pool, imports.ENDPOINTS) as api:
        yield api


async def send(api: Api, body: object, path: str = STOCK, once: str | None = None, **headers: str) -> Told:
    """Send a file."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.request("POST", path, data=body, once=once, headers=CSV | named)


async def test_a_file_is_accepted_and_found_again_by_its_id(api: Api) -> None:
    told = await send(api, HEADER + LINE + "lyon,coffee,5,2026-11-01T09:00:00Z\n")
    assert told.status == 202
    report = told.json
    assert (report["state"], report["lines"], report["applied"], report["failed"]) == ("done", 2, 1, 1)
    assert report["errors"] == [{"line": 3, "code": "unknown_sku", "detail": "The sku is not in the catalogue."}]
    assert told.headers["Location"] == f"{STOCK}/{report['id']}"
    assert (await api.get(told.headers["Location"])).json == report


async def test_the_same_key_answers_the_same_and_finds_the_same_import(api: Api) -> None:
    first = await send(api, HEADER + LINE, once="k")
    again = await send(api, HEADER + LINE, once="k")
    assert (again.status, again.text, again.headers["Idempotency-Replayed"]) == (202, first.text, "true")
    other = await send(api, HEADER + LINE, f"{STOCK}?dry_run=true", once="k")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    assert (await send(api, HEADER + LINE, once="")).json["code"] == "idempotency_key_missing"


async def test_a_file_larger_than_any_body_streams(api: Api, shop: Shop) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield HEADER.encode()
        for _ in range(300):
            yield (LINE * 10).encode()

    told = await send(api, body())
    assert (told.status, told.json["applied"], told.json["passed_over"]) == (202, 3000, 0)
    assert (await shop.position("tea"))["on_hand"] == 5


async def test_gzip_and_ndjson_are_read(api: Api, shop: Shop) -> None:
    line = {"store": "lyon", "sku": "tea", "delta": 2, "reason": "delivery", "reference": "d-1"}
    raw = gzip.compress(json.dumps(line).encode())
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    told = await api.request("POST", f"{STOCK}?mode=delta", data=raw, headers=headers)
    assert (told.status, told.json["mode"], told.json["applied"]) == (202, "delta", 1)
    assert (await shop.position("tea"))["on_hand"] == 2


@pytest.mark.parametrize(
    ("headers", "body", "status", "said"),
    [
        ({"Content-Type": "application/json"}, "{}", 415, "text/csv"),
        ({"Content-Type": "text/csv; charset=iso-8859-1"}, HEADER, 415, "UTF-8"),
        ({"Content-Encoding": "br"}, HEADER, 415, "gzip"),
        ({}, "", 422, "empty"),
        ({}, "store,qty\n", 422, "'qty'"),
    ],
)
async def test_what_is_no_such_file_is_refused_in_words(
    api: Api, pool: Pool, headers: dict[str, str], body: str, status: int, said: str
) -> None:
    told = await api.request("POST", STOCK, data=body, headers=CSV | headers)
    assert told.status == status
    assert said in told.json["detail"]
    assert await pool.fetchval("select count(*) from import") == 0
    assert (await send(api, HEADER, f"{STOCK}?mode=upsert")).status == 422


async def test_a_file_that_turns_out_broken_is_told_with_its_import(api: Api) -> None:
    whole = gzip.compress((HEADER + LINE * 2000).encode())
    told = await send(api, whole[:-6])
    assert (told.status, told.json["code"]) == (422, "invalid_request")
    report = (await api.get(f"{STOCK}/{told.json['import']}")).json
    assert (report["state"], report["reason"]) == ("failed", "The gzip file ends before it should.")


async def test_a_connection_that_dies_leaves_a_failed_import_that_the_same_key_begins_anew(
    api: Api, pool: Pool
) -> None:
    key = await api.key(Scope.STOCK)
    where = urlsplit(api.url)
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    whole = HEADER + LINE * 700
    writer.write(
        f"POST {STOCK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: k\r\n"
        f"Content-Type: text/csv\r\nContent-Length: {len(whole)}\r\n\r\n{whole[:-40]}".encode()
    )
    await writer.drain()
    while not await pool.fetchval("select applied from import"):  # noqa: ASYNC110 -- the server is on its own
        await asyncio.sleep(0.01)
    writer.transport.abort()
    while await pool.fetchval("select state from import") != "failed":  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    [row] = await pool.fetch("select id, applied, reason from import")
    assert (row["applied"], row["reason"]) == (500, "The body ends before it should.")
    again = await api.request("POST", STOCK, data=whole, headers=CSV, key=key, once="k")
    assert (again.json["id"], again.json["state"], again.json["applied"]) == (str(row["id"]), "done", 700)


async def test_a_body_that_stops_coming_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "SILENCE_SECONDS", 0.1)

    async def body() -> AsyncIterator[bytes]:
        yield (HEADER + LINE).encode()
        await asyncio.sleep(1)
        yield LINE.encode()

    told = await send(api, body())
    assert (told.status, told.json["code"]) == (408, "request_timeout")
    assert (await api.get(f"{STOCK}/{told.json['import']}")).json["state"] == "failed"


async def test_items_are_imported(api: Api, pool: Pool) -> None:
    told = await send(api, "sku;name;price;currency\npot;A pot;1990;EUR\n", ITEMS)
    assert (told.status, told.json["kind"], told.json["mode"], told.json["applied"]) == (202, "items", None, 1)
    assert told.headers["Location"] == f"{ITEMS}/{told.json['id']}"
    assert (await api.get(told.headers["Location"])).status == 200
    assert await pool.fetchval("select price from item where sku = 'pot'") == 1990


async def test_a_field_whose_name_can_t_be_kept_is_a_fault_of_its_line(api: Api) -> None:
    told = await send(api, json.dumps({"\0": None}) + "\n" + json.dumps({"sku": "cup", "name": "Cup"}), ITEMS)
    assert told.status == 202
    assert (told.json["applied"], told.json["failed"]) == (1, 1)
    [error] = told.json["errors"]
    assert (error["line"], error["code"]) == (1, "invalid_fields")
    assert "\\u0000: there is nothing of that name here" in error["detail"]


async def test_a_file_of_a_key_of_some_stores_makes_items_and_changes_none(api: Api, shop: Shop) -> None:
    await shop.store()
    bound = await api.key(Scope.STOCK, stores=["lyon"])
    await send(api, "sku,name\ntea,Tea\ncup,Cup\n", ITEMS)
    for dry_run in ("true", "false"):
        lines = "sku,name\ntea,Mine\ncup,Cup\njam,Jam\njam,Marmalade\n"
        told = await api.request("POST", f"{ITEMS}?dry_run={dry_run}", data=lines, headers=CSV, key=bound)
        assert [(error["line"], error["code"]) for error in told.json["errors"]] == [(2, "forbidden"), (5, "forbidden")]
        assert (told.json["lines"], told.json["applied"], told.json["passed_over"]) == (4, 1, 1)
    rows = await api.pool.fetch("select sku, name, version from item order by sku")
    assert [tuple(row) for row in rows] == [("cup", "Cup", 1), ("jam", "Jam", 1), ("tea", "Tea", 2)]


async def test_imports_are_for_keys_with_the_scope_and_of_their_stores(api: Api) -> None:
    mine = (await send(api, HEADER + LINE)).json["id"]
    assert (await api.get(f"{STOCK}/{mine}", key=await api.key(Scope.CHECKOUT))).status == 403
    bound = await api.key(Scope.STOCK, stores=["lyon"])
    assert (await api.get(f"{STOCK}/{mine}", key=bound)).json["code"] == "unknown_import"
    assert (await api.get(f"{STOCK}/nonsense")).json["code"] == "unknown_import"
