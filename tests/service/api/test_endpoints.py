"""What an endpoint does for its handler: reading, checking, doing once, keeping refusals, keeping time."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from service import idempotency
from service.api import app, reading
from service.api.endpoints import Answer, Call, Endpoint, Retry
from service.callers import Scope
from service.database import Connection, Pool
from service.errors import OrderDiffers, OutOfStock, Problem, VersionMismatch
from service.models.fields import Asked, Told
from tests.service.api.conftest import Api, serve
from tests.shop import settings_for


class Bell(Asked):
    """How often to ring."""

    times: int = 1
    note: str | None = None


class Rung(Told):
    """How often it rang, in all."""

    version: int
    rung: int


class Belfry:
    """A bell that counts in the database how often it rang, and refuses when told."""

    def __init__(self) -> None:
        self.refusal: Problem | None = None
        self.slow = asyncio.Event()
        self.slow.set()
        self.begun = asyncio.Event()

    async def ring(self, call: Call[Bell]) -> Answer:
        """Ring, once for each Idempotency-Key."""

        async def work(db: Connection) -> Answer:
            await db.execute("insert into store (id, name, time_zone) values ($1, 'bell', 'UTC')", f"bell-{uuid4()}")
            self.begun.set()
            await self.slow.wait()
            if self.refusal:
                raise self.refusal
            count = await db.fetchval("select count(*) from store")
            return Answer(Rung(version=count, rung=count), 201, {"X-Bell": "dong"})

        return await call.once(work)

    async def match(self, call: Call[None]) -> Answer:
        """Tell what If-Match named."""
        version = call.if_match or 0
        return Answer(Rung(version=version, rung=0))

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The bell under three addresses."""
        common: dict[str, Any] = {"tag": "Test", "scopes": frozenset({Scope.CHECKOUT}), "summary": "Ring"}
        ring: dict[str, Any] = {**common, "method": "POST", "handle": self.ring, "body": Bell, "body_optional": True}
        ring |= {"answers": {201: Rung}, "problems": (OrderDiffers, OutOfStock)}
        tell: dict[str, Any] = {**common, "method": "GET", "handle": self.match, "answers": {200: Rung}}
        return (
            Endpoint(path="/v1/must", retry=Retry.REQUIRED, **ring),
            Endpoint(path="/v1/may", retry=Retry.HONOURED, **ring),
            Endpoint(path="/v1/need-not", retry=Retry.NATURAL, **ring),
            Endpoint(path="/v1/towers/{tower}/ring", retry=Retry.HONOURED, **ring),
            Endpoint(path="/v1/match", problems=(VersionMismatch,), **tell),
            Endpoint(path="/v1/asked", query=Bell, **tell),
        )


@pytest.fixture
def belfry() -> Belfry:
    """The bell."""
    return Belfry()


@pytest.fixture
async def api(pool: Pool, database_url: str, belfry: Belfry) -> AsyncIterator[Api]:
    """An API of bells only."""
    async with serve(settings_for(database_url), pool, belfry.endpoints()) as api:
        yield api


async def rung(pool: Pool) -> int:
    """How often it rang."""
    return int(await pool.fetchval("select count(*) from store"))


async def test_the_same_key_and_body_is_one_effect_and_one_answer(api: Api, pool: Pool) -> None:
    first = await api.post("/v1/must", {"times": 2}, once="one")
    again = await api.post("/v1/must", {"note": None, "times": 2.0}, once="one")
    assert (first.status, again.status) == (201, 201)
    assert again.text == first.text
    assert again.headers["ETag"] == first.headers["ETag"] == '"1"'
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.headers["X-Bell"] == "dong"
    assert await rung(pool) == 1


async def test_fifty_at_once_are_one_effect(api: Api, pool: Pool) -> None:
    told = await asyncio.gather(*(api.post("/v1/must", {}, once="one") for _ in range(50)))
    assert await rung(pool) == 1
    assert {one.status for one in told} <= {201, 409}
    assert len({one.text for one in told if one.status == 201}) == 1
    for one in told:
        if one.status == 409:
            assert one.json["code"] == "idempotency_in_flight"
            assert one.headers["Retry-After"] == "1"
    assert (await api.post("/v1/must", {}, once="one")).headers["Idempotency-Replayed"] == "true"


async def test_another_body_under_the_same_key_is_refused(api: Api, pool: Pool) -> None:
    await api.post("/v1/must", {"times": 1}, once="one")
    told = await api.post("/v1/must", {"times": 2}, once="one")
    assert (told.status, told.json["code"]) == (422, "idempotency_key_reused")
    assert await rung(pool) == 1


async def test_a_quoted_key_is_the_bare_one(api: Api, pool: Pool) -> None:
    await api.post("/v1/must", {}, once="one")
    assert (await api.post("/v1/must", {}, once='"one"')).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("key", ["x" * 256, '""', "é", " ", "tab\there"])
async def test_a_key_that_is_none_is_refused(api: Api, pool: Pool, key: str) -> None:
    told = await api.post("/v1/must", {}, once="", headers={"Idempotency-Key": key})
    assert (told.status, told.json["code"]) == (400, "idempotency_key_missing")
    assert await rung(pool) == 0


async def test_a_missing_key_is_refused_where_it_is_required_only(api: Api) -> None:
    assert (await api.post("/v1/must", {}, once="")).json["code"] == "idempotency_key_missing"
    assert (await api.post("/v1/may", {}, once="")).status == 201
    assert (await api.post("/v1/need-not", {})).status == 201


async def test_a_key_is_good_for_one_address_and_one_caller(api: Api, pool: Pool) -> None:
    await api.post("/v1/must", {}, once="one")
    assert "Idempotency-Replayed" not in (await api.post("/v1/may", {}, once="one")).headers
    assert "Idempotency-Replayed" not in (await api.post("/v1/must", {}, once="one", key=await api.key())).headers
    assert await rung(pool) == 3


async def test_a_refusal_for_good_is_kept_and_told_again(api: Api, pool: Pool, belfry: Belfry) -> None:
    belfry.refusal = OrderDiffers("The bell is another.", lines=[{"sku": "bell"}])
    first = await api.post("/v1/must", {}, once="one")
    belfry.refusal = None
    again = await api.post("/v1/must", {}, once="one")
    assert (first.status, first.json["code"], first.json["lines"]) == (409, "order_differs", [{"sku": "bell"}])
    assert (again.status, again.text) == (409, first.text)
    assert again.headers["Content-Type"].startswith("application/problem+json")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await rung(pool) == 0


async def test_a_fleeting_refusal_is_judged_anew(api: Api, pool: Pool, belfry: Belfry) -> None:
    belfry.refusal = OutOfStock()
    assert (await api.post("/v1/must", {}, once="one")).status == 409
    belfry.refusal = None
    assert (await api.post("/v1/must", {}, once="one")).status == 201


async def test_a_refusal_without_a_key_is_kept_nowhere(api: Api, pool: Pool, belfry: Belfry) -> None:
    belfry.refusal = OrderDiffers()
    await api.post("/v1/may", {}, once="")
    assert await pool.fetchval("select count(*) from idempotency") == 0


async def test_an_answer_lost_on_the_way_is_found_again(api: Api, pool: Pool, belfry: Belfry) -> None:
    belfry.slow.clear()
    lost = asyncio.create_task(api.post("/v1/must", {}, once="one"))
    await belfry.begun.wait()
    lost.cancel()  # the caller hangs up; the work goes on
    belfry.slow.set()
    async with asyncio.timeout(5):
        while (told := await api.post("/v1/must", {}, once="one")).status == 409:  # noqa: ASYNC110 -- nothing else tells
            await asyncio.sleep(0.02)
    assert told.headers["Idempotency-Replayed"] == "true"
    assert await rung(pool) == 1


async def test_long_names_reach_no_index(api: Api) -> None:
    told = await api.post(f"/v1/towers/{'x' * 101}/ring", {}, once="k" * 255)
    assert (told.status, told.json["code"]) == (404, "not_found")
    assert (await api.post(f"/v1/towers/{'é' * 100}/ring", {}, once="k" * 255)).status == 201


async def test_a_handler_that_takes_too_long_is_given_up_and_leaves_nothing(
    api: Api, pool: Pool, belfry: Belfry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "DEADLINE_SECONDS", 0.3)
    belfry.slow.clear()
    told = await api.post("/v1/must", {}, once="one")
    assert (told.status, told.json["code"]) == (503, "unavailable")
    assert int(told.headers["Retry-After"]) > 0
    belfry.slow.set()
    assert await rung(pool) == 0
    monkeypatch.undo()
    while (told := await api.post("/v1/must", {}, once="one")).status == 409:  # noqa: ASYNC110 -- nothing else tells
        await asyncio.sleep(0.02)  # until PostgreSQL has heard that nobody waits any more
    assert told.status == 201


@pytest.mark.parametrize(("tag", "version"), [("*", 0), ('"7"', 7), ('W/"7"', 7), ("7", 7), (None, 0)], ids=str)
async def test_if_match_reads_an_etag(api: Api, tag: str | None, version: int) -> None:
    told = await api.get("/v1/match", headers={"If-Match": tag} if tag else {})
    assert told.json["version"] == version


@pytest.mark.parametrize("tag", ['"²"', '"1", "2"', '"x"', "", '"99999999999999"'])
async def test_if_match_refuses_what_is_no_version(api: Api, tag: str) -> None:
    told = await api.get("/v1/match", headers={"If-Match": tag})
    assert (told.status, told.json["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("query", ["times=x", "nope=1", "times=1&times=2", "note=%00", "times=1.5"])
async def test_a_query_is_checked(api: Api, query: str) -> None:
    told = await api.get(f"/v1/asked?{query}")
    assert (told.status, told.json["code"]) == (422, "invalid_request")
    assert told.json["errors"][0]["parameter"] in query


async def test_every_fault_of_a_body_has_its_pointer(api: Api) -> None:
    told = await api.post("/v1/may", {"times": "x", "note": 1, "a/b": 1})
    assert told.status == 422
    assert {error["pointer"] for error in told.json["errors"]} == {"/times", "/note", "/a~1b"}


async def test_no_body_is_an_empty_one_where_that_is_allowed(api: Api) -> None:
    async with api.session.post(
        api.url + "/v1/may", headers={"Authorization": f"Bearer {await api.key()}"}, data=b""
    ) as told:
        assert told.status == 201


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "malformed_request"),
        (b"\xff\xfe{}", "malformed_request"),
        (b'{"note":"\xff"}', "malformed_request"),
        (b'{"note":"\\ud800"}', "malformed_request"),
        (b"[" * 10_000 + b"]" * 10_000, "malformed_request"),
        (b'{"times":' * 5_000 + b"1" + b"}" * 5_000, "malformed_request"),
        (b'{"note":"\\u0000"}', "invalid_request"),
        (b'{"note":"\\\\\\u0000"}', "invalid_request"),
        (b'{"times":1e999}', "invalid_request"),
        (b'{"times":' + b"9" * 5000 + b"}", "malformed_request"),
        (b"NaN", "invalid_request"),
        (b"[]", "invalid_request"),
        (b"null", "invalid_request"),
        (b'"text"', "invalid_request"),
        (b" " * (reading.LARGEST_BODY + 1), "body_too_large"),
    ],
    ids=range(15),
)
async def test_a_bad_body_is_refused_and_named(api: Api, body: bytes, code: str) -> None:
    told = await api.request("POST", "/v1/may", data=body, headers={"Content-Type": "application/json"})
    assert told.json["code"] == code


async def test_a_mark_that_nobody_sees_is_named(api: Api) -> None:
    told = await api.request("POST", "/v1/may", data=b"\xef\xbb\xbf{}", headers={"Content-Type": "application/json"})
    assert (told.status, told.json["detail"]) == (400, "Send UTF-8, without a byte order mark.")


async def test_a_backslash_before_u0000_is_only_text(api: Api) -> None:
    told = await api.request(
        "POST", "/v1/may", data=b'{"note":"\\\\u0000"}', headers={"Content-Type": "application/json"}
    )
    assert told.status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/json-seq"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
async def test_another_media_type_is_refused(api: Api, headers: dict[str, str]) -> None:
    told = await api.request("POST", "/v1/may", data=json.dumps({}).encode(), headers=headers)
    assert (told.status, told.json["code"]) == (415, "unsupported_media_type")


async def test_the_fingerprint_is_of_what_was_meant() -> None:
    assert idempotency.fingerprint(Bell(times=1).model_dump_json()) == idempotency.fingerprint(
        Bell.model_validate_json('{ "times" : 1.0 }').model_dump_json()
    )
