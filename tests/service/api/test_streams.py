"""The stream: everything that changes in a store, to everybody who listens, soon, once, and from where they stopped."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import aiohttp
import pytest

from service import events
from service.api import hub, streams
from service.api.app import build_app, runner
from service.api.endpoints import CLOSING
from service.api.hub import Listener
from service.callers import Scope
from service.database import Pool, open_pool
from service.errors import Problem
from tests.service.api.conftest import Api, serve
from tests.service.api.listening import Ear, listen
from tests.service.api.test_health import detour
from tests.shop import Shop, settings_for


@pytest.fixture(autouse=True)
async def relaying(pool: Pool) -> AsyncIterator[None]:
    """The relay, as the worker runs it."""
    task = asyncio.create_task(relay(pool))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def relay(pool: Pool) -> None:
    while True:
        with suppress(Problem):
            for store in await events.waiting_stores(pool):
                await events.relay(pool, store)
        await asyncio.sleep(0.03)


async def settled(pool: Pool) -> None:
    """Wait until every event has its place."""
    while await events.waiting_stores(pool):  # noqa: ASYNC110 -- nothing else tells
        await asyncio.sleep(0.02)


async def test_the_open_orders_come_first(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1)
    confirmed = await shop.confirm(await shop.hold("tea", 1))
    await shop.hold("tea", 1)
    await shop.collected("tea", 1)
    await settled(shop.pool)
    async with listen(api) as ear:
        queue = await ear.next()
        assert (queue.kind, queue.id) == ("queue", await shop.pool.fetchval("select position from stream"))
        assert {card["id"] for card in queue.json["items"]} == {ready["id"], confirmed["id"]}
        [card] = [card for card in queue.json["items"] if card["id"] == ready["id"]]
        told = (await api.get(f"/v1/stores/lyon/reservations/{ready['id']}")).json
        assert card == told
        assert ear.response.headers["Cache-Control"] == "no-store"
        assert ear.response.headers["X-Accel-Buffering"] == "no"


async def test_every_change_is_told_in_order(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 9)
    async with listen(api) as ear:
        assert (await ear.next()).json == {"items": []}
        order, last = await shop.hold("tea", 1), 0
        for version, action in enumerate(("", "confirm", "pick", "shelve", "collect"), 1):
            if action:
                proof = {"code": order["pickup_code"]} if action == "collect" else {}
                order = await shop.take(action, order, **proof)
            heard = await ear.next()
            assert (heard.kind, heard.json["version"], heard.json["state"]) == ("reservation", version, order["state"])
            assert heard.id is not None
            assert heard.id > last
            last = heard.id
        assert await ear.nothing()


async def test_other_stores_are_not_heard(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 9)
    await shop.stock("tea", 9, store="nice")
    async with listen(api) as lyon, listen(api, "nice") as nice:
        await lyon.next()
        await nice.next()
        there = await shop.hold("tea", 1, store="nice")
        assert (await nice.next()).json["id"] == there["id"]
        assert await lyon.nothing()


@pytest.mark.parametrize("by_query", [False, True])
async def test_who_comes_back_missed_nothing(shop: Shop, api: Api, *, by_query: bool) -> None:
    await shop.stock("tea", 50)
    async with listen(api) as ear:
        await ear.next()
        first = await shop.hold("tea", 1)
        place = (await ear.until(first["id"], 1))[-1].id
    missed = [await shop.hold("tea", 1) for _ in range(7)]
    await settled(shop.pool)
    after, query = (None, f"?last_event_id={place}") if by_query else (place, "")
    async with listen(api, after=after, query=query) as ear:
        heard = [await ear.next() for _ in missed]
        assert [(one.kind, one.json["id"]) for one in heard] == [("reservation", one["id"]) for one in missed]
        late = await shop.hold("tea", 1)
        assert (await ear.next()).json["id"] == late["id"]


async def test_who_comes_and_goes_all_the_time_hears_all(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 99)
    async with listen(api) as ear:
        place = (await ear.next()).id
    held: list[str] = []

    async def sell() -> None:
        for _ in range(30):
            held.append((await shop.hold("tea", 1))["id"])
            await asyncio.sleep(0.02)

    selling = asyncio.create_task(sell())
    heard: list[str] = []
    while not selling.done() or set(heard) != set(held):
        async with listen(api, after=place) as ear:
            for _ in range(3):
                with suppress(TimeoutError):
                    one = await ear.next(0.2)
                    assert one.kind == "reservation"
                    heard.append(one.json["id"])
                    place = one.id
    assert heard == held


@pytest.mark.parametrize("place", ["999999", "x", "-1", "9" * 40])
async def test_an_unknown_place_gets_a_new_queue(shop: Shop, api: Api, place: str) -> None:
    await shop.stock("tea", 9)
    order = await shop.confirm(await shop.hold("tea", 1))
    await settled(shop.pool)
    async with listen(api, after=place) as ear:
        heard = await ear.next()
        assert (heard.kind, [card["id"] for card in heard.json["items"]]) == ("queue", [order["id"]])


async def test_a_place_too_far_back_gets_a_new_queue(shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.streams.LONGEST_REPLAY", 2)
    await shop.stock("tea", 9)
    for _ in range(4):
        await shop.hold("tea", 1)
    await settled(shop.pool)
    end = await shop.pool.fetchval("select position from stream")
    for back, kind in ((2, "reservation"), (3, "queue")):
        async with listen(api, after=end - back) as ear:
            assert (await ear.next()).kind == kind


async def test_what_commits_late_is_told_late_but_told(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 9)
    one, other = await shop.hold("tea", 1), await shop.hold("tea", 1)
    await settled(shop.pool)  # a change is told as the order stands then: a late hold would tell the confirmation too
    async with listen(api) as ear:
        await ear.next()
        async with shop.pool.acquire() as slow:
            writing = slow.transaction()
            await writing.start()
            await slow.execute("update reservation set version = version + 1, note = 'late' where id = $1", one["id"])
            await slow.execute(
                "insert into event (store_id, id, type, reservation_id, version, actor)"
                " values ('lyon', gen_random_uuid(), 'reservation.changed', $1, 2, 'key:test')",
                one["id"],
            )
            await shop.confirm(other)  # a later seq, and committed first
            first = (await ear.until(other["id"], 2))[-1]
            await writing.commit()
        late = await ear.next()
        assert (late.json["id"], late.json["note"]) == (one["id"], "late")
        assert late.id is not None
        assert first.id is not None
        assert late.id > first.id


async def test_a_beat_comes_when_nothing_else_does(shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BEAT_SECONDS", 0.2)
    await shop.store()
    async with listen(api) as ear, asyncio.timeout(30):
        assert [(await ear.any()).kind for _ in range(4)] == ["queue", "beat", "beat", "beat"]


async def test_a_revoked_key_hears_no_more(shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr("service.keys.FRESH_SECONDS", 0.1)
    await shop.store()
    async with listen(api, key=await api.key(Scope.COUNTER)) as ear:
        await ear.next()
        await shop.pool.execute("update key set revoked_at = now()")
        with pytest.raises(EOFError):
            await ear.next(30)


async def test_only_the_counter_of_that_store_listens(shop: Shop, api: Api) -> None:
    for store in ("lyon", "nice"):
        await shop.store(store)
    path = "/v1/stores/lyon/stream"
    assert (await api.get(path, key="")).status == 401
    assert (await api.get(path, key=await api.key(Scope.CHECKOUT))).status == 403
    assert (await api.get(path, key=await api.key(Scope.COUNTER, stores=["nice"]))).status == 404
    assert (await api.get("/v1/stores/nowhere/stream")).status == 404


async def test_streams_end_when_the_service_stops(shop: Shop, database_url: str) -> None:
    await shop.store()
    app = build_app(settings_for(database_url), shop.pool)
    server = runner(app)
    await server.setup()
    site = aiohttp.web.TCPSite(server, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession() as session:
        api = Api(f"http://127.0.0.1:{server.addresses[0][1]}", shop.pool, (), session)
        async with listen(api) as ear:
            await ear.next()
            app[CLOSING].set()
            with pytest.raises(EOFError):
                await ear.next(30)
        started = time.monotonic()
        await server.cleanup()
        assert time.monotonic() - started < 2


def test_who_leaves_too_much_unread_is_cut() -> None:
    listener = Listener("lyon")
    told = [(position, b"x" * 1000) for position in range(1, 101)]
    for _ in range(1 + hub.MOST_WAITING // 100_000):
        listener.tell(told)
    assert not listener.ended
    listener.tell(told)
    assert listener.ended
    assert not listener._waiting


async def test_a_slow_reader_is_cut_and_comes_back(shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MOST_WAITING", 20_000)
    monkeypatch.setattr(streams, "SLOWEST_WRITE", 3)
    await shop.stock("tea", 5000)
    note = "x" * 1000
    key = await api.key(Scope.COUNTER)
    host, _, port = api.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(f"GET /v1/stores/lyon/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        async with listen(api) as ear:
            await ear.next()
            for _ in range(40):  # what the kernel keeps is more than what we do
                await shop.ask_all([shop.order("tea", 1, note=note) for _ in range(50)])
                await settled(shop.pool)
                while (await ear.next()).id != await shop.pool.fetchval("select position from stream"):
                    pass
            async with asyncio.timeout(30):
                while not _is_cut(deaf):  # noqa: ASYNC110 -- nothing else tells
                    await asyncio.sleep(0.05)
            await shop.hold("tea", 1)
            assert (await ear.next()).kind == "reservation"  # whoever reads is not disturbed


def _is_cut(deaf: socket.socket) -> bool:
    """Whether the other end has closed, without reading anything."""
    try:
        deaf.setblocking(False)
        deaf.send(b"\r\n")
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False


async def test_streams_outlive_postgresql(shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(hub, "AWAY_SECONDS", 0.1)
    monkeypatch.setattr(hub, "READ_SECONDS", 0.5)
    await shop.stock("tea", 9)
    async with detour(database_url) as (hole, url):
        pool = await open_pool(url, size=3, name="tests-detour")
        async with serve(settings_for(database_url), pool) as api, listen(api, key=await api.key()) as ear:
            await ear.next()
            hole.open.clear()
            while_away = await shop.hold("tea", 1)
            assert [(await ear.any()).kind for _ in range(2)] == ["beat", "beat"]
            hole.open.set()
            await pool.expire_connections()
            assert (await ear.next(20)).json["id"] == while_away["id"]
            await shop.pool.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tests-detour'"
            )
            after = await shop.hold("tea", 1)
            assert (await ear.next(10)).json["id"] == after["id"]
        await asyncio.wait_for(pool.close(), 5)


@asynccontextmanager
async def crowd(api: Api, stores: list[str], each: int) -> AsyncIterator[dict[str, list[Ear]]]:
    """Many listeners in each store, all of whom have heard the queue."""
    key = await api.key()
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        api.session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        ears = {
            store: [await stack.enter_async_context(listen(api, store, key=key)) for _ in range(each)]
            for store in stores
        }
        for listeners in ears.values():
            for ear in listeners:
                assert (await ear.next()).kind == "queue"
        yield ears


@pytest.mark.alone
async def test_three_hundred_listeners_hear_within_a_moment(shop: Shop, api: Api) -> None:
    stores = [f"store-{n}" for n in range(5)]
    for store in stores:
        await shop.stock("tea", 9, store=store)
    took = []
    async with crowd(api, stores, 60) as ears:
        for store in stores:
            started = time.monotonic()
            held = await shop.hold("tea", 1, store=store)
            heard = await asyncio.gather(*(ear.next() for ear in ears[store]))
            assert {one.json["id"] for one in heard} == {held["id"]}
            took.append(time.monotonic() - started)
    assert sorted(took)[len(took) // 2] < 0.3
