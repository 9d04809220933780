"""What browsers and proxies are told, on every kind of page, and what a body may not smuggle in."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.api import routes
from service.api.endpoints import Endpoint
from tests.service.api.conftest import Api, serve
from tests.service.api.test_access import address
from tests.service.api.test_app import head, raw
from tests.shop import Shop, settings_for

OPEN_PAGES = [one for one in routes.ENDPOINTS if one.method == "GET" and one.scopes is None and not one.streams]
WITH_BODY = [one for one in routes.ENDPOINTS if one.body is not None]

SMUGGLED = {
    "status": "ready",
    "tenant_id": "x",
    "id": "0",
    "expires_at": "2030-01-01T00:00:00Z",
    "price": 0,
    "is_admin": True,
}
"""What nobody has to say about themselves (and `price`, which an item has)."""


@pytest.fixture
async def secure(shop: Shop) -> AsyncIterator[Api]:
    """The API as it is behind TLS."""
    settings = settings_for(str(shop.settings.database_url)).model_copy(
        update={"public_url": type(shop.settings.public_url)("https://shop.example"), "public_rate_limit_per_second": 0}
    )
    async with serve(settings, shop.pool) as api:
        yield api


async def test_every_page_forbids_what_browsers_might_do_with_it(secure: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    token = (await shop.hold("tea", 1))["pickup_url"].rpartition("/")[2]
    paths = [address(one).replace("something", token) for one in OPEN_PAGES]
    files = [
        f"{path}/{next(one.name for one in folder.iterdir() if one.is_file())}"
        for path, folder in routes.STATIC.items()
    ]
    for path in (*paths, *files, "/v1/stores", "/nowhere", "/p/nobody"):
        for accept in ("text/html", "application/json"):
            told = await secure.get(path, key="", headers={"Accept": accept})
            assert told.headers["X-Content-Type-Options"] == "nosniff", path
            assert told.headers["Referrer-Policy"] in {"no-referrer", "same-origin"}, path
            assert told.headers["Cross-Origin-Opener-Policy"] == "same-origin", path
            assert told.headers["Cross-Origin-Resource-Policy"] == "same-origin", path
            assert told.headers["Strict-Transport-Security"].startswith("max-age="), path
            assert "microphone=()" in told.headers["Permissions-Policy"], path
            policy = told.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy, path
            assert "frame-ancestors 'none'" in policy or "frame-ancestors 'self'" in policy, path
            assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", ""), path  # what reads barcodes is WebAssembly
            assert "Set-Cookie" not in told.headers, path


async def test_without_tls_no_browser_is_told_to_insist_on_it(api: Api) -> None:
    assert "Strict-Transport-Security" not in (await api.get("/livez", key="")).headers


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda one: f"{one.method} {one.path}")
async def test_nothing_is_smuggled_in_beside_what_is_asked(api: Api, endpoint: Endpoint) -> None:
    assert endpoint.body
    foreign = {name: value for name, value in SMUGGLED.items() if name not in endpoint.body.model_fields}
    body: dict[str, Any] = {**(endpoint.example or {}), **foreign}
    told = await api.request(endpoint.method, address(endpoint), json=body)
    assert told.status == 422, told.text
    refused = {one["pointer"] for one in told.json["errors"] if one["code"] == "extra_forbidden"}
    assert refused == {f"/{name}" for name in foreign}


LENGTHS = {
    "a length and chunks": ("Content-Length: 4", "Transfer-Encoding: chunked"),
    "two lengths": ("Content-Length: 4", "Content-Length: 90"),
    "two lengths in one": ("Content-Length: 4, 90",),
    "a signed length": ("Content-Length: +4",),
    "a length with an underscore": ("Content-Length: 1_0",),
    "chunks that are not the last coding": ("Transfer-Encoding: chunked, identity",),
    "an unknown coding": ("Transfer-Encoding: xchunked",),
    "a blank before the colon": ("Content-Length : 4",),
    "a folded line": ("X-Folded: a", " Content-Length: 4"),
    "two hosts": ("Host: evil.example", "Content-Length: 4"),
}


@pytest.mark.parametrize("lines", LENGTHS.values(), ids=LENGTHS.keys())
async def test_no_request_hides_in_another(api: Api, lines: tuple[str, ...]) -> None:
    hidden = b"GET /v1/keys HTTP/1.1\r\nHost: shop\r\nX: "
    said = await raw(api, head(await api.key(), *lines) + b"0\r\n\r\n" + hidden, seconds=2)
    assert said.count(b"HTTP/1.1 ") <= 1, said
    assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")) or not said, said
