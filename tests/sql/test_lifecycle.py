"""The database and service/lifecycle.py say the same of a reservation's life."""

import asyncpg
import pytest

from service.database import Pool
from service.lifecycle import CLAIMING, STANDING, STEPS, State, possible_steps

STATES = [*State, "unheard_of"]


async def constraint(pool: Pool, name: str) -> str:
    """The condition of a live constraint, or of a partial index, in SQL."""
    found = await pool.fetchval("select pg_get_expr(conbin, conrelid) from pg_constraint where conname = $1", name)
    found = found or await pool.fetchval(
        "select pg_get_expr(indpred, indrelid) from pg_index where indexrelid = $1::regclass", name
    )
    assert found, f"there is no {name}"
    return str(found)


async def states_where(pool: Pool, condition: str) -> set[str]:
    """The states for which a condition on a reservation's `state` holds."""
    rows = await pool.fetch(f"select state from unnest($1::text[]) state where {condition}", STATES)
    return {row["state"] for row in rows}


async def test_the_database_allows_the_lawful_steps_and_no_others(everything: Pool) -> None:
    lawful = {triple for step in STEPS.values() for triple in step.lawful()}
    rows = await everything.fetch(
        "select action, coalesce(source, '') as source, target"
        "  from unnest($1::text[]) action, unnest($2::text[]) source, unnest($3::text[]) target"
        f" where {await constraint(everything, 'step_is_lawful')}",
        [*STEPS, "unheard_of"],
        [None, *STATES],
        STATES,
    )
    assert lawful == {tuple(row) for row in rows}


async def test_the_database_knows_the_same_states(everything: Pool) -> None:
    condition = await constraint(everything, "state_is_known")
    assert set(State) == await states_where(everything, condition)


@pytest.mark.parametrize("state", State)
async def test_the_database_tells_the_same_possible_steps(everything: Pool, state: State) -> None:
    assert possible_steps(state) == await everything.fetchval("select possible_steps($1)", state)


async def test_the_same_states_claim_stock(everything: Pool) -> None:
    assert set(CLAIMING) == await states_where(everything, "claims_stock(state)")


async def test_the_queues_look_at_the_states_that_claim_stock(everything: Pool) -> None:
    condition = await constraint(everything, "reservation_open")
    assert set(CLAIMING) == await states_where(everything, condition)


async def test_an_order_stands_once_in_the_standing_states(everything: Pool) -> None:
    condition = await constraint(everything, "order_has_one_standing_reservation")
    assert set(STANDING) == await states_where(everything, condition) - {"unheard_of"}


async def test_a_step_that_is_not_lawful_cannot_be_written(pool: Pool) -> None:
    await pool.execute("insert into store (id, name, time_zone) values ('lyon', 'Lyon', 'Europe/Paris')")
    with pytest.raises(asyncpg.CheckViolationError, match="step_is_lawful"):
        await pool.execute(
            "insert into event (store_id, id, type, action, source, target, actor)"
            " values ('lyon', gen_random_uuid(), 'reservation.collected', 'collect', 'held', 'collected', 'clerk')"
        )
