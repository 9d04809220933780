"""The checker can't be talked round: whatever is tampered with, it names it."""

import pytest

from service import checks
from service.database import Pool
from tests.shop import Shop, prove, settings_for

TAMPERED = {
    "update position set reserved = reserved - 1 where reserved > 0": "reserved is the claims on the position",
    "update position set on_hand = on_hand + 1": "a position is the sum of its movements",
    "update position set shortfall = shortfall + 1": "shortfall is what is missing",
    "update reservation_line set short = short + 1": "reserved is the claims on the position",
    "update reservation set state = 'cancelled'": "the history tells the state",
    "update reservation set version = version + 1": "the history tells the state",
    "update slot set taken = 0": "slots taken are the reservations in them",
    "delete from event where version = 2": "each step starts where the last one led",
    "insert into stream (store_id, position) values ('lyon', 7)": "positions in the stream have no gap",
}


@pytest.fixture
async def busy(pool: Pool, database_url: str) -> Shop:
    """A shop with something of everything; not proved afterwards, for it is tampered with."""
    shop = Shop(pool, settings_for(database_url))
    await shop.store(slots={"minutes": 60, "capacity": 2})
    await shop.stock("tea", 10)
    slot = await pool.fetchval("select date_trunc('hour', now()) + interval '1 day'")
    await shop.take("pick", await shop.confirm(await shop.hold("tea", 2, slot=slot.isoformat())))
    await shop.ready("tea", 1)
    return shop


async def test_an_honest_shop_is_clean(busy: Shop) -> None:
    await prove(busy.pool)


@pytest.mark.parametrize("tampering", TAMPERED)
async def test_tampering_is_found_and_named(busy: Shop, tampering: str) -> None:
    await busy.pool.execute(tampering)
    async with busy.pool.acquire() as db:
        found = await checks.differences(db)
    assert TAMPERED[tampering] in {row["promise"] for row in found}
    assert all(row["store"] == "lyon" and row["subject"] for row in found)


async def test_an_unlawful_step_cannot_be_recorded(busy: Shop) -> None:
    with pytest.raises(Exception, match="step_is_lawful"):
        await busy.pool.execute("update event set source = 'collected' where action = 'pick'")


@pytest.mark.parametrize("statement", ["update movement set reserved_change = 0", "delete from movement"])
async def test_the_ledger_is_never_changed(busy: Shop, statement: str) -> None:
    with pytest.raises(Exception, match="never changed or deleted"):
        await busy.pool.execute(statement)
