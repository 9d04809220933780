"""Items over HTTP."""

from typing import Any

from tests.service.api.conftest import Api, Told
from tests.shop import Shop

TEA = {"name": "Tea", "gtin": "3017620422003", "price": 1290, "currency": "EUR", "shelf": {"lyon": "B-12"}}


async def test_an_item_is_made_then_replaced_then_read(api: Api) -> None:
    made = await api.put("/v1/items/tea", TEA)
    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    assert {name: made.json[name] for name in TEA} == TEA
    replaced = await api.put("/v1/items/tea", {"name": "Tea"})
    assert (replaced.status, replaced.headers["ETag"], replaced.json["gtin"]) == (200, '"2"', None)
    read = await api.get("/v1/items/tea")
    assert (read.status, read.headers["ETag"], read.json) == (200, '"2"', replaced.json)


async def test_an_item_changed_meanwhile_is_not_overwritten(api: Api) -> None:
    await api.put("/v1/items/tea", TEA)
    assert (await api.put("/v1/items/tea", TEA, headers={"If-Match": '"1"'})).status == 200
    late = await api.put("/v1/items/tea", TEA, headers={"If-Match": '"1"'})
    assert (late.status, late.json["code"]) == (412, "version_mismatch")
    never = await api.put("/v1/items/cup", TEA, headers={"If-Match": '"1"'})
    assert (never.status, (await api.get("/v1/items/cup")).status) == (412, 404)


async def test_an_item_that_is_none_is_not_found(api: Api) -> None:
    told = await api.get("/v1/items/moon")
    assert (told.status, told.json["code"]) == (404, "unknown_item")


async def test_a_sku_may_hold_what_an_address_must_escape(api: Api) -> None:
    for sku in ("a%2Fb", "50%25", "a%20b", "%7Bsku%7D", "a%3Fb%23c"):
        assert (await api.put(f"/v1/items/{sku}", TEA)).status == 201, sku
    rows = await api.pool.fetch("select sku from item order by sku")
    assert [row["sku"] for row in rows] == ["50%", "a b", "a/b", "a?b#c", "{sku}"]
    assert (await api.get("/v1/items/a%2Fb")).json["sku"] == "a/b"


async def test_a_sku_that_cannot_be_printed_is_refused(api: Api) -> None:
    for sku in ("th%C3%A9", "%20tea", "a%0Ab", "x" * 65):
        told = await api.put(f"/v1/items/{sku}", TEA)
        assert (told.status, told.json["errors"][0]["parameter"]) == (422, "sku"), sku


async def test_only_the_scope_stock_changes_an_item(api: Api) -> None:
    assert (await api.put("/v1/items/tea", TEA, key=await api.key("checkout", "counter", "stores"))).status == 403
    assert (await api.put("/v1/items/tea", TEA, key=await api.key("stock"))).status == 201
    for scope in ("checkout", "counter", "stock"):
        assert (await api.get("/v1/items/tea", key=await api.key(scope))).status == 200


async def test_a_gtin_with_a_wrong_check_digit_is_refused(api: Api) -> None:
    told = await api.put("/v1/items/tea", TEA | {"gtin": "3017620422004"})
    assert (told.status, told.json["errors"][0]["pointer"]) == (422, "/gtin")


async def test_a_key_of_some_stores_makes_what_is_missing_and_changes_nothing_that_others_share(
    api: Api, shop: Shop
) -> None:
    for store in ("lyon", "lille"):
        await shop.store(store)
    bound = await api.key("stock", stores=["lyon"])

    async def put(sku: str, **fields: Any) -> Told:
        return await api.put(f"/v1/items/{sku}", TEA | fields, key=bound)

    assert (await put("tea")).status == 201
    assert (await put("tea", shelf={"lyon": "C-1"})).status == 200, "where it lies in their own store"
    assert (await put("tea", shelf={"lyon": "C-1"})).status == 200, "and the same again"
    for fields, named in (
        ({"price": 1, "name": "Mine"}, ["name", "price"]),
        ({"gtin": None}, ["gtin"]),
        ({"shelf": {"lyon": "C-1", "lille": "A-1"}}, ["shelf"]),
    ):
        told = await put("tea", **{"shelf": {"lyon": "C-2"}, **fields})
        assert (told.status, told.json["code"], told.json["fields"]) == (403, "forbidden", named)
    assert (await put("cup", shelf={"lille": "A-1"})).json["fields"] == ["shelf"]
    assert (await api.get("/v1/items/cup")).status == 404
    await api.put("/v1/items/tea", TEA | {"shelf": {"lille": "A-1"}})
    assert (await put("tea", shelf=None)).json["fields"] == ["shelf"], "nor does it take away what others said"
    assert (await put("tea", shelf={"lille": "A-1", "lyon": "D-4"})).status == 200
    item = (await api.get("/v1/items/tea")).json
    assert {name: item[name] for name in TEA} == TEA | {"shelf": {"lille": "A-1", "lyon": "D-4"}}


async def test_who_changed_an_item_is_written_down_with_what(api: Api) -> None:
    key = await api.key("stock")
    for body in (TEA, TEA, TEA | {"price": 1390}):
        await api.put("/v1/items/tea", body, key=key)
    rows = await api.pool.fetch(
        "select actor, action, subject, facts from audit where action like 'item.%' order by seq"
    )
    assert [(row["action"], row["subject"], row["facts"]) for row in rows] == [
        ("item.made", "tea", {"fields": sorted(TEA)}),
        ("item.changed", "tea", {"fields": ["price"]}),
    ], "and the same once more changes nothing"
    assert {row["actor"] for row in rows} == {f"key:{key.split('_')[1]}"}
