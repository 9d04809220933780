"""Programs whose clocks are wrong: every hold ends when PostgreSQL says, once, and what is told is dated right."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.ordeal.conftest import Start
from tests.ordeal.nemesis import SkewedApi, SkewedWorker
from tests.ordeal.world import Caller, order
from tests.service.test_webhooks import listen
from tests.shop import Shop
from tests.workers.conftest import until
from tests.workers.receiver import receiving

Seen = Callable[[str], None]

HOLDS = "/v1/stores/lyon/reservations"
LATENESS = timedelta(seconds=60)


class FastWorker(SkewedWorker):
    """A worker whose clock is ten minutes fast."""

    seconds = 600.0


@pytest.mark.ordeal
async def test_wrong_clocks_release_no_hold_early_late_or_twice(
    shop: Shop, caller: Caller, start: Start, seen: Seen
) -> None:
    await shop.stock("tea", 100)
    async with receiving() as receiver:
        _, secret = await listen(shop, receiver.url)
        api = await start(SkewedApi)
        assert isinstance(api, SkewedApi)
        for kind in (SkewedWorker, FastWorker):
            await start(kind)
        asked = [order(f"order-{n}") for n in range(10)]
        heard = [await caller.ask(api.url + HOLDS, once=one["order_ref"], json=one) for one in asked]
        now = await shop.pool.fetchval("select now()")
        ends = [datetime.fromisoformat(one.body["hold_expires_at"]) for one in heard]
        assert all(abs(end - now - timedelta(minutes=15)) < LATENESS for end in ends)
        await shop.pool.execute(
            "update reservation set hold_expires_at = now() + interval '3 seconds' where order_ref < 'order-5'"
        )
        await until(lambda: shop.pool.fetchval("select count(*) = 5 from reservation where state = 'expired'"))
        await until(
            lambda: shop.pool.fetchval(
                "select count(*) = 15 and bool_and(state = 'delivered') from delivery"  # ten held, five expired
            )
        )
        rows = await shop.pool.fetch(
            "select e.at - r.hold_expires_at as late, e.happened_at - e.at as off from event e"
            " join reservation r on r.store_id = e.store_id and r.id = e.reservation_id where e.target = 'expired'"
        )
        assert len(rows) == 5, "each once, whoever came first"
        assert all(timedelta() <= row["late"] < LATENESS and abs(row["off"]) < LATENESS for row in rows), rows
        assert await shop.pool.fetchval("select count(*) from reservation where state = 'held'") == 5
        await until(lambda: shop.pool.fetchval("select count(*) = 5 and sum(sendings) = 5 from captured_message"))
        for one in receiver.seen:
            one.verified(secret)  # refuses what is dated more than five minutes off
    latest = max(row["late"] for row in rows).total_seconds()
    seen(
        f"an API 5 minutes fast, a worker 10 fast and one 10 slow: 5 holds ended once each, {latest:.1f} s late at"
        f" most, 5 stood; {len(receiver.seen)} webhooks dated right"
    )
