"""Every statement of sql/queries: it fits the schema, says what it promises, and somebody asks it."""

import re
from pathlib import Path

import pytest

from service import queries
from service.database import Pool
from service.queries import Query

ROOT = Path(__file__).parent.parent.parent
NOUNS = sorted(file.stem for file in queries.FOLDER.glob("*.sql"))
QUERIES = [query for noun in NOUNS for query in queries.load(noun).values()]

_QUOTED = re.compile(r"'(?:[^']|'')*'|--[^\n]*")
_LOUD = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|JOIN|WITH|AND|OR|NOT|NULL|ORDER|GROUP|BY|AS)\b")


def by_name(query: Query) -> str:
    """How pytest calls a statement."""
    return f"{query.noun}.{query.name}"


def bare(query: Query) -> str:
    """A statement without its comments and quoted texts."""
    return _QUOTED.sub("''", query.sql)


def outermost(sql: str) -> str:
    """What stands outside of all brackets: of several selects, the one that answers."""
    while (inner := re.sub(r"\([^()]*\)", "", sql)) != sql:
        sql = inner
    return sql


@pytest.mark.parametrize("query", QUERIES, ids=by_name)
async def test_a_query_fits_the_schema(everything: Pool, query: Query) -> None:
    async with everything.acquire() as db:
        prepared = await db.prepare(query.sql)
        assert len(query.parameters) == len(prepared.get_parameters())


def test_queries_say_what_they_promise() -> None:
    assert [] == [by_name(query) for query in QUERIES if not re.match(r"-- \S", query.sql)]


def test_queries_name_their_columns() -> None:
    everything = re.compile(r"(select|returning)\s+(\w+\.)?\*")
    assert [] == [by_name(query) for query in QUERIES if everything.search(outermost(bare(query)))]


def test_queries_speak_softly() -> None:
    assert [] == [by_name(query) for query in QUERIES if _LOUD.search(bare(query))]


def test_queries_are_one_statement_each() -> None:
    texts = {by_name(query): bare(query).rstrip() for query in QUERIES}
    assert [] == [name for name, text in texts.items() if text.find(";") != len(text) - 1]


@pytest.mark.parametrize("noun", NOUNS)
def test_the_names_of_a_noun_s_queries_are_plain_and_differ(noun: str) -> None:
    text = (queries.FOLDER / f"{noun}.sql").read_text()
    headings = re.findall(r"^--\s*name\b.*$", text, re.MULTILINE | re.IGNORECASE)
    assert [f"-- name: {name}" for name in queries.load(noun)] == headings


@pytest.mark.parametrize("noun", NOUNS)
def test_somebody_asks_every_query(noun: str) -> None:
    readers = [
        text
        for package in ("service", "workers", "demo", "bench")
        for file in (ROOT / package).rglob("*.py")
        if f'queries.load("{noun}")' in (text := file.read_text())
    ]
    names = set(queries.load(noun))
    if any(re.search(r"\bSQL\.(items|values)\(\)", text) for text in readers):
        names.clear()  # one of them asks them all
    assert set() == {name for name in names if not any(f'"{name}"' in text for text in readers)}
