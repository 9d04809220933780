"""Whatever can be typed, sent or imported: read or refused, never a crash, and never a statement."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from demo.servers import Postgres
from service import addresses, codes, keys, migrations, queries
from service.api import openapi, routes
from service.codes import Tokens
from service.database import Pool, open_pool
from service.errors import InvalidRequest
from service.import_lines import open_file
from service.models.imports import CountLine, ItemLine, Line, MoveLine
from tests.ordeal.conftest import SEED
from tests.ordeal.listening import THOROUGH
from tests.service.api.conftest import Api, serve
from tests.shop import Shop, settings_for

Seen = Callable[[str], None]

MANY = 2000 if THOROUGH else 100
PER_OPERATION = 8 if THOROUGH else 1
STEPS = 40

often = settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))
DOCUMENT: dict[str, Any] = openapi.draw(routes.ENDPOINTS)
ENDLESS = {endpoint.path for endpoint in routes.ENDPOINTS if endpoint.media == "text/event-stream"}


async def chunks(raw: bytes, size: int) -> AsyncIterator[bytes]:
    """A file in pieces."""
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


async def rows(raw: bytes, model: type[Line], size: int) -> int:
    """Read a file to its end, and count its rows; a file that is none is refused."""
    try:
        return len([row async for row in await open_file(chunks(raw, size), model) if row.line or row.error])
    except InvalidRequest:
        return 0


MODELS = st.sampled_from([CountLine, MoveLine, ItemLine])


@given(st.binary(max_size=400), MODELS, st.integers(1, 50), st.booleans())
@example(b"\x1f\x8b", CountLine, 1, False)
@example(b'store,sku,on_hand,as_of\n"', CountLine, 3, True)
@often
def test_any_file_is_read_or_refused(raw: bytes, model: type[Line], size: int, packed: bool) -> None:  # noqa: FBT001
    assert asyncio.run(rows(gzip.compress(raw) if packed else raw, model, size)) >= 0


CELL = st.one_of(st.text(max_size=12), st.sampled_from(["lyon", "tea", "5", "-1", "2026-11-01T09:00:00Z", '"', "=1+1"]))


@given(st.lists(st.lists(CELL, max_size=8), max_size=6), st.sampled_from(",;\t"))
@often
def test_any_line_is_read_or_told(lines: list[list[str]], separator: str) -> None:
    head = separator.join(CountLine.model_fields)
    raw = "\n".join([head, *(separator.join(line) for line in lines)]).encode("utf-8", "surrogatepass")
    assert asyncio.run(rows(raw, CountLine, 64)) <= raw.count(b"\n") + 1


@given(st.one_of(st.text(max_size=90), st.from_regex(r"ck_\w{12}_\w{43}_\w{6}", fullmatch=True)))
@often
def test_any_key_is_read_or_none(text: str) -> None:
    assert keys.read(text) is None or text.startswith("ck_")


@given(st.one_of(st.text(max_size=40), st.text(codes.ALPHABET, min_size=4, max_size=26)))
@often
def test_any_code_and_token_is_read_or_none(typed: str) -> None:
    tokens = Tokens(("k" * 40,))
    assert codes.is_code(codes.normalise(typed)) in {True, False}
    assert tokens.read(typed) is None or len(codes.normalise(typed)) == codes.TOKEN_LENGTH
    assert not tokens.verify(typed, uuid4()), "a token that nobody made opens nothing"


@given(st.uuids(), st.uuids(), st.integers(1, 1000), st.integers(0, 23), st.sampled_from(codes.ALPHABET))
@often
def test_any_signature_is_refused(mine: UUID, other: UUID, store: int, place: int, symbol: str) -> None:
    tokens, code = Tokens(("k" * 40,)), codes.new_code()
    token = tokens.make(store, code, mine)
    forged = token[:place] + symbol + token[place + 1 :]
    assert tokens.verify(token, mine)
    assert tokens.verify(forged, mine) == (forged == token)
    assert tokens.verify(token, other) == (mine == other)


@given(st.text(max_size=60))
@often
def test_any_address_is_allowed_or_not(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/hook"):
        assert addresses.fault(url, private=False) is None or isinstance(addresses.fault(url, private=False), str)


class Target(NamedTuple):
    """An API over a database that counts its statements, and things in it that addresses may name."""

    api: Api
    key: str
    known: dict[str, str]


@pytest.fixture(scope="module")
async def target(scratch: Path) -> AsyncIterator[Target]:
    """A PostgreSQL of its own, which notes every statement."""
    server = Postgres(
        scratch / f"noting-{uuid4().hex[:8]}",
        options={"fsync": "off", "shared_preload_libraries": "pg_stat_statements"},
    )
    await server.start()
    await migrations.migrate(server.url)
    pool = await open_pool(server.url, size=10, name="fuzz")
    await pool.execute("create schema noted; create extension pg_stat_statements schema noted")
    shop = Shop(pool, settings_for(server.url))
    await shop.stock("tea", 1_000_000)
    held = await shop.hold("tea", 1)
    known = {"store": "lyon", "id": held["id"], "sku": "tea", "token": held["pickup_url"].rpartition("/")[2]}
    unlimited = settings_for(server.url, rate_limit_per_second=0, public_rate_limit_per_second=0)
    async with serve(unlimited, pool) as api:
        yield Target(api, await api.key(), known)
    await pool.close()
    await server.stop()


def operations() -> list[Any]:
    """Each operation of the document, as schemathesis sees it."""
    generation = GenerationConfig(modes=[GenerationMode.POSITIVE], allow_x00=False, with_security_parameters=False)
    config = SchemathesisConfig(projects=ProjectsConfig(default=ProjectConfig(generation=generation)))
    loaded: Any = schemathesis.openapi.from_dict(DOCUMENT, config=config)
    found = [one.ok() for one in loaded.get_all_operations()]
    return [one for one in found if one.path not in ENDLESS]


CORPUS = [
    "' or '1'='1",
    "'; drop table store; --",
    "1; select pg_sleep(9) --",
    '" or ""="',
    "\\'; delete from reservation; --",
    "') union select secret_hash from key --",
    "$1",
    "$$; drop table key; $$",
    "%' and 1=cast(version() as int) --",
    "/* zq7x */ or 1=1",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "\u02bc or 1=1 --",
]


def leaves(value: Any, set_it: Callable[[Any], None]) -> Iterator[Callable[[Any], None]]:
    """How to replace each text in a value, wherever it is."""
    if isinstance(value, str):
        yield set_it
    elif isinstance(value, dict):
        for name in value:
            yield from leaves(value[name], lambda new, name=name: value.__setitem__(name, new))  # type: ignore[misc]
    elif isinstance(value, list):
        for place in range(len(value)):
            yield from leaves(value[place], lambda new, place=place: value.__setitem__(place, new))  # type: ignore[misc]


@contextmanager
def replaced(case: Any, number: int, text: str) -> Iterator[bool]:
    """The case with its n-th text replaced by another; False where it has not so many."""
    parts = {"path_parameters": case.path_parameters, "query": case.query, "body": case.body}
    before = json.dumps(parts, default=str)
    places = [one for name in parts for one in leaves(parts[name], lambda new, name=name: setattr(case, name, new))]  # type: ignore[misc]
    if number < len(places):
        places[number](text)
    try:
        yield number < len(places)
    finally:
        for name, value in json.loads(before).items():
            if name != "body" or isinstance(value, (dict, list)):
                setattr(case, name, value)


def inject(one: Any, target: Target, asked: list[str]) -> None:
    """Put a piece of SQL into every text of some requests, one at a time."""

    @given(case=one.as_strategy())
    @settings(
        max_examples=PER_OPERATION,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        case.path_parameters.update({k: target.known[k] for k in case.path_parameters if k in target.known})
        for number in range(60):
            text = CORPUS[(len(asked) + SEED) % len(CORPUS)]
            with replaced(case, number, text) as there:
                if not there:
                    break
                asked.append(one.label)
                headers = {"Authorization": f"Bearer {target.key}", "Idempotency-Key": f"{len(asked)} {text}"[:200]}
                if not headers["Idempotency-Key"].isascii():
                    headers["Idempotency-Key"] = str(len(asked))
                response = case.call(base_url=target.api.url, headers=headers, timeout=20)
                assert response.status_code < 500, (one.label, text, response.text[:400])

    check()


OURS = re.compile(r"(?is)^(begin|commit|rollback|savepoint|release|set|show|select pg_advisory_unlock_all|close)\b")
_ASYNCPG = (
    "WITH RECURSIVE typeinfo_tree",
    "SELECT\n        t.oid",
    "-- asyncpg",
    f"SELECT\n{' ' * 24}current_setting('jit')",
)


def skeleton(text: str) -> str:
    """A statement without its constants, its comments and its blanks."""
    bare = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    bare = re.sub(r"\b[eE]?'(?:[^']|'')*'|'(?:[^']|'')*'|\$\d+|\b\d+(\.\d+)?\b|\b(true|false|null)\b", "?", bare)
    bare = re.sub(r"\s+", "", bare).rstrip(";").lower()
    return re.sub(r"\?(,\?)+", "?", bare)  # a list of constants is noted as one


def written() -> set[str]:
    """The skeletons of all statements there are in sql/queries."""
    return {skeleton(query.sql) for file in queries.FOLDER.glob("*.sql") for query in queries.load(file.stem).values()}


async def strange(pool: Pool) -> list[str]:
    """Statements that PostgreSQL was asked by the API and that nobody has written down."""
    rows = await pool.fetch(
        "select s.query from noted.pg_stat_statements s join pg_database d on d.oid = s.dbid"
        " where d.datname = 'comptoir' and s.query !~ 'noted|pg_class'"
    )
    known = written()
    texts = [row["query"] for row in rows]
    return [t for t in texts if skeleton(t) not in known and not OURS.match(t) and not t.startswith(_ASYNCPG)]


@pytest.mark.ordeal
@pytest.mark.timeout(900)
async def test_no_text_of_a_caller_ever_becomes_a_statement(target: Target, seen: Seen) -> None:
    pool = target.api.pool
    await pool.execute("select noted.pg_stat_statements_reset()")
    before = await pool.fetchval("select count(*) from pg_class where relkind = 'r'")
    asked: list[str] = []
    for one in operations():
        await asyncio.to_thread(inject, one, target, asked)
    assert await pool.fetchval("select count(*) from pg_class where relkind = 'r'") == before
    assert await strange(pool) == []
    stated = await pool.fetchval("select count(*) from noted.pg_stat_statements")
    seen(
        f"{len(asked)} requests to {len(set(asked))} endpoints with SQL in one of their texts: no 5xx;"
        f" {stated} kinds of statement, all of them ours"
    )


MORE = {"status": "ready", "tenant_id": 1, "id": "x", "expires_at": "2030-01-01", "price": 1, "is_admin": True}


async def test_fields_that_nobody_asked_for_are_refused_everywhere(target: Target, seen: Seen) -> None:
    tried = 0
    for endpoint in routes.ENDPOINTS:
        if endpoint.body is None:
            continue
        path = re.sub(r"\{(\w+)\}", lambda found: target.known.get(found[1], "x"), endpoint.path)
        known = json.dumps(endpoint.body.model_json_schema())
        for name, value in MORE.items():
            if f'"{name}": {{' in known:
                continue
            body = {**(endpoint.example or {}), name: value}
            told = await target.api.request(endpoint.method, path, json=body)
            tried += 1
            assert told.status == 422, f"{endpoint.method} {path} took {name}: {told.status} {told.text[:200]}"
            assert any(fault.get("pointer", "").endswith(f"/{name}") for fault in told.json["errors"]), told.text
    seen(f"{tried} bodies with a field too many: 422 each, naming it")


@pytest.mark.ordeal
@pytest.mark.timeout(900)
async def test_thousands_of_documents_and_what_they_lead_to(target: Target, seen: Seen) -> None:
    asked = 0
    loaded: Any = schemathesis.openapi.from_dict(DOCUMENT)

    class Following(loaded.as_state_machine()):  # type: ignore[misc]
        """Follow the links from what was made to what can be done with it."""

        def get_call_kwargs(self, _case: Any) -> dict[str, Any]:
            nonlocal asked
            asked += 1
            return {
                "base_url": target.api.url,
                "timeout": 20,
                "headers": {"Authorization": f"Bearer {target.key}", "Idempotency-Key": str(uuid4())},
            }

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            if response.status_code == 400 and response.headers["content-type"][0].startswith("text/plain"):
                return  # a line longer than the server reads: it answers by itself
            checks = (
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            )
            case.validate_response(response, checks=checks)

    tried = settings(
        max_examples=100 if THOROUGH else 10,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(Following.run, settings=tried)
    seen(f"{asked} requests that followed each other by links: no 5xx, every answer as the document says")
