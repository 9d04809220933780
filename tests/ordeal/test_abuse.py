"""The server against a crowd of rude callers, while others are served as ever."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.ordeal.conftest import Start
from tests.ordeal.world import Api, Caller, order
from tests.shop import Shop

Seen = Callable[[str], None]

HOLDS = "/v1/stores/lyon/reservations"
PATIENCE = 15  # seconds in which whoever drips is hung up on
LEEWAY = 4  # seconds, where the machine has other things to do


@pytest.fixture
async def api(shop: Shop, start: Start) -> Api:
    """An API with something to sell."""
    await shop.stock("tea", 100_000)
    api = await start(Api)
    assert isinstance(api, Api)
    return api


def drips(key: str) -> list[bytes]:
    """Beginnings that never come to their end: of a line, of a header, of a body, of a body in pieces."""
    head = f"POST {HOLDS} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: k\r\n".encode()
    typed = head + b"Content-Type: application/json\r\n"
    return [
        b"GET /liv",
        b"GET /livez HTTP/1.1\r\nX-Slow: ",
        typed + b"Content-Length: 5000\r\n\r\n{",
        typed + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"",
    ]


async def drip(api: Api, beginning: bytes) -> float:
    """Send a beginning, then a byte now and then; seconds until the server has had enough."""
    place = urlsplit(api.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    began = time.monotonic()
    writer.write(beginning)
    reading = asyncio.create_task(_until_closed(reader))
    piece = b"1\r\n \r\n" if b"chunked" in beginning else b"x"
    while not reading.done() and time.monotonic() - began < PATIENCE + 15:
        await asyncio.wait({reading}, timeout=2)
        with suppress(OSError):
            if beginning:
                writer.write(piece)
    reading.cancel()
    writer.transport.abort()
    return time.monotonic() - began


async def _until_closed(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(65536):
            pass


async def latencies(caller: Caller, api: Api, seconds: float) -> list[float]:
    """What good customers wait meanwhile."""
    waited, n, until = [], 0, time.monotonic() + seconds
    while time.monotonic() < until:
        n += 1
        began = time.monotonic()
        heard = await caller.ask(api.url + HOLDS, once=f"good-{n}", json=order(f"good-{n}"))
        assert heard.status == 201
        waited.append(time.monotonic() - began)
        await asyncio.sleep(0.05)
    return sorted(waited)


@pytest.mark.ordeal
@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [500])
async def test_five_hundred_who_drip_are_hung_up_on_while_others_are_served(
    api: Api, caller: Caller, seen: Seen, number: int
) -> None:
    beginnings = drips(caller.key)
    dripping = [asyncio.create_task(drip(api, beginnings[n % len(beginnings)])) for n in range(number)]
    waited = await latencies(caller, api, 8)
    lasted = sorted(await asyncio.gather(*dripping))
    assert lasted[-1] < PATIENCE + LEEWAY, lasted[-5:]
    p99 = waited[len(waited) * 99 // 100]
    assert p99 < 0.5 + LEEWAY / 4
    seen(
        f"{number} connections dripped lines, headers and bodies: the last was closed after {lasted[-1]:.1f} s;"
        f" meanwhile {len(waited)} good holds, p99 {p99 * 1000:.0f} ms"
    )


async def test_many_connections_that_say_nothing_leave_room_for_others(api: Api, caller: Caller, seen: Seen) -> None:
    place = urlsplit(api.url)
    silent = await asyncio.gather(*(asyncio.open_connection(place.hostname, place.port) for _ in range(400)))
    waited = await latencies(caller, api, 0.5)
    for _, writer in silent:
        writer.transport.abort()
    assert waited[-1] < 2
    seen(f"400 silent connections: holds took {waited[len(waited) // 2] * 1000:.0f} ms all the same")


def deep(levels: int) -> bytes:
    """A list in a list in a list, and so on."""
    return b'{"order_ref": ' + b"[" * levels + b"]" * levels + b"}"


TOO_MUCH = {
    "10,000 deep": (deep(10_000), {400, 422}),
    "30,000 objects deep": (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, {400, 413, 422}),
    "a number of 10,000 digits": (b'{"order_ref": ' + b"9" * 10_000 + b"}", {400, 422}),
    "60 kB of one string": (json.dumps({"order_ref": "x" * 60_000}).encode(), {422}),
    "10,000 keys": (json.dumps({f"k{n}": 1 for n in range(5000)}).encode(), {413, 422}),
    "the same key 5,000 times": (b"{" + b'"order_ref":"a",' * 4000 + b'"order_ref":"a"}', {413, 422}),
    "no UTF-8": (b'{"order_ref": "\xff\xfe"}', {400, 422}),
    "half a surrogate": (b'{"order_ref": "\\ud800"}', {400, 422}),
}


def memory(api: Api) -> int:
    """What a process has in memory, in megabytes."""
    [line] = [line for line in Path(f"/proc/{api.pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


async def test_what_is_too_much_is_refused(api: Api, caller: Caller, seen: Seen) -> None:
    before = memory(api)
    for what, (body, statuses) in TOO_MUCH.items():
        headers = {"Content-Type": "application/json"}
        began = time.monotonic()
        heard = await caller.ask(api.url + HOLDS, once="k", data=body, headers=headers)
        assert heard.status in statuses, f"{what}: {heard}"
        assert time.monotonic() - began < 3, what
    grown = memory(api) - before
    assert grown < 50
    seen(f"{', '.join(TOO_MUCH)}: refused, {grown} MB more in memory")
