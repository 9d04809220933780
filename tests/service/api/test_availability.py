"""Availability over HTTP."""

from tests.service.api.conftest import Api
from tests.shop import Shop

BASKET = {"lines": [{"sku": "tea", "quantity": 2}]}


async def test_a_basket_is_looked_for_in_every_store_of_the_key(api: Api, shop: Shop) -> None:
    await shop.store("lyon", latitude=45.7617, longitude=4.8357, slots={"minutes": 30, "capacity": 3})
    await shop.store("lille", latitude=50.6404, longitude=3.0632)
    await shop.stock("tea", 2)
    told = await api.post("/v1/availability", BASKET | {"near": {"latitude": 50.6, "longitude": 3.0}})
    assert told.status == 200
    lille, lyon = told.json["items"]
    assert (lille["store"], lille["complete"], lille["slots"]) == ("lille", False, [])
    assert (lyon["store"], lyon["complete"], lyon["lines"]) == (
        "lyon",
        True,
        [{"sku": "tea", "asked": 2, "available": 2}],
    )
    assert lille["distance_km"] < lyon["distance_km"]
    assert lyon["ready_by"] < lyon["slots"][0]["starts_at"]
    bound = await api.key("checkout", stores=["lyon"])
    mine = (await api.post("/v1/availability", BASKET, key=bound)).json["items"]
    assert [store["store"] for store in mine] == ["lyon"]
    hidden = await api.post("/v1/availability", BASKET | {"stores": ["lille"]}, key=bound)
    assert (hidden.status, hidden.json["code"], hidden.json["stores"]) == (404, "unknown_store", ["lille"])


async def test_skus_that_are_none_are_named_in_the_refusal(api: Api, shop: Shop) -> None:
    await shop.item("tea")
    told = await api.post("/v1/availability", {"lines": [{"sku": sku, "quantity": 1} for sku in ("moon", "tea")]})
    assert (told.status, told.json["code"], told.json["skus"]) == (422, "unknown_sku", ["moon"])


async def test_availability_is_for_checkouts_and_counters(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 2)
    for scope, status in (("checkout", 200), ("counter", 200), ("stock", 403)):
        assert (await api.post("/v1/availability", BASKET, key=await api.key(scope))).status == status
