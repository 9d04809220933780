"""The server against rude callers: too much, too slow, too strange."""

import asyncio
import gzip
import io
import json
from contextlib import suppress

import pytest

from service.api import app, reading
from service.database import Pool
from tests.service.api.conftest import Api, serve
from tests.shop import Shop, settings_for

MEGABYTE = 1024 * 1024


async def raw(api: Api, sent: bytes, *, seconds: float = 10) -> bytes:
    """Send bytes as they are, and read until the server hangs up or a time is over."""
    host, _, port = api.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    got = bytearray()
    try:
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(seconds):
                writer.write(sent)
                await writer.drain()
                while some := await reader.read(65536):
                    got += some
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return bytes(got)


def head(key: str, *lines: str) -> bytes:
    """The head of a search for an order."""
    start = ["POST /v1/stores/lyon/reservations/search HTTP/1.1", "Host: shop", f"Authorization: Bearer {key}"]
    return "\r\n".join([*start, "Content-Type: application/json", *lines, "", ""]).encode()


async def test_two_megabytes_are_too_many(api: Api) -> None:
    told = await api.request(
        "POST", "/v1/availability", data=io.BytesIO(b"x" * 2 * MEGABYTE), headers={"Content-Type": "application/json"}
    )
    assert (told.status, told.json["code"]) == (413, "body_too_large")


async def test_two_megabytes_in_pieces_are_too_many(api: Api) -> None:
    pieces = b"".join(b"10000\r\n" + b"x" * 65536 + b"\r\n" for _ in range(32))
    told = await raw(
        api, head(await api.key(), "Transfer-Encoding: chunked", "Connection: close") + pieces + b"0\r\n\r\n"
    )
    assert told.startswith(b"HTTP/1.1 413 ")


async def test_a_packed_bomb_is_not_unpacked(api: Api) -> None:
    bomb = gzip.compress(b'{"q":"' + b" " * 10 * MEGABYTE + b'"}')
    assert len(bomb) < 32 * 1024
    told = await api.request(
        "POST",
        "/v1/availability",
        data=bomb,
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    assert (told.status, told.json["code"]) == (415, "unsupported_media_type")


async def test_a_body_that_does_not_come_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.3)
    told = await raw(api, head(await api.key(), "Content-Length: 20") + b'{"q":', seconds=3)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"request_timeout" in told


async def test_who_drips_takes_nobodys_place(
    pool: Pool, shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "PER_CONNECTION", 0.25)
    await shop.store("lyon")
    async with serve(settings_for(database_url, pool_size=4), pool) as narrow:  # room for one
        key = await narrow.key()
        drips = [asyncio.create_task(raw(narrow, head(key, "Content-Length: 20") + b'{"q":')) for _ in range(3)]
        await asyncio.sleep(0.3)
        assert (await narrow.get("/v1/stores", key=key)).status == 200
        for drip in drips:
            drip.cancel()
        await asyncio.gather(*drips, return_exceptions=True)


async def test_a_body_that_ends_too_early_harms_nobody(api: Api) -> None:
    host, _, port = api.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(head(await api.key(), "Content-Length: 20") + b'{"q":')
    await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    assert (await api.get("/livez", key="")).status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
    ],
    ids=["long header", "long line", "NUL", "TLS", "two lengths", "many headers"],
)
async def test_what_is_no_request_is_refused_and_hung_up_on(api: Api, sent: bytes) -> None:
    told = await raw(api, sent, seconds=3)
    assert told.startswith(b"HTTP/1.") or told == b""
    assert b" 400 " in told[:20] or told == b""
    assert b"Traceback" not in told
    assert (await api.get("/livez", key="")).status == 200


async def test_a_thousand_requests_down_one_line_are_answered_in_order(api: Api) -> None:
    sent = (
        b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 999 + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert (await raw(api, sent)).count(b"HTTP/1.1 200 OK") == 1000


NAMES = [
    "' or '1'='1",
    "'; drop table store; --",
    "%00",
    "a%00b",
    "..%2f..%2fetc%2fpasswd",
    "%ff%fe",
    "%F0%9F%8D%B5",
    "{store}",
    "x" * 1000,
    "$1",
    "%25s",
    "\\",
    "%0d%0aX-Injected:%20yes",
]


@pytest.mark.parametrize("name", NAMES)
async def test_a_strange_name_is_only_a_name_that_nothing_has(api: Api, shop: Shop, name: str) -> None:
    await shop.stock("tea", 5)
    for path in (f"/v1/stores/{name}", f"/v1/stores/lyon/reservations/{name}", f"/v1/items/{name}"):
        told = await api.get(path)
        assert told.status == 404, told
        assert "X-Injected" not in told.headers
    assert (await api.get("/v1/stores/lyon")).status == 200


async def test_answers_forbid_what_browsers_might_do_with_them(api: Api) -> None:
    for path in ("/livez", "/v1/keys", "/nowhere", "/v1/stores"):
        told = await api.get(path)
        assert told.headers["X-Content-Type-Options"] == "nosniff"
        assert told.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in told.headers["Content-Security-Policy"]
        assert told.headers["Server"] == "comptoir"
        assert "Access-Control-Allow-Origin" not in told.headers


async def test_numbers_too_big_for_the_database_are_refused(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    order = {"order_ref": "A", "customer": {"name": "C", "email": "c@atelier.example"}}
    for quantity in (10**9, 2**31, 2**63, -1, 0, 1.5, "2", True):
        told = await api.post(
            "/v1/stores/lyon/reservations", {**order, "lines": [{"sku": "tea", "quantity": quantity}]}
        )
        assert (told.status, told.json["code"]) == (422, "invalid_request"), json.dumps(quantity)
