"""Tidying up: what has had its time goes, and nothing else."""

from service import webhooks
from service.database import transaction
from tests.service.test_webhooks import OWNER, listen, relay
from tests.shop import Shop
from workers.upkeep import tidy


async def test_kept_answers_go_after_eight_days(shop: Shop) -> None:
    await shop.stock("tea", 5)
    for _ in range(2):
        await shop.hold("tea", 1)
    await shop.pool.execute(
        "update idempotency set created_at = now() - interval '9 days' where key = (select min(key) from idempotency)"
    )
    assert await tidy(shop.pool, shop.settings) == 1
    assert await shop.pool.fetchval("select count(*) from idempotency") == 1
    assert await tidy(shop.pool, shop.settings) == 0


async def test_codes_are_forgotten_thirty_days_after_the_end(shop: Shop) -> None:
    await shop.stock("tea", 5)
    old = await shop.collected("tea", 1)
    await shop.cancel(await shop.hold("tea", 1))
    await shop.hold("tea", 1)
    await shop.pool.execute(
        "update reservation set ended_at = now() - interval '31 days' where order_ref = $1", old["order_ref"]
    )
    assert await tidy(shop.pool, shop.settings) == 1
    rows = await shop.pool.fetch("select order_ref from reservation where pickup_code is null and token is null")
    assert [row["order_ref"] for row in rows] == [old["order_ref"]]
    assert await shop.pool.fetchval("select count(*) from reservation where pickup_code is not null") == 2


async def test_captured_messages_and_workers_long_gone_go(shop: Shop) -> None:
    await shop.store()
    await shop.pool.execute(
        "insert into captured_message"
        " (store_id, message_ref, channel, sender, recipient, locale, kind, body_text, captured_at)"
        " select 'lyon', d::text, 'sms', 's', 'r', 'fr', 'ready', 'x', now() - make_interval(days => d)"
        " from unnest(array[1, 31]) d"
    )
    await shop.pool.execute(
        "insert into worker (id, host, seen_at)"
        " select new_id(), 'h', now() - make_interval(hours => h) from unnest(array[1, 25]) h"
    )
    assert await tidy(shop.pool, shop.settings) == 2
    assert await shop.pool.fetchval("select count(*) from captured_message") == 1
    assert await shop.pool.fetchval("select count(*) from worker") == 1


async def test_webhooks_go_after_a_month_and_with_their_endpoint(shop: Shop) -> None:
    kept, _ = await listen(shop)
    gone, _ = await listen(shop)
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await relay(shop)
    await shop.pool.execute(
        "update delivery set created_at = now() - interval '31 days'"
        " where type = 'reservation.held' and endpoint_id = $1",
        kept.id,
    )
    await shop.pool.execute(
        "update webhook_endpoint set old_secret = 'x', old_secret_until = now() where id = $1", kept.id
    )
    async with transaction(shop.pool) as db:
        await webhooks.remove(db, gone.id, caller=OWNER)
    while await tidy(shop.pool, shop.settings):
        pass
    assert await shop.pool.fetchval("select count(*) from delivery") == 3
    [left] = await shop.pool.fetch("select id, old_secret from webhook_endpoint")
    assert tuple(left) == (kept.id, None)
