"""The pool: connections are lent in turn, and none is lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.database import Pool, connection, open_pool


@pytest.fixture
async def single(database_url: str) -> AsyncIterator[Pool]:
    """A pool of one connection."""
    pool = await open_pool(database_url, size=1, name="tests-single")
    yield pool
    await pool.close()


async def test_nobody_who_comes_later_overtakes_who_waits_for_a_connection(single: Pool) -> None:
    served: list[int] = []

    async def come(number: int) -> None:
        async with connection(single) as db:
            served.append(number)
            await db.fetchval("select 1")

    async with connection(single):
        coming = [asyncio.create_task(come(0))]
        await asyncio.sleep(0)
    for number in range(1, 30):  # while the connection comes back, and the first is being told so
        coming.append(asyncio.create_task(come(number)))
        await asyncio.sleep(0)
    await asyncio.gather(*coming)
    assert served == list(range(30))


@pytest.mark.parametrize("turns", range(8))
async def test_who_gives_up_waiting_for_a_connection_keeps_none(single: Pool, turns: int) -> None:
    """`turns`: of the event loop, from the moment the connection comes back until they leave."""

    async def come() -> None:
        async with connection(single) as db:
            await db.fetchval("select 1")

    async with connection(single):
        leaving = asyncio.create_task(come())
        await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await come()


async def test_what_others_have_set_for_the_database_is_not_ours(database_url: str, everything: Pool) -> None:
    """A stricter isolation reads what was so before a lock was waited for, and ends in errors that nobody expects."""
    name = await everything.fetchval("select current_database()")
    await everything.execute(f"alter database {name} set default_transaction_isolation = 'repeatable read'")
    pool = await open_pool(database_url, size=1, name="tests-others")
    try:
        assert await pool.fetchval("show transaction_isolation") == "read committed"
    finally:
        await everything.execute(f"alter database {name} reset default_transaction_isolation")
        await pool.close()
