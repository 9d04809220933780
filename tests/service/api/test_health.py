"""Alive, ready, and how much: also while PostgreSQL or Redis is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import redis.asyncio
from prometheus_client.parser import text_string_to_metric_families

from demo.servers import Valkey
from service import migrations
from service.database import Pool, open_pool
from service.models.health import OldestUndone
from tests.service.api.conftest import Api, serve
from tests.shop import Shop, settings_for


class Blackhole:
    """A way to PostgreSQL that can stop passing anything on, without closing."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.open = asyncio.Event()
        self.open.set()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until either end closes."""
        there, back = await asyncio.open_connection(self.host, self.port)
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while some := await source.read(65536):
                await self.open.wait()
                target.write(some)
                await target.drain()
        target.close()
        with suppress(OSError):
            await target.wait_closed()


@asynccontextmanager
async def detour(database_url: str) -> AsyncIterator[tuple[Blackhole, str]]:
    """A detour to PostgreSQL, and its address."""
    there, _, name = database_url.rpartition("/")
    credentials, _, place = there.rpartition("@")
    host, _, port = place.rpartition(":")
    hole = Blackhole(host, int(port))
    server = await asyncio.start_server(hole.pass_on, "127.0.0.1", 0)
    async with server:
        yield hole, f"{credentials}@127.0.0.1:{server.sockets[0].getsockname()[1]}/{name}"
        hole.open.set()


async def test_it_is_alive_and_ready(api: Api) -> None:
    assert (await api.get("/livez", key="")).json == {"status": "alive"}
    told = await api.get("/readyz", key="")
    assert told.json["ready"] is True
    assert told.json["migration"] == told.json["migration_wanted"] == migrations.newest()
    assert told.json["redis"] == "not configured"
    assert told.json["oldest_undone_seconds"] == dict.fromkeys(OldestUndone.model_fields, 0)


async def test_a_missing_migration_is_not_ready(api: Api, pool: Pool) -> None:
    await pool.execute("delete from schema_migrations where version = $1", migrations.newest())
    try:
        told = await api.get("/readyz", key="")
    finally:
        await pool.execute("insert into schema_migrations values ($1)", migrations.newest())
    assert told.status == 503
    assert told.json["ready"] is False
    assert "service.manage migrate" in told.json["reason"]


async def test_a_schema_newer_than_the_code_is_ready(api: Api, pool: Pool) -> None:
    await pool.execute("insert into schema_migrations values ('9999')")
    try:
        told = await api.get("/readyz", key="")
    finally:
        await pool.execute("delete from schema_migrations where version = '9999'")
    assert (told.status, told.json["ready"], told.json["migration"]) == (200, True, "9999")


async def test_a_database_that_was_never_migrated_is_not_ready(api: Api, pool: Pool) -> None:
    await pool.execute("alter table schema_migrations rename to elsewhere")
    try:
        told = await api.get("/readyz", key="")
    finally:
        await pool.execute("alter table elsewhere rename to schema_migrations")
    assert (told.status, told.json["migration"]) == (503, "")
    assert "service.manage migrate" in told.json["reason"]


async def test_undone_work_is_told_by_its_age(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 1)
    await shop.pool.execute("update event set at = at - interval '100 seconds'")
    await shop.pool.execute(
        "update reservation set hold_expires_at = now() - interval '50 seconds' where id = $1", held["id"]
    )
    ready, asked, done = await shop.ready("tea", 1), await shop.hold("tea", 1), await shop.collected("tea", 1)
    await shop.pool.execute(
        "update reservation set collect_by = now() - interval '400 seconds' where id = $1", ready["id"]
    )
    await shop.take("pick", await shop.confirm(asked))
    await shop.pool.execute(
        "update reservation set answer_by = now() - interval '300 seconds' where id = $1",
        asked["id"],
    )
    await shop.pool.execute(
        "update reservation set ended_at = now() - interval '30 days 200 seconds' where id = $1", done["id"]
    )
    await shop.pool.execute(
        "insert into callback (provider, event_id, query, body, look_at)"
        " values ('p', 'e', '', '', now() - interval '100 seconds')"
    )
    undone = (await api.get("/readyz", key="")).json["oldest_undone_seconds"]
    late = [undone[what] for what in ("lapses", "answers", "people", "callbacks")]
    assert late == pytest.approx([400, 300, 200, 100], abs=50)
    assert undone["events"] == pytest.approx(100, abs=5)
    assert undone["holds"] == pytest.approx(50, abs=5)
    assert undone["notifications"] == 0
    early = "update reservation set ended_at = now() - interval '1 hour 15 minutes', erase_asked_at = now()"
    await shop.pool.execute(f"{early} where id = $1", done["id"])
    told = await api.get("/readyz", key="")
    assert (told.status, told.json["oldest_undone_seconds"]["people"]) == (200, pytest.approx(900, abs=50))


async def test_redis_is_reported_and_never_required(pool: Pool, database_url: str, valkey: Valkey) -> None:
    for url, state in ((valkey.url, "answers"), ("redis://127.0.0.1:1/0", "away"), ("sentinel://x", "not asked")):
        async with serve(settings_for(database_url, redis_url=url), pool) as api:
            told = await api.get("/readyz", key="")
            assert (told.status, told.json["redis"]) == (200, state)
            up = {"answers": 1.0, "away": 0.0, "not asked": None}[state]
            assert await redis_up(api) == up


async def test_a_full_redis_is_seen(pool: Pool, database_url: str, valkey: Valkey) -> None:
    async with full(valkey), serve(settings_for(database_url, redis_url=valkey.url), pool) as api:
        told = await api.get("/readyz", key="")
        assert (told.status, told.json["redis"]) == (200, "refuses")
        assert await redis_up(api) == 0


async def redis_up(api: Api) -> float | None:
    families = text_string_to_metric_families((await api.get("/metrics", key="")).text)
    return next(
        (one.value for family in families if family.name == "comptoir_redis_up" for one in family.samples), None
    )


@asynccontextmanager
async def full(valkey: Valkey) -> AsyncIterator[None]:
    """While it has no room for anything."""
    client = redis.asyncio.Redis.from_url(valkey.url)
    await client.config_set("maxmemory", "1")
    try:
        yield
    finally:
        await client.config_set("maxmemory", "0")
        await client.aclose()


@pytest.mark.alone
@pytest.mark.usefixtures("prompt")
async def test_without_postgresql_answers_come_within_five_seconds_and_recover(shop: Shop, database_url: str) -> None:
    await shop.stock("tea", 5)
    async with detour(database_url) as (hole, url):
        pool = await open_pool(url, size=3, name="tests-detour")
        async with serve(settings_for(database_url), pool) as api:
            key = await api.key()
            assert (await api.get("/v1/stores/lyon", key=key)).status == 200
            hole.open.clear()
            started = time.monotonic()
            ready, alive, read, numbers = await asyncio.gather(
                api.get("/readyz", key=""),
                api.get("/livez", key=""),
                api.get("/v1/stores/lyon", key=key),
                api.get("/metrics", key=""),
            )
            assert time.monotonic() - started < 5
            assert (ready.status, ready.json["reason"]) == (503, "PostgreSQL does not answer.")
            assert alive.status == 200
            assert (read.status, read.json["code"]) == (503, "unavailable")
            assert int(read.headers["Retry-After"]) > 0
            assert "comptoir_database_up 0.0" in numbers.text
            hole.open.set()
            async with asyncio.timeout(10):
                while (await api.get("/readyz", key="")).status != 200:  # noqa: ASYNC110 -- nothing else tells
                    await asyncio.sleep(0.1)
            assert (await api.get("/v1/stores/lyon", key=key)).status == 200
        await asyncio.wait_for(pool.close(), 5)


async def test_numbers_are_counted_by_route_never_by_path(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.hold("tea", 1)
    await api.get("/v1/stores/lyon")
    await api.get("/wp-admin/camille")
    passed = "insert into worker (id, host, passed_over) values (new_id(), 'h', $1)"
    for stores in ({"clocks": 1, "relay": 2}, {"clocks": 3}):
        await shop.pool.execute(passed, stores)
    told = await api.get("/metrics", key="")
    families = {family.name: family for family in text_string_to_metric_families(told.text)}
    counted = {(one.labels["route"], one.labels["status"]) for one in families["comptoir_requests"].samples}
    assert ("/v1/stores/{store}", "200") in counted
    assert ("unknown", "404") in counted
    assert "camille" not in told.text
    assert "lyon" not in told.text
    opened = {one.labels["what"]: one.value for one in families["comptoir_open_reservations"].samples}
    assert opened == {"held": 1}
    undone = {one.labels["what"] for one in families["comptoir_oldest_undone_seconds"].samples}
    assert undone == OldestUndone.model_fields.keys()
    passed_over = {one.labels["what"]: one.value for one in families["comptoir_stores_passed_over"].samples}
    assert passed_over == {"clocks": 3, "relay": 2}
    assert families["comptoir_database_up"].samples[0].value == 1
    assert "comptoir_request_seconds" in families
    assert "comptoir_database_connections" in families
