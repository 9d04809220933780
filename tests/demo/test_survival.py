"""A bad evening: every process dies, Redis is wiped, PostgreSQL is cut off, and customers go on ordering."""

import asyncio
import json
import os
import random
import signal
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from demo.client import Service
from service import checks
from tests.demo.conftest import Started

ORDERS = 120
SEED = 20_170_508

LEASES_OF_THE_DEAD = """
    update notification set lease_until = now()
     where state = 'sending' and lease_until between now() and now() + interval '50 seconds'
"""
"""A message whose sender was killed waits for its lease, a minute; after ten seconds nobody is sending it any more."""

pytestmark = [pytest.mark.alone, pytest.mark.timeout(420)]


async def killing(demo: Started, over: asyncio.Event) -> list[str]:
    """Kill one thing after another until it is over; what was done, in order."""
    chance = random.Random(SEED)
    done = []
    while not over.is_set():
        for what in chance.sample(["api", "worker", "redis", "postgres", "flush"], 5):
            told = json.loads(demo.ready_file.read_text())
            with suppress(ProcessLookupError, OSError, RedisError):
                if what == "flush":
                    async with Redis.from_url(told["redis_url"]) as redis:
                        await redis.flushall()
                    done.append(what)
                elif pid := told["pids"][what]:  # it may be on its way up; SIGQUIT is PostgreSQL's immediate shutdown
                    os.kill(pid, signal.SIGQUIT if what == "postgres" else signal.SIGKILL)
                    done.append(what)
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), chance.uniform(0.8, 1.6))
            if over.is_set():
                break
    return done


async def customer(service: Service, number: int, stock: list[tuple[str, str]]) -> dict[str, Any]:
    """Order, pay, and come for it; what was acknowledged last."""
    store, sku = stock[number % len(stock)]
    body = {
        "order_ref": f"survivor-{number}",
        "customer": {
            "name": f"Customer {number}",
            "email": f"customer{number}@example.com",
            "phone": f"+3319900{number:04}",
        },
        "lines": [{"sku": sku, "quantity": 1}],
    }
    held = await service.post(f"/v1/stores/{store}/reservations", body, key=f"survivor-{number}")
    assert held.accepted, held.refusal
    path = f"/v1/stores/{store}/reservations/{held.body['id']}"
    last = held
    for step, asked in (("confirm", {}), ("pick", {}), ("shelve", {}), ("collect", {"code": held.body["pickup_code"]})):
        last = await service.post(f"{path}/{step}", asked)
        assert last.accepted, last.refusal
        await asyncio.sleep(0.4)
    return last.body


@pytest.fixture
async def database(demo: Started) -> str:
    """The address of a demo's database."""
    await demo.start()
    told = await demo.told()
    url: str = told["database_url"]
    return url


async def quiet(url: str) -> None:
    """Wait until every event is relayed and every message is settled."""
    for _ in range(600):
        with suppress(OSError, asyncpg.PostgresError):
            db = await asyncpg.connect(url, timeout=5)
            try:
                await db.execute(LEASES_OF_THE_DEAD)
                left = await db.fetchval(
                    "select (select count(*) from event where position is null)"
                    " + (select count(*) from notification where state in ('pending', 'sending', 'unknown'))"
                )
            finally:
                await db.close()
            if left == 0:
                return
        await asyncio.sleep(0.5)
    raise AssertionError("something is still to be done")


async def test_nothing_acknowledged_is_lost_and_nothing_is_told_twice(demo: Started, database: str) -> None:
    told = json.loads(demo.ready_file.read_text())
    db = await asyncpg.connect(database)
    stock = [(row["store_id"], row["sku"]) for row in await db.fetch("select store_id, sku from position limit 300")]
    await db.close()
    over = asyncio.Event()
    nemesis = asyncio.create_task(killing(demo, over))
    async with Service(told["url"], told["api_key"], connections=16) as service:
        collected = await asyncio.gather(*(customer(service, n, stock) for n in range(ORDERS)))
    over.set()
    killed = await nemesis
    assert {"api", "worker", "postgres"} <= set(killed), killed
    assert {order["state"] for order in collected} == {"collected"}
    await quiet(database)
    db = await asyncpg.connect(database)
    assert await db.fetchval("select count(*) from reservation where order_ref like 'survivor-%'") == ORDERS
    assert [dict(row) for row in await checks.differences(db)] == []
    sent = await db.fetch("select kind, channel, recipient, count(*) from captured_message group by 1, 2, 3")
    assert all(row["count"] == 1 for row in sent), "one message of each kind to each customer, not two"
    mailed = {row["recipient"] for row in sent if row["kind"] == "collected" and row["channel"] == "email"}
    assert mailed == {f"customer{number}@example.com" for number in range(ORDERS)}, "and not none"
    await db.close()
