"""Refusals as answers: one form, whoever refuses."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import asyncpg
import pytest

from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Scope
from service.database import Pool
from service.errors import NeverOversold, Unavailable, every_problem
from tests.service.api.conftest import Api, serve
from tests.shop import settings_for

Lines = list[MutableMapping[str, Any]]

MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}


class Trouble:
    """An endpoint that does what it is told to."""

    def __init__(self) -> None:
        self.make: Callable[[Call[None]], Awaitable[object]]

    async def handle(self, call: Call[None]) -> Answer:
        """Make trouble."""
        await self.make(call)
        raise AssertionError


@pytest.fixture
def trouble() -> Trouble:
    """What the endpoint does."""
    return Trouble()


@pytest.fixture
async def api(pool: Pool, database_url: str, trouble: Trouble) -> AsyncIterator[Api]:
    """An API of trouble only."""
    endpoint = Endpoint(
        method="GET",
        path="/v1/trouble",
        handle=trouble.handle,
        summary="Trouble",
        tag="Test",
        scopes=frozenset({Scope.CHECKOUT}),
        problems=(NeverOversold,),
    )
    async with serve(settings_for(database_url), pool, (endpoint,)) as api:
        yield api


def raises(error: BaseException) -> Callable[[Call[None]], Awaitable[object]]:
    """A handler that fails so."""

    async def make(_call: Call[None]) -> object:
        raise error

    return make


async def test_a_path_that_is_none_is_a_problem_too(api: Api) -> None:
    told = await api.get("/nowhere")
    assert (told.status, told.json["code"]) == (404, "not_found")
    assert told.headers["Content-Type"].startswith("application/problem+json")
    assert told.json.keys() == MEMBERS
    assert told.json["type"] == "http://shop.example/docs/problems#not_found"
    assert told.json["request_id"] == told.headers["X-Request-Id"]


async def test_a_method_that_is_none_names_those_that_are(api: Api) -> None:
    told = await api.delete("/v1/trouble")
    assert (told.status, told.json["code"]) == (405, "method_not_allowed")
    assert told.headers["Allow"] == "GET, HEAD"
    assert told.json["allowed"] == ["GET", "HEAD"]


async def test_options_names_the_methods(api: Api) -> None:
    told = await api.request("OPTIONS", "/v1/trouble")
    assert (told.status, told.headers["Allow"], told.text) == (204, "GET, HEAD, OPTIONS", "")


async def test_head_is_get_without_the_body(api: Api) -> None:
    told = await api.request("HEAD", "/v1/trouble", key="")
    assert (told.status, told.text) == (401, "")


async def test_a_crash_tells_nothing_and_logs_where(api: Api, trouble: Trouble, lines: Lines) -> None:
    trouble.make = raises(KeyError("camille@atelier.example"))
    told = await api.get("/v1/trouble")
    assert (told.status, told.json["code"]) == (500, "unexpected")
    assert "camille" not in told.text
    assert told.json["detail"] == told.json["title"]
    [line] = lines
    assert isinstance(line["exc_info"], KeyError)
    assert line["status"] == 500


async def test_a_broken_constraint_is_the_problem_of_that_name(api: Api, trouble: Trouble) -> None:
    error = asyncpg.CheckViolationError("no")
    error.constraint_name = "never_oversold"
    trouble.make = raises(error)
    told = await api.get("/v1/trouble")
    assert (told.status, told.json["code"]) == (409, "never_oversold")


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InterfaceError("gone"),
        asyncpg.CannotConnectNowError("starting"),
        asyncpg.AdminShutdownError("bye"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_is_away_is_503_and_when_to_come_back(
    api: Api, trouble: Trouble, error: Exception, lines: Lines
) -> None:
    trouble.make = raises(error)
    told = await api.get("/v1/trouble")
    assert (told.status, told.json["code"]) == (503, Unavailable.code())
    assert told.headers["Retry-After"] == "2"
    assert lines[0]["exc_info"] is error


async def test_facts_never_hide_the_standard_members(api: Api, trouble: Trouble) -> None:
    trouble.make = raises(NeverOversold("So it is.", status="up", code="mine", lines=[]))
    told = await api.get("/v1/trouble")
    assert (told.json["status"], told.json["code"], told.json["lines"]) == (409, "never_oversold", [])


async def test_every_kind_of_problem_has_a_title_and_an_error_status() -> None:
    for problem in every_problem():
        assert problem.title().endswith((".", "`")), problem
        assert problem.status >= 400
    codes = [problem.code() for problem in every_problem()]
    assert len(codes) == len(set(codes))
