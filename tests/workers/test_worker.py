"""The worker as a process: killed, doubled, without Redis, without PostgreSQL; every message goes out once."""

import asyncio
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
import redis.asyncio

from demo.servers import Valkey
from service import migrations
from tests.service.api.test_health import full
from tests.shop import Shop
from tests.workers.conftest import MailServer, Start, count, orders, until

OPEN = "pending sending unknown"


async def everything_told(shop: Shop, number: int, *, seconds: float = 40) -> None:
    async def done() -> bool:
        waiting = await shop.pool.fetchval("select count(*) from event where position is null")
        return not waiting and await count(shop.pool, OPEN) == 0 and await count(shop.pool, "accepted") == number

    await until(done, seconds=seconds)


async def captured_once(shop: Shop, number: int) -> None:
    rows = await shop.pool.fetch("select message_ref, sendings from captured_message")
    assert len(rows) == number
    assert {row["sendings"] for row in rows} == {1}


async def test_it_tells_what_happened_and_stops_in_order(shop: Shop, worker: Start) -> None:
    await orders(shop, 5)
    one = await worker()
    await everything_told(shop, 5)
    await captured_once(shop, 5)
    assert await shop.pool.fetchval("select count(*) from worker") == 1
    assert await one.stop() == 0
    assert await shop.pool.fetchval("select count(*) from worker") == 0
    assert "camille" not in one.said()
    assert "@atelier" not in one.said()
    assert '"worker_stopped"' in one.said()


async def test_the_clocks_strike(shop: Shop, worker: Start) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 1)
    ready = await shop.ready("tea", 1)
    soon = await shop.ready("tea", 1)
    await shop.age(held)
    await shop.age(ready)
    await shop.pool.execute(
        "update reservation set collect_by = now() + interval '23 hours', ready_at = now() - interval '3 days'"
        " where id = $1",
        UUID(soon["id"]),
    )
    await worker()

    async def struck() -> bool:
        return {await shop.state(held), await shop.state(ready)} == {"expired", "uncollected"} and bool(
            await shop.events("reservation.reminder_due")
        )

    await until(struck)
    await until(lambda: captured(shop, "reminder", "expired"))


async def captured(shop: Shop, *kinds: str) -> bool:
    rows = await shop.pool.fetch("select kind from captured_message")
    return set(kinds) <= {row["kind"] for row in rows}


async def test_two_workers_share_two_hundred_messages(shop: Shop, worker: Start) -> None:
    await orders(shop, 200)
    await worker()
    await worker()
    await everything_told(shop, 200)
    await captured_once(shop, 200)


async def test_redis_wiped_twice_loses_and_doubles_nothing(shop: Shop, worker: Start, valkey: Valkey) -> None:
    client = redis.asyncio.Redis.from_url(valkey.url)
    await worker(REDIS_URL=valkey.url)
    await worker(REDIS_URL=valkey.url)
    for _ in range(2):
        await orders(shop, 100)
        await client.flushall()
    await everything_told(shop, 200)
    await captured_once(shop, 200)
    await client.aclose()


async def test_redis_absent_stopped_and_back_is_noted_and_nothing_more(
    shop: Shop, worker: Start, tmp_path: Path
) -> None:
    server = Valkey(tmp_path / "valkey")
    await server.start()
    url = server.url
    await server.stop()
    one = await worker(REDIS_URL=url)  # absent at the start
    await orders(shop, 20)
    await everything_told(shop, 20)
    await until(lambda: "redis_away" in one.said())
    await server.start()
    await until(lambda: "redis_back" in one.said())
    await server.stop()
    await until(lambda: one.said().count("redis_away") == 2)
    await orders(shop, 20)
    await everything_told(shop, 40)
    await captured_once(shop, 40)
    assert one.process.returncode is None


async def test_a_full_redis_is_noted_and_holds_up_nothing(shop: Shop, worker: Start, valkey: Valkey) -> None:
    one = await worker(REDIS_URL=valkey.url)
    await until(lambda: "redis_back" in one.said())
    async with full(valkey):
        await orders(shop, 3)
        await everything_told(shop, 3)
        await until(lambda: "redis_refuses" in one.said())
    await orders(shop, 3)
    await everything_told(shop, 6)
    await until(lambda: one.said().count("redis_back") == 2)
    assert one.process.returncode is None


async def test_a_wake_up_crosses_from_one_worker_to_another(shop: Shop, worker: Start, valkey: Valkey) -> None:
    client = redis.asyncio.Redis.from_url(valkey.url)
    await client.config_resetstat()
    one = await worker(REDIS_URL=valkey.url)
    await until(lambda: "redis_back" in one.said())
    await orders(shop, 3)
    await everything_told(shop, 3)

    async def rung() -> bool:
        stats = await client.info("commandstats")
        return bool(stats.get("cmdstat_psetex", {}).get("calls", 0) >= 1)

    await until(rung)

    async def answered() -> bool:
        return bool(await client.zcard("comptoir:wake") == 0)

    await until(answered)
    await client.aclose()


async def test_it_waits_for_migrations_and_then_begins(shop: Shop, worker: Start) -> None:
    await orders(shop, 1)
    await shop.pool.execute("delete from schema_migrations where version = $1", migrations.newest())
    try:
        one = await worker()
        await until(lambda: "database_lacks_migrations" in one.said())
        assert await shop.pool.fetchval("select count(*) from worker") == 0
    finally:
        await shop.pool.execute("insert into schema_migrations values ($1)", migrations.newest())
    await everything_told(shop, 1)
    assert "round_failed" not in one.said()


async def test_it_waits_for_postgres_and_comes_back_with_it(shop: Shop, worker: Start) -> None:
    await shop.stock("tea", 5)
    one = await worker()
    await until(lambda: "worker_started" in one.said())
    for _ in range(3):
        await shop.pool.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'comptoir worker'"
        )
        await asyncio.sleep(0.3)
    await shop.confirm(await shop.hold("tea", 1, customer={"name": "C", "email": "c@atelier.example"}))
    await everything_told(shop, 1)
    assert one.process.returncode is None


async def test_killed_between_handing_over_and_recording_it_sends_once_more_the_same(
    shop: Shop, worker: Start, mail: MailServer
) -> None:
    await orders(shop, 3)
    mail.mailbox.hang = True
    one = await worker(EMAIL_PROVIDERS='["smtp"]', SMTP_URL=mail.url)
    await until(lambda: len(mail.mailbox.taken) == 3)
    await one.kill()
    mail.mailbox.hang = False
    await shop.pool.execute(
        "update notification set lease_until = now(), next_attempt_at = now() where state = 'sending'"
    )
    await worker(EMAIL_PROVIDERS='["smtp"]', SMTP_URL=mail.url)
    await everything_told(shop, 3)
    assert set(Counter(mail.mailbox.refs).values()) == {2}
    assert len(set(mail.mailbox.refs)) == 3


async def test_killed_in_the_middle_only_what_was_being_handed_over_comes_twice(
    shop: Shop, worker: Start, mail: MailServer
) -> None:
    await orders(shop, 30)
    one = await worker(EMAIL_PROVIDERS='["smtp"]', SMTP_URL=mail.url)
    await until(lambda: len(mail.mailbox.taken) >= 2)
    await one.kill()
    await shop.pool.execute(
        "update notification set lease_until = now(), next_attempt_at = now() where state = 'sending'"
    )
    begun = await shop.pool.fetch("select id from notification where begun_at is not null")
    await worker(EMAIL_PROVIDERS='["smtp"]', SMTP_URL=mail.url)
    await everything_told(shop, 30)
    times = Counter(mail.mailbox.refs)
    assert len(times) == 30
    assert {ref for ref, number in times.items() if number > 1} <= {f"<{row['id']}@localhost.example>" for row in begun}
    assert max(times.values()) <= 2


async def test_killed_again_and_again_every_captured_message_is_kept_once(shop: Shop, worker: Start) -> None:
    await orders(shop, 120)
    for _ in range(3):
        one = await worker()
        before = await captured_so_far(shop)
        await until(partial(more_captured, shop, before))
        await one.kill()
        await shop.pool.execute(
            "update notification set lease_until = now(), next_attempt_at = now() where state = 'sending'"
        )
    await worker()
    await everything_told(shop, 120)
    await captured_once(shop, 120)


async def captured_so_far(shop: Shop) -> int:
    return int(await shop.pool.fetchval("select count(*) from captured_message"))


async def more_captured(shop: Shop, before: int) -> bool:
    return await captured_so_far(shop) > before


async def test_sigterm_during_a_sending_finishes_it(shop: Shop, worker: Start, mail: MailServer) -> None:
    await orders(shop, 20)
    mail.mailbox.hang = True
    one = await worker(EMAIL_PROVIDERS='["smtp"]', SMTP_URL=mail.url)
    await until(lambda: mail.mailbox.waiting)
    stopping = asyncio.create_task(one.stop())
    await asyncio.sleep(0.5)
    mail.mailbox.hang = False
    assert await stopping == 0
    assert await count(shop.pool, "accepted") == len(mail.mailbox.taken)
    assert await count(shop.pool, "pending") == 20 - len(mail.mailbox.taken)
    assert await count(shop.pool, "sending unknown") == 0


async def test_health_asks_whether_a_worker_of_this_machine_is_alive(shop: Shop, worker: Start) -> None:
    def alive() -> bool:
        environment = {
            "DATABASE_URL": str(shop.settings.database_url),
            "PUBLIC_URL": "http://x.example",
            "TOKEN_KEYS": '["' + "k" * 40 + '"]',
            "DATA_KEYS": '["' + "d" * 40 + '"]',
        }
        return (
            subprocess.run([sys.executable, "-m", "workers", "--check"], env=environment, check=False).returncode == 0
        )

    assert not await asyncio.to_thread(alive)
    one = await worker()
    await until(lambda: shop.pool.fetchval("select count(*) = 1 from worker"))
    assert await asyncio.to_thread(alive)
    await one.kill()
    await shop.pool.execute("update worker set seen_at = now() - interval '31 seconds'")
    assert not await asyncio.to_thread(alive)


@pytest.mark.parametrize(
    "wrong", [{"EMAIL_PROVIDERS": '["smtp"]'}, {"EMAIL_PROVIDERS": '["smtp"]', "SMTP_URL": "http://x"}]
)
async def test_a_wrong_setting_is_said_at_the_start(worker: Start, wrong: dict[str, str]) -> None:
    one = await worker(**wrong)
    assert await asyncio.wait_for(one.process.wait(), 20) == 1
    assert "SMTP_URL" in one.said()
