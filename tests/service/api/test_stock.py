"""Stock over HTTP: counted, told, listed, explained, and refused in words."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from service.api import stock
from service.callers import Scope
from service.database import Pool
from tests.service.api.conftest import Api, serve
from tests.shop import Shop, settings_for

TEA = "/v1/stores/lyon/stock/tea"
MOVEMENTS = "/v1/stores/lyon/stock/movements"


def ago(**time: float) -> str:
    """A moment in the past."""
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


def sale(**fields: object) -> dict[str, object]:
    """A till sold one."""
    return {"sku": "tea", "delta": -1, "reason": "sale", "reference": str(uuid4()), **fields}


@pytest.fixture
async def api(pool: Pool, database_url: str, shop: Shop) -> AsyncIterator[Api]:
    """The stock's addresses, for a store that sells tea."""
    await shop.store()
    await shop.item("tea")
    async with serve(settings_for(database_url), pool, stock.ENDPOINTS) as api:
        yield api


async def test_a_count_answers_the_position_with_its_version(api: Api) -> None:
    body = {"on_hand": 5, "safety_stock": 1, "as_of": ago(minutes=1)}
    told = await api.put(TEA, body)
    assert told.status == 200
    position = told.json
    assert position["as_of"].endswith("Z")
    assert {name: position[name] for name in ("store", "sku", "on_hand", "reserved", "safety_stock", "available")} == {
        "store": "lyon", "sku": "tea", "on_hand": 5, "reserved": 0, "safety_stock": 1, "available": 4,
    }  # fmt: skip
    again = await api.put(TEA, body)
    assert (again.text, again.headers["ETag"]) == (told.text, told.headers["ETag"])


async def test_a_count_of_a_version_that_is_gone_is_refused(api: Api) -> None:
    told = await api.put(TEA, {"on_hand": 5, "as_of": ago(minutes=2)})
    stale = {"If-Match": told.headers["ETag"]}
    assert (await api.put(TEA, {"on_hand": 6, "as_of": ago(minutes=1)}, headers=stale)).status == 200
    refused = await api.put(TEA, {"on_hand": 7, "as_of": ago(seconds=1)}, headers=stale)
    assert (refused.status, refused.json["code"]) == (412, "version_mismatch")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (TEA, {"on_hand": 5, "as_of": "2099-01-01T00:00:00Z"}, 422, "invalid_request"),
        (TEA, {"on_hand": 5, "as_of": "2026-11-01T00:00:00"}, 422, "invalid_request"),
        (TEA, {"on_hand": 5, "as_of": "0001-01-01T00:00:00+14:00"}, 422, "invalid_request"),
        (TEA, {"on_hand": -1, "as_of": "2026-11-01T00:00:00Z"}, 422, "invalid_request"),
        (TEA, {"on_hand": "5", "as_of": "2026-11-01T00:00:00Z"}, 422, "invalid_request"),
        (TEA, {"on_hand": 5}, 422, "invalid_request"),
        ("/v1/stores/lyon/stock/coffee", {"on_hand": 5, "as_of": "2026-11-01T00:00:00Z"}, 404, "unknown_item"),
        ("/v1/stores/nowhere/stock/tea", {"on_hand": 5, "as_of": "2026-11-01T00:00:00Z"}, 404, "unknown_store"),
    ],
)
async def test_a_count_that_can_t_be_is_refused(
    api: Api, path: str, body: dict[str, object], status: int, code: str
) -> None:
    told = await api.put(path, body)
    assert (told.status, told.json["code"]) == (status, code)


async def test_movements_are_recorded_once_for_their_key_and_once_for_their_reference(api: Api) -> None:
    body = {"movements": [sale(), sale(delta=5, reason="delivery")]}
    first = await api.post(MOVEMENTS, body, once="k")
    assert [one["recorded"] for one in first.json["movements"]] == [True, True]
    assert [position["on_hand"] for position in first.json["positions"]] == [4]
    replay = await api.post(MOVEMENTS, body, once="k")
    assert (replay.text, replay.headers["Idempotency-Replayed"]) == (first.text, "true")
    again = await api.post(MOVEMENTS, body)
    assert [one["recorded"] for one in again.json["movements"]] == [False, False]
    assert [position["on_hand"] for position in again.json["positions"]] == [4]


async def test_movements_without_a_key_are_refused(api: Api) -> None:
    told = await api.post(MOVEMENTS, {"movements": [sale()]}, once="")
    assert (told.status, told.json["code"]) == (400, "idempotency_key_missing")


async def test_movements_are_recorded_all_or_none(api: Api) -> None:
    told = await api.post(MOVEMENTS, {"movements": [sale(), sale(sku="b"), sale(sku="a")]})
    assert (told.status, told.json["code"], told.json["skus"]) == (422, "unknown_sku", ["a", "b"])
    known = sale(reference="till-1")
    await api.post(MOVEMENTS, {"movements": [known]})
    told = await api.post(MOVEMENTS, {"movements": [sale(), known | {"delta": -2}]}, once="k")
    assert (told.status, told.json["code"]) == (409, "movement_already_recorded")
    assert told.json["movements"] == [{"sku": "tea", "reference": "till-1"}]
    replay = await api.post(MOVEMENTS, {"movements": [sale(), known | {"delta": -2}]}, once="k")
    assert replay.status == 422, "other references: another request"
    assert (await api.get(TEA)).json["on_hand"] == -1


async def test_one_name_for_two_movements_is_refused(api: Api) -> None:
    told = await api.post(MOVEMENTS, {"movements": [sale(reference="t"), sale(reference="t")]})
    assert told.status == 422
    assert "sum them" in told.json["detail"]


async def test_a_position_tells_whom_its_shortfall_endangers(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 2)
    held = await shop.hold("tea", 2)
    assert (await api.get(TEA)).json["endangered"] == []
    await api.post(MOVEMENTS, {"movements": [sale()]})
    told = (await api.get(TEA)).json
    assert told["shortfall"] == 1
    assert told["endangered"] == [
        {"id": held["id"], "order_ref": held["order_ref"], "state": "held", "units": 1}
    ]  # fmt: skip


async def test_positions_are_listed_in_pages(api: Api, shop: Shop) -> None:
    for sku, units in {"a": 5, "b": 0, "c": 1}.items():
        await shop.stock(sku, units)
    first = (await api.get("/v1/stores/lyon/stock?limit=2")).json
    assert [one["sku"] for one in first["items"]] == ["a", "b"]
    rest = (await api.get(f"/v1/stores/lyon/stock?limit=2&cursor={first['next_cursor']}")).json
    assert ([one["sku"] for one in rest["items"]], rest["next_cursor"]) == (["c"], None)
    assert [one["sku"] for one in (await api.get("/v1/stores/lyon/stock?below=2")).json["items"]] == ["b", "c"]
    assert [one["sku"] for one in (await api.get("/v1/stores/lyon/stock?sku=a")).json["items"]] == ["a"]
    assert (await api.get("/v1/stores/nowhere/stock")).json["code"] == "unknown_store"
    assert (await api.get("/v1/stores/lyon/stock?below=-1")).status == 422


async def test_why_there_are_so_many_is_told_by_reason_and_line_by_line(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.collected("tea", 1)
    await api.post(MOVEMENTS, {"movements": [sale()]})
    told = (await api.get(f"{TEA}/movements?limit=3")).json
    assert {reason["reason"]: reason["on_hand"] for reason in told["reasons"]} == {
        "count": 5, "hold": 0, "collect": -1, "sale": -1,
    }  # fmt: skip
    assert sum(reason["on_hand"] for reason in told["reasons"]) == told["position"]["on_hand"] == 3
    rest = (await api.get(f"{TEA}/movements?cursor={told['next_cursor']}")).json
    assert [line["reason"] for line in told["items"] + rest["items"]] == ["sale", "collect", "hold", "count"]
    assert (await api.get("/v1/stores/lyon/stock/coffee/movements")).json["code"] == "unknown_item"


async def test_a_sku_may_hold_a_slash_or_a_blank(api: Api, shop: Shop) -> None:
    await shop.item("te/a 1")
    told = await api.put("/v1/stores/lyon/stock/te%2Fa%201", {"on_hand": 5, "as_of": ago(minutes=1)})
    assert told.json["sku"] == "te/a 1"


async def test_a_key_without_the_scope_or_for_another_store_sees_nothing(api: Api, shop: Shop) -> None:
    await shop.store("paris")
    checkout, paris = await api.key(Scope.CHECKOUT), await api.key(Scope.STOCK, stores=["paris"])
    assert (await api.get(TEA, key=checkout)).status == 403
    assert (await api.get(TEA, key=paris)).json["code"] == "unknown_store"
    assert (await api.post(MOVEMENTS, {"movements": [sale()]}, key=paris)).json["code"] == "unknown_store"
