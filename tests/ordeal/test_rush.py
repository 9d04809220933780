"""A rush from outside: two APIs, many connections, more than there is and more than they can do; and who keeps time."""

import ast
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import redis.asyncio

from demo.programs import ROOT
from demo.servers import Valkey
from service.database import Pool
from tests.ordeal.conftest import Start
from tests.ordeal.world import Api, Caller, Worker, order
from tests.shop import Shop
from tests.workers.conftest import orders, until

Seen = Callable[[str], None]

HOLDS = "/v1/stores/lyon/reservations"

TOO_MUCH = [pytest.param(10.0), pytest.param(60.0, marks=pytest.mark.ordeal)]


async def generate(caller: Caller, apis: list[Api], **load: Any) -> dict[str, Any]:
    """Let a load come from a process of its own."""
    places = [urlsplit(api.url) for api in apis]
    asked = {"hosts": [(place.hostname, place.port) for place in places], "key": caller.key, "most": 10**9, **load}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.ordeal.generator"),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate(json.dumps(asked).encode())
    told: dict[str, Any] = json.loads(said)
    return told


async def two(start: Start) -> list[Api]:
    """Two APIs."""
    apis = await asyncio.gather(start(Api), start(Api))
    return [api for api in apis if isinstance(api, Api)]


def counts(told: dict[str, Any]) -> dict[str, int]:
    """How many answers of each status."""
    return {status: facts["count"] for status, facts in told["answers"].items()}


async def deadlocks(pool: Pool) -> int:
    """How many there were since the beginning."""
    return int(await pool.fetchval("select deadlocks from pg_stat_database where datname = current_database()"))


@pytest.mark.ordeal
async def test_the_last_item_goes_to_one_of_two_hundred(shop: Shop, caller: Caller, start: Start, seen: Seen) -> None:
    await shop.stock("tea", 1)
    told = await generate(
        caller, await two(start), connections=200, most=200, seconds=30, baskets=[["tea"]], name="last"
    )
    assert counts(told) == {"201": 1, "409": 199}
    assert (await shop.position("tea"))["reserved"] == 1
    seen(f"200 at once: {counts(told)}")


@pytest.mark.ordeal
@pytest.mark.timeout(180)
async def test_five_thousand_holds_of_five_hundred_units(shop: Shop, caller: Caller, start: Start, seen: Seen) -> None:
    await shop.stock("tea", 500)
    before = await deadlocks(shop.pool)
    told = await generate(
        caller, await two(start), connections=64, most=5000, seconds=120, baskets=[["tea"]], name="rush"
    )
    assert counts(told) == {"201": 500, "409": 4500}
    assert await deadlocks(shop.pool) == before
    slowest = max(facts["p99"] for facts in told["answers"].values())
    assert slowest < 3000  # on a machine of its own, half of it
    seen(f"{counts(told)} in {told['seconds']:.1f} s, p99 {slowest:.0f} ms, no deadlock")


@pytest.mark.ordeal
@pytest.mark.timeout(180)
async def test_crossing_baskets_over_two_apis(shop: Shop, caller: Caller, start: Start, seen: Seen) -> None:
    await shop.stock("a", 1000)
    await shop.stock("b", 1000)
    before = await deadlocks(shop.pool)
    told = await generate(
        caller, await two(start), connections=32, most=2000, seconds=120, baskets=[["a", "b"], ["b", "a"]], name="cross"
    )
    assert counts(told) == {"201": 1000, "409": 1000}
    assert await deadlocks(shop.pool) == before
    lines = await shop.pool.fetch("select count(*) as lines from reservation_line group by reservation_id")
    assert {row["lines"] for row in lines} == {2}
    seen(f"{counts(told)}, no deadlock, every reservation has both lines")


def memory(api: Api) -> int:
    """What a process has in memory, in megabytes."""
    assert api.pid is not None
    [line] = [line for line in Path(f"/proc/{api.pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


@pytest.mark.alone
@pytest.mark.parametrize("seconds", TOO_MUCH)
@pytest.mark.timeout(240)
async def test_beyond_its_capacity_it_serves_as_before_and_refuses_the_rest_at_once(
    shop: Shop, caller: Caller, start: Start, seen: Seen, seconds: float
) -> None:
    skus = [f"sku-{n}" for n in range(20)]
    for sku in skus:
        await shop.stock(sku, 10_000_000)
    api = await start(Api)
    assert isinstance(api, Api)
    baskets = [[sku] for sku in skus]
    usual = await generate(caller, [api], connections=32, seconds=seconds / 3, baskets=baskets, name="usual")
    rate = usual["answers"]["201"]["count"] / usual["seconds"]
    before = memory(api)
    much = await generate(
        caller, [api], connections=3000, seconds=seconds, baskets=baskets, name="much", per_second=rate * 10
    )
    after = memory(api)
    assert much["answers"].keys() <= {"201", "503"}, much
    served = much["answers"]["201"]
    assert served["count"] / much["seconds"] > rate / 4
    assert served["p99"] < 4500, much
    refused = much["answers"]["503"]
    assert refused["p99"] < 4500, much
    assert refused["p50"] < served["p50"] / 2, much
    asked = served["count"] + refused["count"]  # of those who wait for an answer, nobody asks again meanwhile
    assert asked > served["count"] * 1.1, much
    assert after - before < 150
    await asyncio.sleep(2)
    began = time.monotonic()
    well = [await caller.ask(api.url + HOLDS, once=f"well-{n}", json=order(f"well-{n}", "sku-1")) for n in range(5)]
    assert {heard.status for heard in well} == {201}
    again = (time.monotonic() - began) / 5
    assert again < 1
    seen(
        f"it does {rate:.0f} holds a second; asked for {rate * 10:.0f} over 3 000 connections, which is all that"
        f" can wait: asked {asked / much['seconds']:.0f} times a second, {served['count']} held"
        f" (half within {served['p50']:.0f} ms, p99 {served['p99']:.0f} ms), {refused['count']} told to come again"
        f" (half within {refused['p50']:.0f} ms, p99 {refused['p99']:.0f} ms); memory {before} to {after} MB; then"
        f" {again * 1000:.0f} ms a hold"
    )


@pytest.mark.ordeal
async def test_a_redis_that_is_full_changes_nothing(
    shop: Shop, caller: Caller, start: Start, tmp_path: Path, seen: Seen
) -> None:
    server = Valkey(tmp_path / "valkey")
    await server.start()
    client = redis.asyncio.Redis.from_url(server.url)
    try:
        worker, api = await asyncio.gather(start(Worker, REDIS_URL=server.url), start(Api, REDIS_URL=server.url))
        assert isinstance(api, Api)
        await client.set("filler", "x" * 2_000_000)
        await client.config_set("maxmemory", "1mb")
        with pytest.raises(redis.exceptions.ResponseError):
            await client.set("more", "x")
        await orders(shop, 20)
        asked = [order(f"full-{n}", "tea") for n in range(20)]
        await shop.stock("tea", 1000)
        heard = await asyncio.gather(*(caller.ask(api.url + HOLDS, once=one["order_ref"], json=one) for one in asked))
        assert [one.status for one in heard] == [201] * 20
        await until(lambda: shop.pool.fetchval("select count(*) = 20 from captured_message where sendings = 1"))
        async with aiohttp.ClientSession() as session, session.get(f"{api.url}/metrics") as told:
            assert "comptoir_redis_up 0.0" in (await told.text()).splitlines(), "who watches is told"
        assert worker.said("redis_refuses")
        assert worker.pid is not None
    finally:
        await client.aclose()
        await server.stop()
    seen("Redis refused to write: 20 holds, 20 messages went out once, the worker lives, and metrics and log say so")


@pytest.mark.ordeal
async def test_a_job_that_nobody_knows_harms_nobody(shop: Shop, start: Start, valkey: Valkey, seen: Seen) -> None:
    worker = await start(Worker, REDIS_URL=valkey.url)
    client = redis.asyncio.Redis.from_url(valkey.url)
    job = {"t": 1, "f": "of_tomorrow", "a": [], "k": {}, "et": int(time.time() * 1000)}
    await client.psetex("arq:job:odd", 60_000, json.dumps(job))
    await client.zadd("comptoir:wake", {"odd": int(time.time() * 1000)})
    await client.psetex("arq:job:broken", 60_000, b"\x80no json")
    await client.zadd("comptoir:wake", {"broken": int(time.time() * 1000)})
    await orders(shop, 5)
    await until(lambda: shop.pool.fetchval("select count(*) = 5 from captured_message where sendings = 1"))
    await until(lambda: nothing_left(client))
    assert worker.pid is not None
    await client.aclose()
    seen("an unknown job and one that can't be read were dropped; 5 messages went out once, the worker lives")


async def nothing_left(client: "redis.asyncio.Redis") -> bool:
    """Whether no job waits."""
    return bool(await client.zcard("comptoir:wake") == 0)


ASKING_THE_TIME = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
MAY_ASK = {
    "service/ids.py",  # ids sort by time, roughly; nothing is decided by them
    "workers/outside.py",  # an endpoint named a moment at which it wants to be asked again
    "workers/providers/ovh.py",  # OVH wants signatures with its own time: the difference is measured
    "service/api/callbacks.py",  # how old a provider's signature is, and whether its certificate still holds
    "service/doctor.py",  # how far this machine's clock is from PostgreSQL's
}


def test_nobody_asks_the_machine_what_time_it_is() -> None:
    asking = set()
    for room in ("service", "workers"):
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Attribute) and ast.unparse(node) in ASKING_THE_TIME:
                    asking.add(str(file.relative_to(ROOT)))
    assert asking <= MAY_ASK, "PostgreSQL's now() is the only clock"
