"""The way out: no request ever goes inside, whatever the URL, the directory, the receiver or the environment says."""
# ruff: noqa: S104 -- nothing is bound to it, it is asked for

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import perf_counter
from typing import Any

import pytest
from aiohttp import web

from tests.workers.receiver import Receiver, receiving
from workers import outside
from workers.outside import Answer, Directory, InsideAddress, NotReached, Outside

PUBLIC = "93.184.216.34"


class Names:
    """A directory that says something else each time."""

    def __init__(self, *answers: str | list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            (families[":" in address], socket.SOCK_STREAM, 6, "", (address, port))
            for address in ([said] if isinstance(said, str) else said)
        ]


class Internal:
    """Something inside that listens, and counts who comes."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    async def met(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody came."""
        self.connections += 1
        writer.close()


@pytest.fixture
async def internal() -> AsyncIterator[Internal]:
    listener = Internal()
    server = await asyncio.start_server(listener.met, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    yield listener
    server.close()
    await server.wait_closed()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@asynccontextmanager
async def way_out(*, private: bool = True, **options: Any) -> AsyncIterator[Outside]:
    way = Outside(private=private, **options)
    try:
        yield way
    finally:
        await way.close()


async def why_not(way: Outside, url: str) -> str:
    """Why nobody was reached."""
    with pytest.raises(NotReached) as told:
        await way.post(url, b"{}", {})
    return str(told.value)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "0.0.0.0", "2130706433", "0x7f000001", "127.1",
     "localhost", "user@127.0.0.1", "169.254.169.254"],
)  # fmt: skip
async def test_an_address_inside_is_never_asked(internal: Internal, host: str) -> None:
    async with way_out(private=False) as way:
        for scheme in ("http", "https"):
            assert await why_not(way, f"{scheme}://{host}:{internal.port}/") == "address_not_allowed"
    assert internal.connections == 0


@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "100.64.0.1", "0.0.0.0"])
async def test_a_name_that_leads_inside_is_never_asked(internal: Internal, inside: str) -> None:
    async with way_out(private=False, look_up=Names(inside)) as way:
        assert await why_not(way, f"https://shop.example:{internal.port}/") == "address_not_allowed"
    assert internal.connections == 0


async def test_of_many_addresses_only_the_outside_ones_are_given_out() -> None:
    directory = Directory(Names(["127.0.0.1", PUBLIC, "::1", "10.0.0.1"]), private=False)
    assert [found["host"] for found in await directory.resolve("shop.example", 443)] == [PUBLIC]
    await directory.close()


async def test_a_name_that_turns_inside_is_noticed_at_the_next_attempt() -> None:
    directory = Directory(Names(PUBLIC, "127.0.0.1"), private=False)
    assert [found["host"] for found in await directory.resolve("shop.example", 443)] == [PUBLIC]
    with pytest.raises(InsideAddress):
        await directory.resolve("shop.example", 443)
    await directory.close()


async def test_each_attempt_asks_the_directory_anew(receiver: Receiver) -> None:
    names = Names("127.0.0.1", "169.254.169.254")
    url = receiver.url.replace("127.0.0.1", "shop.example")
    async with way_out(look_up=names) as way:
        assert (await way.post(url, b"{}", {})).status == 204
        assert await why_not(way, url) == "address_not_allowed"
    assert (names.asked, len(receiver.seen)) == (2, 1)
    assert receiver.seen[0].headers["host"].startswith("shop.example:")


async def test_a_redirect_leads_nowhere(receiver: Receiver, internal: Internal) -> None:
    receiver.answers = [web.Response(status=307, headers={"Location": f"http://127.0.0.1:{internal.port}/"})]
    async with way_out() as way:
        assert (await way.post(receiver.url, b"{}", {})).status == 307
    assert internal.connections == 0


async def test_no_proxy_of_the_environment_is_believed(
    receiver: Receiver, internal: Internal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{internal.port}")
    async with way_out() as way:
        assert (await way.post(receiver.url, b"{}", {})).status == 204
    assert internal.connections == 0


async def test_who_is_silent_is_left(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "SECONDS", 0.3)
    receiver.slow.add("/")
    async with way_out() as way:
        assert await why_not(way, receiver.url + "/") == "timeout"


async def test_a_directory_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "SECONDS", 0.3)
    released = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        asyncio.run_coroutine_threadsafe(released.wait(), loop).result()
        return []

    async with way_out(look_up=hang) as way:
        assert await why_not(way, "http://shop.example/") == "timeout"
        released.set()


async def test_who_is_not_there_is_told_apart() -> None:
    def unknown(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with way_out(look_up=unknown) as way:
            assert await why_not(way, "https://shop.example/") == "no_such_host"
            assert await why_not(way, f"http://127.0.0.1:{closed.getsockname()[1]}/") == "unreachable"


async def test_who_speaks_no_tls_or_no_http_is_not_reached(receiver: Receiver, internal: Internal) -> None:
    async with way_out() as way:
        assert await why_not(way, receiver.url.replace("http:", "https:")) == "tls"
        assert await why_not(way, f"http://127.0.0.1:{internal.port}/") == "unreachable"


async def test_what_is_said_besides_the_status_is_not_waited_for(receiver: Receiver) -> None:
    async with way_out() as way:
        receiver.answers = [web.Response(body=b"x" * 50_000_000)]
        began = perf_counter()
        assert (await way.post(receiver.url, b"{}", {})).status == 200
        receiver.answers = [web.Response(body=gzip.compress(b"0" * 1000), headers={"Content-Encoding": "gzip"})]
        assert (await way.post(receiver.url, b"{}", {})).status == 200
        assert perf_counter() - began < 3


@pytest.mark.parametrize(
    ("said", "meant"),
    [("30", 30), ("0", 0), ("-1", None), ("soon", None), ("1e3", None), ("٣", None), ("9" * 30, None), ("", None)],
)
async def test_the_wish_for_rest_is_read(receiver: Receiver, said: str, meant: float | None) -> None:
    receiver.answers = [web.Response(status=503, headers={"Retry-After": said})]
    async with way_out() as way:
        assert await way.post(receiver.url, b"{}", {}) == Answer(503, meant)


async def test_rest_until_a_moment_is_read_too(receiver: Receiver) -> None:
    async with way_out() as way:
        for seconds in (60, -60):
            moment = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
            receiver.answers = [web.Response(status=503, headers={"Retry-After": moment})]
            rest = (await way.post(receiver.url, b"{}", {})).retry_after
            assert rest is not None
            assert max(0, seconds) - 3 < rest <= max(0, seconds)
