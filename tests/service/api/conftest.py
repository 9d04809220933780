"""The API as its callers meet it: a real server on a free port, keys, and answers held against what they promise."""

import asyncio
import functools
import json
import re
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import structlog
from aiohttp import web
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel
from structlog.testing import LogCapture

from service import keys
from service.api import canonical_log, routes
from service.api.app import build_app, runner
from service.api.endpoints import Endpoint, Retry
from service.api.problems import possible
from service.callers import Scope
from service.database import Pool, transaction
from service.settings import Settings
from tests.shop import settings_for


@functools.cache
def _schema(model: type[BaseModel]) -> Draft202012Validator:
    schema = model.model_json_schema(mode="serialization")
    return Draft202012Validator(schema, format_checker=FormatChecker())


@dataclass(frozen=True)
class Told:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.text)


class Api:
    """A caller: `await api.post("/v1/…", {…})`. Without `key` it has every scope and store; `key=""` is nobody."""

    def __init__(self, url: str, pool: Pool, endpoints: tuple[Endpoint, ...], session: aiohttp.ClientSession) -> None:
        self.url = url
        self.pool = pool
        self.endpoints = endpoints
        self.session = session
        self._key: str | None = None
        self._one_at_a_time = asyncio.Lock()

    async def key(self, *scopes: Scope | str, stores: list[str] | None = None) -> str:
        """Make a key with these scopes, or with all of them; bound to stores that exist, or to none."""
        async with transaction(self.pool) as db:
            _, text = await keys.create(db, "test", [Scope(scope) for scope in scopes] or list(Scope), stores=stores)
        return text

    async def get(self, path: str, **options: Any) -> Told:
        """GET."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> Told:
        """POST; with an Idempotency-Key of its own where one is taken, unless `once` names it ("" for none)."""
        return await self.request("POST", path, json=json, **options)

    async def put(self, path: str, json: Any = None, **options: Any) -> Told:
        """PUT."""
        return await self.request("PUT", path, json=json, **options)

    async def patch(self, path: str, json: Any = None, **options: Any) -> Told:
        """PATCH."""
        return await self.request("PATCH", path, json=json, **options)

    async def delete(self, path: str, **options: Any) -> Told:
        """DELETE."""
        return await self.request("DELETE", path, **options)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Any = None,
        key: str | None = None,
        once: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Told:
        """Ask, and hold the answer against what its endpoint declares."""
        if key is None:
            async with self._one_at_a_time:
                key = self._key = self._key or await self.key()
        endpoint = self.endpoint(method, path)
        sent = {"Authorization": f"Bearer {key}"} if key else {}
        if once is None and endpoint is not None and endpoint.retry is not Retry.NATURAL:
            once = str(uuid4())
        if once:
            sent["Idempotency-Key"] = once
        async with self.session.request(
            method, self.url + path, json=json, data=data, headers={**sent, **(headers or {})}, allow_redirects=False
        ) as response:
            told = Told(response.status, response.headers, await response.text())
        if endpoint is not None:
            self.check(endpoint, told)
        return told

    def endpoint(self, method: str, path: str) -> Endpoint | None:
        """Which endpoint this asks; one without variable parts comes first."""
        bare = path.partition("?")[0]
        for endpoint in sorted(self.endpoints, key=lambda endpoint: endpoint.path.count("{")):
            if endpoint.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", endpoint.path), bare):
                return endpoint
        return None

    @staticmethod
    def check(endpoint: Endpoint, told: Told) -> None:
        """Fail where an answer is not as its endpoint declares: status, media type, model, version, problem."""
        where = f"{endpoint.method} {endpoint.path} → {told.status} {told.text[:500]}"
        media = told.headers.get("Content-Type", "").split(";")[0]
        if media == "application/problem+json":
            assert told.json["status"] == told.status, where
            assert told.json["code"] in [problem.code() for problem in possible(endpoint)], f"undeclared: {where}"
            return
        if media == "text/html":
            return  # a page for people, also where it says that there is nothing
        assert told.status in endpoint.answers, where
        model = endpoint.answers[told.status]
        if told.status in {204, 303, 304}:
            return
        assert media in {endpoint.media, *endpoint.also}, where
        if model is not None:
            faults = [f"{fault.json_path}: {fault.message}" for fault in _schema(model).iter_errors(told.json)]
            assert not faults, f"{faults} in {where}"
            if "version" in model.model_fields:
                assert told.headers["ETag"] == f'"{told.json["version"]}"', where


@asynccontextmanager
async def serve(
    settings: Settings, pool: Pool, endpoints: tuple[Endpoint, ...] = routes.ENDPOINTS
) -> AsyncIterator[Api]:
    """The API on a free port, with settings and endpoints of your own."""
    server = runner(build_app(settings, pool, endpoints))
    await server.setup()
    try:
        await web.TCPSite(server, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Api(f"http://127.0.0.1:{server.addresses[0][1]}", pool, endpoints, session)
    finally:
        await server.cleanup()


@pytest.fixture
async def api(pool: Pool, database_url: str) -> AsyncIterator[Api]:
    """The API over an empty database; `shop` beside it fills the same one."""
    async with serve(settings_for(database_url), pool) as api:
        yield api


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[MutableMapping[str, Any]]:
    """The lines that requests write, however logging is set up."""
    capture = LogCapture()
    processors: list[Any] = [structlog.contextvars.merge_contextvars, capture]
    monkeypatch.setattr(canonical_log, "log", structlog.wrap_logger(None, processors=processors))
    return capture.entries
