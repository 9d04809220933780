"""The OpenAPI 3.1 document, drawn from the endpoints."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service import errors
from service.api import problems
from service.api.access import DEVICE_COOKIE
from service.api.endpoints import OPERATIONS, Endpoint, Retry
from service.api.reading import LONGEST_KEY, LONGEST_PART
from service.callers import Scope
from service.errors import Problem
from service.models.fields import Sku, StoreId

VERSION = "1"

INTRODUCTION = """\
Click-and-collect reservations. Times are RFC 3339 in UTC, money is in minor units with an ISO 4217 code, phones are
E.164.

**Keys.** Send `Authorization: Bearer ck_…`. A key has scopes, and may be bound to stores: another store is a 404. A
device that was paired with a store has the scope `counter` there; its browser sends a cookie in place of a key.

**Repeats.** Where `Idempotency-Key` is taken, the same key with the same body is answered with the first answer, byte
for byte, and `Idempotency-Replayed: true`; answers are kept for at least seven days. Steps of a reservation are safe to
repeat without one: `applied` says whether this call took the step.

**Versions.** Each resource has a `version`, which is its `ETag`; `If-Match` makes a change depend on it.

**Refusals** are `application/problem+json` (RFC 9457); `code` is for programs, `detail` for people.
"""

Schema = dict[str, Any]
_Models = Mapping[tuple[Any, JsonSchemaMode], Schema]

_COMPONENTS = "#/components/schemas/{model}"
_PART = re.compile(r"\{(\w+)\}")
_PARTS: dict[str, Schema] = {
    "store": TypeAdapter(StoreId).json_schema(),
    "sku": TypeAdapter(Sku).json_schema(),
    "id": TypeAdapter(UUID).json_schema(),
}
_SCHEMES: Schema = {
    "key": {"type": "http", "scheme": "bearer", "bearerFormat": "ck_… of a key, or cd_… of a device"},
    "device": {
        "type": "apiKey",
        "in": "cookie",
        "name": DEVICE_COOKIE,
        "description": "what a browser got when it was paired; changes need an `Origin` of ours beside it",
    },
}
_ANY_PART: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_PART}


class Document:
    """The document of one application, drawn when somebody first asks."""

    def __init__(self, endpoints: tuple[Endpoint, ...]) -> None:
        self._endpoints = endpoints

    @cached_property
    def text(self) -> str:
        """The same endpoints, the same text."""
        return spell(self._endpoints)


DOCUMENT: web.AppKey[Document] = web.AppKey("document", Document)


def spell(endpoints: Iterable[Endpoint]) -> str:
    """The document as text."""
    return json.dumps(draw(endpoints), indent=1, ensure_ascii=False) + "\n"


def draw(endpoints: Iterable[Endpoint]) -> Schema:
    """Draw the document."""
    drawn = [endpoint for endpoint in endpoints if endpoint.tag != OPERATIONS and not endpoint.page]
    models, schemas = _schemas(drawn)
    paths: dict[str, Schema] = {}
    single: set[type[Problem]] = set()
    for endpoint in drawn:
        operation = _operation(endpoint, models, schemas, single)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    for endpoint in drawn:
        if endpoint.query is not None:
            schemas.pop(_name(models[endpoint.query, "validation"]), None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Comptoir",
            "version": VERSION,
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(endpoint.tag for endpoint in drawn)],
        "paths": paths,
        "components": {
            "securitySchemes": _SCHEMES,
            "schemas": {"Problem": problems.SCHEMA, **dict(sorted(schemas.items()))},
            "responses": {
                problem.__name__: _refusal([problem]) for problem in sorted(single, key=lambda one: one.__name__)
            },
        },
    }


def _schemas(endpoints: list[Endpoint]) -> tuple[_Models, dict[str, Schema]]:
    asked = [model for endpoint in endpoints for model in (endpoint.body, endpoint.query) if model]
    told = [model for endpoint in endpoints for model in endpoint.answers.values() if model]
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in dict.fromkeys(asked)),
        *((model, "serialization") for model in dict.fromkeys(told)),
    ]
    models, definitions = models_json_schema(wanted, ref_template=_COMPONENTS)
    return models, definitions.get("$defs", {})


def _name(reference: Schema) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[-1]


def _operation(endpoint: Endpoint, models: _Models, schemas: dict[str, Schema], single: set[type[Problem]]) -> Schema:
    words = [endpoint.method.lower(), *re.findall(r"\w+", endpoint.path.removeprefix("/v1"))]
    operation: Schema = {
        "operationId": "_".join(words),
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "security": _security(endpoint),
    }
    if endpoint.description:
        operation["description"] = endpoint.description
    if parameters := [*_parts(endpoint), *_query(endpoint, models, schemas), *_headers(endpoint)]:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        content: Schema = {"schema": models[endpoint.body, "validation"]}
        if endpoint.example is not None:
            content["example"] = endpoint.example
        operation["requestBody"] = {
            "required": not endpoint.body_optional,
            "content": {"application/json": content},
        }
    elif endpoint.takes:
        operation["requestBody"] = {
            "required": True,
            "content": {media: {} for media in endpoint.takes},
        }
    operation["responses"] = {**_successes(endpoint, models), **_refusals(endpoint, single)}
    return operation


def _security(endpoint: Endpoint) -> list[Schema]:
    """Who may: a key with any of the scopes, or a browser that is a store's device, which has the scope `counter`."""
    keys: list[Schema] = [{"key": [scope]} for scope in sorted(endpoint.scopes or ())]
    return [*keys, {"device": []}] if Scope.COUNTER in (endpoint.scopes or ()) else keys


def _parts(endpoint: Endpoint) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _PARTS.get(name, _ANY_PART)}
        for name in _PART.findall(endpoint.path)
    ]


def _query(endpoint: Endpoint, models: _Models, schemas: dict[str, Schema]) -> list[Schema]:
    if endpoint.query is None:
        return []
    model = schemas[_name(models[endpoint.query, "validation"])]
    return [
        {"name": name, "in": "query", "required": name in model.get("required", []), "schema": _without_null(schema)}
        for name, schema in model.get("properties", {}).items()
    ]


def _without_null(schema: Schema) -> Schema:
    """A parameter is there or it isn't; null has no spelling in a query."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    plain = {name: value for name, value in schema.items() if name != "default" or value is not None}
    if len(kinds) != 1:
        return plain
    plain.pop("anyOf")
    return {**kinds[0], **plain}


def _headers(endpoint: Endpoint) -> list[Schema]:
    headers = []
    if endpoint.retry is not Retry.NATURAL:
        key = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"}
        required = endpoint.retry is Retry.REQUIRED
        headers.append({"name": "Idempotency-Key", "in": "header", "required": required, "schema": key})
    if errors.VersionMismatch in endpoint.problems:
        tag = {"type": "string", "pattern": '^(\\*|(W/)?"?[0-9]{1,9}"?)$', "examples": ['"3"']}
        headers.append({"name": "If-Match", "in": "header", "required": False, "schema": tag})
    return headers


def _successes(endpoint: Endpoint, models: _Models) -> Schema:
    told: Schema = {}
    for status, model in sorted(endpoint.answers.items()):
        headers: Schema = {}
        empty = status == HTTPStatus.NO_CONTENT or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
        if model is not None and "version" in model.model_fields:
            headers["ETag"] = {"schema": {"type": "string"}, "description": "the version"}
        if endpoint.retry is not Retry.NATURAL:
            headers["Idempotency-Replayed"] = {"schema": {"const": "true"}, "description": "the first answer again"}
        if empty and status != HTTPStatus.NO_CONTENT:
            headers["Location"] = {"schema": {"type": "string", "format": "uri-reference"}}
        schema = models[model, "serialization"] if model is not None else {}
        told[str(status)] = {
            "description": (model.__doc__ or "").strip().splitlines()[0] if model is not None else endpoint.summary,
            **({"headers": headers} if headers else {}),
            **({} if empty else {"content": {media: {"schema": schema} for media in (endpoint.media, *endpoint.also)}}),
        }
    return told


def _refusals(endpoint: Endpoint, single: set[type[Problem]]) -> Schema:
    told: Schema = {}
    by_status: dict[int, list[type[Problem]]] = {}
    for problem in problems.possible(endpoint):
        by_status.setdefault(problem.status.value, []).append(problem)
    for status, kinds in by_status.items():
        if len(kinds) == 1:
            single.add(kinds[0])
            told[str(status)] = {"$ref": f"#/components/responses/{kinds[0].__name__}"}
        else:
            told[str(status)] = _refusal(kinds)
    return told


def _refusal(kinds: list[type[Problem]]) -> Schema:
    codes = {"properties": {"code": {"enum": [kind.code() for kind in kinds]}}}
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, codes]}
    return {
        "description": "\n".join(f"- `{kind.code()}`: {kind.title()}" for kind in kinds),
        "content": {problems.MEDIA: {"schema": schema}},
    }
