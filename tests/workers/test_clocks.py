"""The clocks, as a worker lets them strike: every store, every kind, once."""

import asyncio

from tests.shop import Shop
from workers.clocks import strike


async def strike_all(shop: Shop) -> int:
    struck = 0
    while some := await strike(shop.pool, shop.settings):
        struck += some
    return struck


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
    assert await strike(shop.pool, shop.settings) == 100
    assert await strike_all(shop) == 30


async def test_each_customer_is_reminded_once_per_date(shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 1)
    await shop.pool.execute(
        "update reservation set collect_by = now() + interval '5 hours', ready_at = now() - interval '4 days'"
    )
    settings = shop.settings.model_copy(update={"reminder_hours": (48, 24)})
    await strike(shop.pool, settings)
    await strike(shop.pool, settings)
    assert await shop.events("reservation.reminder_due") == ["reservation.reminder_due"]
    assert await shop.state(ready) == "ready"


async def test_without_reminders_nobody_is_reminded(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await shop.pool.execute(
        "update reservation set collect_by = now() + interval '5 hours', ready_at = now() - interval '4 days'"
    )
    assert await strike(shop.pool, shop.settings.model_copy(update={"reminder_hours": ()})) == 0


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
