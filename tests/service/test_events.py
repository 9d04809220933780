"""The relay: every event gets one place in its store's stream, and obliges to its messages once."""

import asyncio
from time import perf_counter
from uuid import UUID

import asyncpg
import pytest

from service import events
from service.database import Pool, connection, transaction
from service.events import Relayed
from tests.conftest import connect
from tests.shop import Shop


async def relay_everything(pool: Pool, limit: int = 500) -> Relayed:
    told = Relayed()
    while stores := await events.waiting_stores(pool):
        for store in stores:
            done = await events.relay(pool, store, limit=limit)
            told = Relayed(told.events + done.events, told.messages + done.messages)
    return told


async def streams(pool: Pool) -> list[tuple[str, int | None, str]]:
    rows = await pool.fetch("select store_id, position, type from event order by store_id, position, seq")
    return [(row["store_id"], row["position"], row["type"]) for row in rows]


async def test_events_get_places_without_gaps_in_the_order_they_happened(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.collected("tea", 1)
    told = await relay_everything(shop.pool, limit=2)
    assert told.events == 5
    kinds = ("held", "confirmed", "picking", "ready", "collected")
    assert await streams(shop.pool) == [("lyon", n, f"reservation.{kind}") for n, kind in enumerate(kinds, 1)]
    assert await shop.pool.fetchval("select position from stream where store_id = 'lyon'") == 5


async def test_each_store_has_its_own_stream(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.stock("tea", 5, store="nice")
    await shop.hold("tea", 1)
    await shop.hold("tea", 1, store="nice")
    assert await events.waiting_stores(shop.pool) == ["lyon", "nice"]
    await relay_everything(shop.pool)
    assert [place[:2] for place in await streams(shop.pool)] == [("lyon", 1), ("nice", 1)]
    assert await events.waiting_stores(shop.pool) == []


async def test_an_event_committed_late_is_told_later_and_never_passed_over(shop: Shop, database_url: str) -> None:
    await shop.stock("tea", 5)
    late = await connect(database_url)
    try:
        slow = late.transaction()
        await slow.start()  # takes the lower seq …
        await late.execute(
            "insert into event (store_id, id, type, sku, actor) values ('lyon', new_id(), 'stock.low', 'tea', 'x')"
        )
        await shop.hold("tea", 1)
        await relay_everything(shop.pool)
        await slow.commit()  # … and is seen last
    finally:
        await late.close()
    async with connection(shop.pool) as db:
        [first] = await events.after(db, {}, limit=10)
        assert '"reservation.held"' in first.body
        await relay_everything(shop.pool)
        [second] = await events.after(db, {"lyon": first.position}, limit=10)
        assert '"stock.low"' in second.body


async def test_several_relays_at_once_give_each_event_one_place(shop: Shop) -> None:
    await shop.stock("tea", 60)
    await shop.stock("tea", 60, store="nice")
    for n in range(40):
        await shop.hold("tea", 1, store="lyon" if n % 2 else "nice")
    told = await asyncio.gather(*(relay_everything(shop.pool, limit=3) for _ in range(6)))
    assert sum(one.events for one in told) == 40
    assert [place[1] for place in await streams(shop.pool)] == [*range(1, 21), *range(1, 21)]


async def test_a_relay_that_finds_another_at_work_does_nothing(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.hold("tea", 1)
    assert await events.waiting_stores(shop.pool) == ["lyon"]
    async with transaction(shop.pool) as db:
        await db.fetchval("select position from stream where store_id = 'lyon' for update")
        assert await events.relay(shop.pool, "lyon") == Relayed()
    assert (await events.relay(shop.pool, "lyon")).events == 1


async def test_places_and_messages_come_together_or_not_at_all(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await shop.pool.execute("alter table notification add constraint broken check (kind <> 'ready')")
    try:
        await events.waiting_stores(shop.pool)
        for _ in range(2):
            with pytest.raises(asyncpg.CheckViolationError, match="broken"):
                await events.relay(shop.pool, "lyon")
            assert await shop.pool.fetchval("select count(*) from event where position is not null") == 0
            assert await shop.pool.fetchval("select count(*) from notification") == 0
    finally:
        await shop.pool.execute("alter table notification drop constraint broken")
    await relay_everything(shop.pool)
    assert await shop.pool.fetchval("select count(*) from notification where kind = 'ready'") == 2


async def test_readers_of_many_stores_lose_nothing_between_two_pages(shop: Shop) -> None:
    for store in ("lyon", "nice", "metz"):
        await shop.stock("tea", 50, store=store)
        for _ in range({"lyon": 9, "nice": 1, "metz": 4}[store]):
            await shop.hold("tea", 1, store=store)
    await relay_everything(shop.pool)
    places: dict[str, int] = {}
    read: list[tuple[str, int]] = []
    async with connection(shop.pool) as db:
        while page := await events.after(db, places, limit=3):
            for event in page:
                assert event.position == places.get(event.store, 0) + 1
                places[event.store] = event.position
                read.append((event.store, event.position))
    assert len(read) == len(set(read)) == 14


async def test_the_history_tells_of_a_step_before_the_relay_has(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 1)
    async with connection(shop.pool) as db:
        [event] = await events.of_reservation(db, "lyon", UUID(held["id"]))
    assert '"position" : null' in event
    assert '"target" : "held"' in event


async def test_thousands_of_events_are_relayed_a_second_with_their_messages(shop: Shop) -> None:
    """Also right after a start: with plans that were made while the tables held next to nothing."""
    await shop.stock("tea", 10)
    await shop.pool.execute("analyze")
    for _ in range(8):
        held = await shop.hold("tea", 1)
        await relay_everything(shop.pool)
    await shop.pool.execute(
        "insert into event (store_id, id, type, reservation_id, actor)"
        " select 'lyon', new_id(), 'reservation.ready', $1, 'x' from generate_series(1, 5000) n",
        UUID(held["id"]),
    )
    began = perf_counter()
    told = await relay_everything(shop.pool)
    assert told == Relayed(5000, 10_000)
    assert told.events / (perf_counter() - began) > 1000
