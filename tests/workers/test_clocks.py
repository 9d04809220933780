"""The clocks, as a worker lets them strike: every store, every kind, once."""

import asyncio

import pytest

from service import message_policies
from service.database import transaction
from service.models.message_policies import MessagePolicyBody, Reminders
from tests.shop import Shop
from workers.clocks import strike


async def strike_all(shop: Shop) -> int:
    struck = 0
    while some := await strike(shop.pool):
        struck += some
    return struck


async def plan(shop: Shop, *hours: int, store: str = message_policies.DEPLOYMENT) -> None:
    """Remind so many hours before."""
    body = MessagePolicyBody(reminders=Reminders(hours_before=hours, minimum_gap_hours=6))
    async with transaction(shop.pool) as db:
        await message_policies.put(db, body, store=store)


async def test_holds_of_every_store_expire(shop: Shop) -> None:
    for store in ("lyon", "nice", "metz", "lille"):
        await shop.stock("tea", 200, store=store)
        for _ in range(3):
            await shop.age(await shop.hold("tea", 1, store=store))
    await shop.hold("tea", 1)
    assert await strike_all(shop) == 12
    assert len(await shop.events("reservation.expired")) == 12
    assert (await shop.position("tea", "nice"))["reserved"] == 0


async def test_more_than_a_batch_expires_in_several_rounds(shop: Shop) -> None:
    await shop.stock("tea", 500)
    for _ in range(130):
        await shop.hold("tea", 1)
    await shop.pool.execute("update reservation set hold_expires_at = now() - interval '1 second'")
    assert await strike(shop.pool) == 100
    assert await strike_all(shop) == 30


async def test_each_customer_is_reminded_once_per_date(shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 1)
    await shop.pool.execute(
        "update reservation set collect_by = now() + interval '5 hours', ready_at = now() - interval '4 days'"
    )
    await plan(shop, 48, 24)
    await strike(shop.pool)
    await strike(shop.pool)
    assert await shop.events("reservation.reminder_due") == ["reservation.reminder_due"]
    assert await shop.state(ready) == "ready"


@pytest.mark.parametrize(
    ("left", "reminded", "due"),
    [
        (50, None, 0),
        (47, None, 1),
        (36, 11, 0),  # told of the first time planned, and the second is to come
        (23, 24, 1),
        (23, 5, 0),  # the second has come, and too soon after the first was told late
    ],
)
async def test_reminders_go_out_as_planned_and_keep_their_distance(
    shop: Shop, left: int, reminded: int | None, due: int
) -> None:
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await plan(shop, 48, 24)
    await shop.pool.execute(
        "update reservation set collect_by = now() + make_interval(hours => $1), ready_at = now() - interval '4 days',"
        " reminded_at = now() - make_interval(hours => $2)",
        left,
        reminded,
    )
    assert await strike(shop.pool) == due
    assert await strike(shop.pool) == 0


async def test_a_store_s_own_plan_counts_there(shop: Shop) -> None:
    for store in ("lyon", "nice"):
        await shop.stock("tea", 5, store=store)
        await shop.ready("tea", 1, store=store)
    await plan(shop)
    await plan(shop, 72, store="nice")
    await shop.pool.execute(
        "update reservation set collect_by = now() + interval '60 hours', ready_at = now() - interval '4 days'"
    )
    assert await strike(shop.pool) == 1
    assert await shop.pool.fetchval("select store_id from event where type = 'reservation.reminder_due'") == "nice"


async def test_without_reminders_nobody_is_reminded(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await shop.pool.execute(
        "update reservation set collect_by = now() + interval '5 hours', ready_at = now() - interval '4 days'"
    )
    await plan(shop)
    assert await strike(shop.pool) == 0


async def test_four_at_once_do_everything_once(shop: Shop) -> None:
    await shop.stock("tea", 500)
    for _ in range(60):
        await shop.age(await shop.hold("tea", 1))
        await shop.age(await shop.ready("tea", 1))
    assert sum(await asyncio.gather(*(strike_all(shop) for _ in range(4)))) == 120
    assert len(await shop.events("reservation.expired")) == 60
    assert len(await shop.events("reservation.uncollected")) == 60


async def test_silence_means_take(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 2, if_short="ask")
    for action in ("confirm", "pick"):
        held = await shop.take(action, held)
    await shop.take("shelve", held, lines=[{"sku": "tea", "found": 1}])
    await shop.age(held)
    assert await strike_all(shop) == 1
    assert await shop.state(held) == "ready"
