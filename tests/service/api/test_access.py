"""Every endpoint, tried by callers who may not: nobody, nonsense, the wrong scope, another store's key or device."""

import re
from uuid import uuid4

import pytest

from service import keys
from service.api import routes
from service.api.endpoints import OPERATIONS, Answer, Call, Endpoint
from service.callers import Scope
from service.models.health import Alive
from tests.service.api.conftest import Api, Told, serve
from tests.service.api.counters import Device, pair
from tests.shop import Shop, settings_for

CLOSED = [endpoint for endpoint in routes.ENDPOINTS if endpoint.scopes is not None]
OF_A_STORE = [endpoint for endpoint in CLOSED if "{store}" in endpoint.path]

every_closed = pytest.mark.parametrize("endpoint", CLOSED, ids=lambda one: f"{one.method} {one.path}")
every_stores = pytest.mark.parametrize("endpoint", OF_A_STORE, ids=lambda one: f"{one.method} {one.path}")


def address(endpoint: Endpoint, store: str = "lyon") -> str:
    """The path with something in each of its places."""
    path = endpoint.path.replace("{store}", store).replace("{id}", str(uuid4()))
    return re.sub(r"\{\w+\}", "something", path)


def words(told: Told) -> dict[str, object]:
    """A problem without what differs from request to request."""
    return {name: value for name, value in told.json.items() if name != "request_id"}


@every_closed
async def test_nobody_gets_in(api: Api, endpoint: Endpoint) -> None:
    told = await api.request(endpoint.method, address(endpoint), key="")
    assert (told.status, told.json["code"]) == (401, "unauthorized")
    assert told.headers["WWW-Authenticate"] == 'Bearer realm="comptoir"'


@every_closed
async def test_nonsense_gets_in_nowhere(api: Api, endpoint: Endpoint) -> None:
    unknown = keys.spell("A" * 12, "B" * 43)
    for key in ("nonsense", unknown, f"{unknown[:-1]}é"):
        told = await api.request(endpoint.method, address(endpoint), key=key)
        assert told.status == 401
        assert 'error="invalid_token"' in told.headers["WWW-Authenticate"]
        assert told.json["detail"] == "This key is not known here, or no longer."


@every_closed
async def test_the_wrong_scope_is_told_the_right_one(api: Api, endpoint: Endpoint) -> None:
    assert endpoint.scopes
    key = await api.key(*(scope for scope in Scope if scope not in endpoint.scopes))
    told = await api.request(endpoint.method, address(endpoint), key=key)
    assert (told.status, told.json["code"]) == (403, "forbidden")
    assert told.json["scopes"] == sorted(endpoint.scopes)
    assert all(scope in told.json["detail"] for scope in endpoint.scopes)


@every_stores
async def test_another_store_is_no_more_there_than_one_that_does_not_exist(
    api: Api, shop: Shop, endpoint: Endpoint
) -> None:
    await shop.store("lyon")
    await shop.store("lille")
    key = await api.key(stores=["lyon"])
    anothers = await api.request(endpoint.method, address(endpoint, "lille"), key=key)
    nobodys = await api.request(endpoint.method, address(endpoint, "atlantis"), key=key)
    assert (anothers.status, anothers.json["code"]) == (404, "unknown_store")
    assert words(anothers) == words(nobodys)


@pytest.fixture
async def device(api: Api, shop: Shop) -> Device:
    """A device in lyon, at which a clerk works."""
    await shop.store("lyon")
    await shop.store("lille")
    paired = await pair(api)
    await paired.enter(await paired.welcome())
    return paired


@every_closed
async def test_a_device_gets_no_further_than_its_counter(device: Device, endpoint: Endpoint) -> None:
    assert endpoint.scopes
    if Scope.COUNTER in endpoint.scopes:
        if "{store}" in endpoint.path:
            anothers = await device.ask(endpoint.method, address(endpoint, "lille"))
            nobodys = await device.ask(endpoint.method, address(endpoint, "atlantis"))
            assert (anothers.status, anothers.json["code"]) == (404, "unknown_store")
            assert words(anothers) == words(nobodys)
        return
    told = await device.ask(endpoint.method, address(endpoint))
    assert (told.status, told.json["code"]) == (403, "forbidden")


@every_closed
async def test_a_revoked_device_a_clerk_long_gone_and_another_site_get_in_nowhere(
    device: Device, shop: Shop, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    if endpoint.method not in {"GET", "HEAD"}:
        told = await device.ask(endpoint.method, address(endpoint), Origin="https://evil.example")
        assert told.status == 403
    if endpoint.clerk:
        await shop.pool.execute("update clerk_session set ended_at = now()")
        told = await device.ask(endpoint.method, address(endpoint))
        assert (told.status, told.json["reason"]) == (401, "clerk_session_over")
    await shop.pool.execute("update device set revoked_at = now()")
    monkeypatch.setattr(keys, "FRESH_SECONDS", -1)  # what is believed of it is older
    told = await device.ask(endpoint.method, address(endpoint))
    assert (told.status, told.json["code"], told.json.get("reason")) == (401, "unauthorized", None)


async def test_what_is_open_is_meant_to_be() -> None:
    opened = {endpoint.path for endpoint in routes.ENDPOINTS if endpoint.scopes is None and endpoint.tag != OPERATIONS}
    meant = ("/p/", "/s/", "/o/", "/callbacks/", "/v1/devices/claim", "/screen", "/inbox", "/board", "/pair", "/admin")
    assert [path for path in opened if not path.startswith(meant)] == []


async def test_two_keys_at_once_are_none(api: Api) -> None:
    key = await api.key()
    async with api.session.get(
        api.url + "/v1/keys", headers=[("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")]
    ) as told:
        assert told.status in {400, 401}


async def test_a_key_in_the_query_opens_nothing(api: Api) -> None:
    assert (await api.get(f"/v1/keys?key={await api.key()}", key="")).status == 401


async def _anything(_call: Call[None]) -> Answer:
    return Answer(Alive(status="alive"))


def _declared(path: str, scopes: frozenset[Scope] | None) -> Endpoint:
    return Endpoint(method="GET", path=path, handle=_anything, summary="", tag="Test", scopes=scopes)


async def test_a_route_without_a_scope_does_not_start(shop: Shop, database_url: str) -> None:
    with pytest.raises(RuntimeError, match="/v1/forgotten declares no scope"):
        async with serve(settings_for(database_url), shop.pool, (_declared("/v1/forgotten", frozenset()),)):
            pass


async def test_two_endpoints_at_one_address_do_not_start(shop: Shop, database_url: str) -> None:
    twice = (_declared("/v1/{one}", None), _declared("/v1/{other}", None))
    with pytest.raises(RuntimeError, match="declared twice"):
        async with serve(settings_for(database_url), shop.pool, twice):
            pass
