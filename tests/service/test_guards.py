"""Tests that can't fail prove nothing: each guard is taken out, and the test that watches it must notice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from service import clocks, steps
from service.database import Pool
from tests.conftest import empty
from tests.service import test_holding, test_steps
from tests.shop import Shop, prove, settings_for

Watcher = Callable[[Shop], Awaitable[None]]


@asynccontextmanager
async def without(pool: Pool, function: str, guard: str, instead: str = "") -> AsyncIterator[None]:
    """A function of the database with a piece taken out, for a while."""
    whole = await pool.fetchval("select pg_get_functiondef($1::regproc)", function)
    assert guard in whole, f"{function} has changed: {guard!r} is not in it"
    await pool.execute(whole.replace(guard, instead))
    try:
        yield
    finally:
        await pool.execute(whole)


@asynccontextmanager
async def without_in_query(name: str, guard: str) -> AsyncIterator[None]:
    """A query of reservations with a piece taken out, for a while, wherever it is loaded."""
    loaded = [noun.SQL[name] for noun in (steps, clocks)]
    whole = loaded[0].sql
    assert guard in whole
    for query in loaded:
        query.sql = whole.replace(guard, "")
    try:
        yield
    finally:
        for query in loaded:
            query.sql = whole


@asynccontextmanager
async def without_constraint(pool: Pool, table: str, constraint: str) -> AsyncIterator[None]:
    """A table without one of its promises, for a while; then it is emptied, for it may be broken."""
    definition = await pool.fetchval(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = $1", constraint
    )
    await pool.execute(f"alter table {table} drop constraint {constraint}")
    try:
        yield
    finally:
        await pool.execute(f"truncate {table} cascade")
        await pool.execute(f"alter table {table} add constraint {constraint} {definition}")


async def notices(watcher: Watcher, shop: Shop) -> None:
    """The watcher fails, or the ledger does; who waits for two to meet may have to wait for a second time."""
    others = asyncio.all_tasks()
    with pytest.raises(BaseException):  # noqa: B017, PT011, PT012 -- however it notices, and whichever does
        for _ in range(5):
            await empty(shop.pool)
            await watcher(shop)
            await prove(shop.pool)
    await asyncio.gather(*(asyncio.all_tasks() - others), return_exceptions=True)  # its shoppers that are still at it


@pytest.fixture
async def unguarded(pool: Pool, database_url: str) -> Shop:
    """A shop that is not proved afterwards."""
    return Shop(pool, settings_for(database_url))


SLOWLY = "order by p.sku limit (select 1000 from pg_sleep(0.02))"
"""Reading without a lock, with time for others to come between."""

HOLD_GUARDS = [
    ("order by p.sku for no key update", SLOWLY, test_holding.test_the_last_item_goes_to_one_shopper),
    ("pg_try_advisory_xact_lock(", "pg_sleep(0.01)::text = '' or pg_try_advisory_xact_lock(",
     test_holding.test_one_key_for_many_orders_at_once_holds_one_of_them),
    ("i.fingerprint = r.fingerprint as same", "true as same", test_holding.test_a_key_is_not_used_for_something_else),
    ("s.state not in ('cancelled', 'expired', 'uncollected')", "false",
     test_holding.test_one_order_has_one_reservation),
    ("coalesce(s.capacity - s.taken, 0)", "(select 1000 from pg_sleep(0.02))",
     test_holding.test_one_slot_left_goes_to_one_of_many),
    ("when v_wait then 'due'", "when false then 'due'",
     test_holding.test_expired_holds_are_bought_by_the_next_customer_with_no_worker_running),
]  # fmt: skip


@pytest.mark.parametrize(("guard", "instead", "watcher"), HOLD_GUARDS)
async def test_holding_needs_its_guards(unguarded: Shop, guard: str, instead: str, watcher: Watcher) -> None:
    async with without(unguarded.pool, "hold", guard, instead):
        await notices(watcher, unguarded)


async def test_without_lock_and_constraint_one_item_is_sold_to_many(unguarded: Shop) -> None:
    pool = unguarded.pool
    async with (
        without_constraint(pool, "position", "never_oversold"),
        without(pool, "hold", "order by p.sku for no key update", SLOWLY),
    ):
        await notices(test_holding.test_the_last_item_goes_to_one_shopper, unguarded)


STEP_GUARDS = [
    ("lock", "for update", test_steps.test_two_tablets_hand_over_once),
    ("due_holds", "for update skip locked", test_steps.test_two_sweepers_never_have_the_same_hold_in_hand),
]


@pytest.mark.parametrize(("query", "guard", "watcher"), STEP_GUARDS)
async def test_steps_need_their_locks(unguarded: Shop, query: str, guard: str, watcher: Watcher) -> None:
    async with without_in_query(query, guard):
        await notices(watcher, unguarded)


ADVANCE_GUARDS = [
    ("-(l.claim - coalesce(done.units, 0))", "0", test_steps.test_cancelling_gives_the_stock_back_from_wherever_it_is),
    ("when l.claims and not l.claimed then l.claim", "when l.claims and not l.claimed then 0",
     test_steps.test_a_late_payment_gets_its_stock_back_while_it_is_there),
    ("return jsonb_build_object('lines', v_short);", "null;",
     test_steps.test_a_late_payment_for_what_is_gone_is_refused_with_the_lines),
]  # fmt: skip


@pytest.mark.parametrize(("guard", "instead", "watcher"), ADVANCE_GUARDS)
async def test_advancing_needs_its_guards(unguarded: Shop, guard: str, instead: str, watcher: Watcher) -> None:
    async with without(unguarded.pool, "advance", guard, instead):
        await notices(watcher, unguarded)
