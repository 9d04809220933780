"""What the code promises under a constraint's name, the database holds under that name."""

import pytest

from service.database import Pool, connection
from service.errors import InvalidRequest, Problem, every_problem

NAMED = [problem for problem in every_problem() if problem.constraint]

GENERATED = r"_(check\d*|key\d*|fkey\d*|pkey|not_null\d*|number_key)$"


@pytest.mark.parametrize("problem", NAMED, ids=lambda problem: problem.code())
async def test_a_problem_s_constraint_is_in_the_database(everything: Pool, problem: type[Problem]) -> None:
    assert await everything.fetchval(
        "select exists (select from pg_constraint where conname = $1)"
        "    or exists (select from pg_index where indexrelid = to_regclass($1) and indisunique)",
        problem.constraint,
    )


def test_no_two_problems_claim_one_constraint() -> None:
    assert len(NAMED) == len({problem.constraint for problem in NAMED})


async def test_checks_are_named_as_sentences(everything: Pool) -> None:
    unnamed = await everything.fetch(
        "select conrelid::regclass || '.' || conname from pg_constraint"
        " where connamespace = 'public'::regnamespace and contype in ('c', 'x') and conname ~ $1",
        GENERATED,
    )
    assert [] == [record[0] for record in unnamed]


async def test_times_know_their_zone_and_are_called_at(everything: Pool) -> None:
    times = await everything.fetch(
        "select table_name || '.' || column_name as name, data_type from information_schema.columns"
        " where table_schema = 'public' and data_type like 'timestamp%'"
    )
    assert times
    assert {"timestamp with time zone"} == {record["data_type"] for record in times}


async def test_what_belongs_to_a_store_begins_its_keys_with_the_store(everything: Pool) -> None:
    """The store is the unit of consistency and of scale: see docs/decisions/0005."""
    keys = await everything.fetch(
        "select indexrelid::regclass::text as name,"
        "       (select attname from pg_attribute where attrelid = indrelid and attnum = indkey[0]) as first"
        "  from pg_index"
        " where indrelid in (select attrelid from pg_attribute join pg_class on pg_class.oid = attrelid"
        "                     where attname = 'store_id' and relkind = 'r' and relnamespace = 'public'::regnamespace)"
        "   and indisunique"
    )
    exempt = {"captured_message_pkey", "captured_message_message_ref_key"}  # an inbox for trying things out
    exempt |= {"import_line_pkey"}  # a file speaks of many stores
    exempt |= {"device_pkey", "device_pairing"}  # who knocks is recognised before it is known where they belong
    assert [] == [key["name"] for key in keys if key["first"] != "store_id" and key["name"] not in exempt]


@pytest.mark.parametrize("kind", ["text", "jsonb"])
async def test_what_can_t_be_stored_is_refused_in_words(everything: Pool, kind: str) -> None:
    with pytest.raises(InvalidRequest, match="can't be stored"):
        async with connection(everything) as db:
            await db.fetchval(f"select $1::{kind}", "\0")
