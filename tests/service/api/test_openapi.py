"""The OpenAPI document: valid, complete, and true, as requests made from it show."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from service.api import openapi, routes
from service.api.endpoints import OPERATIONS, Endpoint, Retry
from service.callers import Scope
from service.errors import VersionMismatch
from tests.ordeal.listening import THOROUGH
from tests.service.api.conftest import Api, serve
from tests.shop import Shop, settings_for

EXAMPLES = 20 if THOROUGH else 6  # requests per operation and mood: of `make ordeal` some two thousand in all
TRUE = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)

DOCUMENT: dict[str, Any] = openapi.draw(routes.ENDPOINTS)
ENDLESS = {endpoint.path for endpoint in routes.ENDPOINTS if endpoint.media == "text/event-stream"}  # see test_streams
TOLD = [endpoint for endpoint in routes.ENDPOINTS if endpoint.tag != OPERATIONS and not endpoint.page]


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """What the document says of an endpoint."""
    found: dict[str, Any] = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    return found


every_endpoint = pytest.mark.parametrize("endpoint", TOLD, ids=lambda one: f"{one.method} {one.path}")


def test_the_document_is_valid_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_the_same_endpoints_are_the_same_text() -> None:
    assert openapi.spell(routes.ENDPOINTS) == openapi.spell(routes.ENDPOINTS)


def test_every_reference_leads_somewhere() -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT))):
        place: Any = DOCUMENT
        for part in reference.split("/"):
            place = place[part]


def test_no_operation_has_the_name_of_another() -> None:
    names = [one["operationId"] for path in DOCUMENT["paths"].values() for one in path.values()]
    assert len(names) == len(set(names)) == len(TOLD)


async def test_the_document_is_served(api: Api) -> None:
    told = await api.get("/openapi.json", key="")
    assert told.headers["Content-Type"].startswith("application/json")
    assert told.json == DOCUMENT


@every_endpoint
def test_an_operation_says_who_may_what_repeats_and_what_is_refused(endpoint: Endpoint) -> None:
    drawn = operation(endpoint)
    assert drawn["summary"]
    assert {scope for one in drawn["security"] for scope in one.get("key", [])} == set(endpoint.scopes or ())
    assert ({"device": []} in drawn["security"]) == (Scope.COUNTER in (endpoint.scopes or ()))
    headers = {one["name"]: one["required"] for one in drawn.get("parameters", []) if one["in"] == "header"}
    assert (
        headers.get("Idempotency-Key")
        == {
            Retry.REQUIRED: True,
            Retry.HONOURED: False,
            Retry.NATURAL: None,
        }[endpoint.retry]
    )
    assert ("If-Match" in headers) == (VersionMismatch in endpoint.problems)
    assert {"429", "500", "503"} <= drawn["responses"].keys()
    assert ("401" in drawn["responses"]) == (endpoint.scopes is not None)
    assert {str(status) for status in endpoint.answers} <= drawn["responses"].keys()
    parts = [one["name"] for one in drawn.get("parameters", []) if one["in"] == "path"]
    assert parts == re.findall(r"\{(\w+)\}", endpoint.path)


@every_endpoint
def test_an_example_is_what_the_body_takes(endpoint: Endpoint) -> None:
    if endpoint.scopes and endpoint.body and endpoint.body.model_fields:
        assert endpoint.example, "what the page makes up by itself is refused"
    if endpoint.example is not None:
        assert endpoint.body
        endpoint.body.model_validate_json(json.dumps(endpoint.example))


def test_unknown_fields_are_refused_in_words_too() -> None:
    for endpoint in TOLD:
        if endpoint.body is not None:
            reference = operation(endpoint)["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            schema = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
            assert schema.get("additionalProperties") is False or "anyOf" in schema, reference


@pytest.fixture
async def open_api(shop: Shop, database_url: str) -> AsyncIterator[tuple[Api, dict[str, str]]]:
    """An API without limits, and things in it that addresses may name."""
    await shop.stock("tea", 1_000_000)
    held = await shop.hold("tea", 1)
    unlimited = settings_for(database_url, rate_limit_per_second=0, public_rate_limit_per_second=0)
    async with serve(unlimited, shop.pool) as api:
        token = held["pickup_url"].rpartition("/")[2]
        yield api, {"store": "lyon", "id": held["id"], "sku": "tea", "token": token}


def operations(mode: GenerationMode) -> Any:
    """Each operation of the document, as schemathesis sees it."""
    generation = GenerationConfig(modes=[mode], allow_x00=False, with_security_parameters=False)
    config = SchemathesisConfig(projects=ProjectsConfig(default=ProjectConfig(generation=generation)))
    loaded: Any = schemathesis.openapi.from_dict(DOCUMENT, config=config)
    asked = [one.ok() for one in loaded.get_all_operations()]
    negative = mode is GenerationMode.NEGATIVE  # of what takes nothing, nothing can be wrong
    return [
        one for one in asked if one.path not in ENDLESS and not (negative and not takes_something(one.definition.raw))
    ]


def takes_something(described: dict[str, Any]) -> bool:
    """Whether anything can be wrong with a request: a parameter, or a body that is described."""
    content = described.get("requestBody", {}).get("content", {})
    return bool(described.get("parameters")) or any(content.values())


def padded(value: Any) -> bool:
    """Whether a text in it has blanks around it."""
    if isinstance(value, dict):
        return any(map(padded, value.values()))
    if isinstance(value, list):
        return any(map(padded, value))
    return isinstance(value, str) and value != value.strip()


def ask(one: Any, mode: GenerationMode, url: str, key: str, known: dict[str, str]) -> None:
    """Make requests of an operation, and hold every answer against the document."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key}"
        ask_in(session, one, mode, url, known)


def ask_in(session: requests.Session, one: Any, mode: GenerationMode, url: str, known: dict[str, str]) -> None:
    """The same, in a session."""

    @given(case=one.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        if mode is GenerationMode.NEGATIVE and (padded(case.body) or padded(dict(case.headers or {}))):
            return  # blanks around a text are taken off before it is judged: what is wrong with them may do without
        if mode is GenerationMode.POSITIVE:
            case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
        response = case.call(base_url=url, session=session, timeout=20)
        if response.status_code == 400 and response.headers["content-type"][0].startswith("text/plain"):
            return  # a line or a header longer than the server reads: it answers by itself
        if mode is GenerationMode.POSITIVE:
            assert response.status_code != 400, response.text[:500]
            case.validate_response(response, checks=TRUE)
        else:
            refused = response.status_code == 413  # too long to be read at all: schemathesis does not expect that
            case.validate_response(response, checks=TRUE if refused else (*TRUE, negative_data_rejection))

    check()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("one", operations(GenerationMode.POSITIVE), ids=lambda one: one.label)
async def test_what_the_document_allows_is_understood(open_api: tuple[Api, dict[str, str]], one: Any) -> None:
    api, known = open_api
    await asyncio.to_thread(ask, one, GenerationMode.POSITIVE, api.url, await api.key(), known)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("one", operations(GenerationMode.NEGATIVE), ids=lambda one: one.label)
async def test_what_the_document_forbids_is_refused(open_api: tuple[Api, dict[str, str]], one: Any) -> None:
    api, known = open_api
    await asyncio.to_thread(ask, one, GenerationMode.NEGATIVE, api.url, await api.key(), known)
