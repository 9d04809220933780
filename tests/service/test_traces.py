"""Traces: from a caller's request to the letter and the webhook it led to; nothing personal; nothing unless asked."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from demo.servers import free_port
from service import keys, queries, traces
from service.callers import Scope
from service.database import Pool, transaction
from tests.service.test_processes import ROOT, alive, environment
from tests.service.test_rolling import api
from tests.shop import Shop
from tests.workers.conftest import until

CALLERS = "0af7651916cd43dd8448eb211c80319c"
CANARY = {"name": "Canari Jaune", "email": "canari@atelier.example", "phone": "+33639980000"}


class Collector:
    """What a collector of traces received: real OTLP over HTTP."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        """Take some spans."""
        assert request.path == "/v1/traces"
        self.raw.append(await request.read())
        return web.Response(content_type="application/x-protobuf")

    @property
    def spans(self) -> list[tuple[str, Span]]:
        """All spans with the program they are of."""
        found = []
        for raw in self.raw:
            for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
                [program] = [
                    one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
                ]
                found += [(program, span) for scope in resource.scope_spans for span in scope.spans]
        return found

    def named(self, name: str) -> list[Span]:
        """The spans of this name."""
        return [span for _, span in self.spans if span.name == name]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", collector.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield collector
    await runner.cleanup()


def attributes(span: Span) -> dict[str, object]:
    """What a span says, by name."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value") for one in span.attributes}


async def key_of(shop: Shop) -> str:
    """A key that may hold and confirm."""
    async with transaction(shop.pool) as db:
        return (await keys.create(db, "shop", [Scope.CHECKOUT], stores=None))[1]


@contextlib.asynccontextmanager
async def worker(database_url: str, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker, stopped in order at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers"),
        cwd=ROOT,
        env=environment(database_url, 0) | settings,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
        process.terminate()
        await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def an_order(shop: Shop, database_url: str, collector: Collector) -> tuple[dict[str, Any], str]:
    """An order held and confirmed under a trace of its caller's, told by e-mail and webhook; and its key."""
    await shop.stock("tea", 5)
    await shop.pool.execute(
        "insert into webhook_endpoint (id, url, secret, created_by, format)"
        " values (new_id(), 'http://127.0.0.1:1/', 'whsec_AAAA', 'key:owner', 'cloudevents')"
    )
    key, port = await key_of(shop), free_port()
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    path = f"http://127.0.0.1:{port}/v1/stores/lyon/reservations"
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "t-1"}
    headers["traceparent"] = f"00-{CALLERS}-b7ad6b7169203331-01"
    order = {"order_ref": "t-1", "customer": CANARY, "lines": [{"sku": "tea", "quantity": 1}]}
    async with (
        api(database_url, port, **told),
        worker(database_url, ALLOW_PRIVATE_WEBHOOKS="true", **told),
        aiohttp.ClientSession() as session,
    ):
        await until(lambda: alive(session, port))
        async with session.post(path, json=order, headers=headers) as answer:
            held: dict[str, Any] = await answer.json()
        async with session.post(f"{path}/{held['id']}/confirm", json={}, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        await until(lambda: collector.named("send email") and len(collector.named("send webhook")) == 1)
    return held, key


async def test_one_trace_leads_from_the_callers_request_to_the_letter_and_the_webhook(
    shop: Shop, database_url: str, collector: Collector
) -> None:
    held, key = await an_order(shop, database_url, collector)
    [request] = collector.named("POST /v1/stores/{store}/reservations/{id}/confirm")
    for span in (request, *collector.named("send email")):
        assert span.trace_id.hex() == CALLERS, "one story, one trace"
    assert attributes(request)["http.response.status_code"] == 200
    assert attributes(request)["comptoir.store"] == "lyon"
    hold = collector.named("together")[0]
    assert [link.trace_id.hex() for link in hold.links] == [CALLERS], "holds travel together, and are linked"
    assert collector.named("reservations.hold")[0].parent_span_id == hold.span_id
    assert {program for program, _ in collector.spans} == {"comptoir-api", "comptoir-worker"}
    assert collector.named("round relay")
    assert not [span for _, span in collector.spans if "readyz" in span.name]
    told = await shop.pool.fetch("select type from event where traceparent like $1", f"%{CALLERS}%")
    assert [row["type"] for row in told] == ["reservation.confirmed"]
    body = await shop.pool.fetchval("select body from delivery where type = 'reservation.confirmed'")
    assert json.loads(body)["traceparent"].startswith(f"00-{CALLERS}-"), "CloudEvents carry it on"
    everything = b" ".join(collector.raw).lower()
    for secret in ("canari", "3998000", held["pickup_code"], held["pickup_url"].rpartition("/")[2], key):
        assert secret.lower().encode() not in everything


async def test_a_collector_that_is_away_holds_up_nobody(shop: Shop, database_url: str) -> None:
    port = free_port()
    async with (
        api(database_url, port, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1") as process,
        aiohttp.ClientSession() as session,
    ):
        await until(lambda: alive(session, port))
        started = time.monotonic()
        for _ in range(20):
            async with session.get(f"http://127.0.0.1:{port}/v1/stores") as answer:
                assert answer.status == 401
        assert time.monotonic() - started < 2
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 15) == 0


def test_unless_asked_nothing_is_traced_and_nothing_is_even_loaded() -> None:
    program = (
        "import sys; from service import traces; assert not traces.start('x'); traces.note(status=500);"
        " assert traces.span('a', links=['b']) is traces.inner('c'); assert traces.here() is None;"
        " print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=clean, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


def test_asked_for_and_not_installed_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(traces.WANTED_BY[0], "http://127.0.0.1:1")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(RuntimeError, match="is not installed"):
        traces.start("x")


async def broken_work(pool: Pool) -> None:
    """Work that asks the database and then fails, with something personal in its text."""
    with traces.span("inner"):
        await queries.load("health")["answers"].value(pool)
        raise ValueError("Canari")


@pytest.mark.parametrize("header", ["", "nonsense", "00-0-0-00", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
async def test_a_malformed_traceparent_begins_a_trace_of_its_own(
    pool: Pool, collector: Collector, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    monkeypatch.setenv(traces.WANTED_BY[0], collector.url)
    assert traces.start("x")
    try:
        with traces.span("outer", parent=header, customer="Canari"), pytest.raises(ValueError, match="Canari"):
            await broken_work(pool)
    finally:
        await asyncio.to_thread(traces.stop)
    [statement, broken, outer] = [span for _, span in collector.spans]
    assert (statement.name, broken.name, outer.name) == ("health.answers", "inner", "outer")
    assert statement.trace_id == broken.trace_id == outer.trace_id != bytes(16)
    assert (attributes(broken), attributes(outer)) == ({"error.type": "ValueError"}, {})
    assert b"Canari" not in collector.raw[0]
