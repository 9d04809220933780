"""Keys over HTTP."""

from service.callers import Scope
from tests.service.api.conftest import Api
from tests.shop import Shop

ASKED = {"name": "web shop", "scopes": ["checkout"]}


async def test_a_new_key_works_at_once(api: Api) -> None:
    made = await api.post("/v1/keys", ASKED)
    assert made.status == 201
    assert (await api.get("/v1/stores", key=made.json["key"])).status == 200
    assert (await api.get("/v1/keys", key=made.json["key"])).status == 403


async def test_a_key_is_shown_once(api: Api) -> None:
    first = await api.post("/v1/keys", ASKED, once="monday")
    again = await api.post("/v1/keys", ASKED, once="monday")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == {**first.json, "key": None}
    kept = await api.pool.fetchval("select string_agg(body, '') from idempotency")
    assert first.json["key"].split("_")[2] not in kept
    listed = await api.get("/v1/keys")
    assert first.json["key"].split("_")[2] not in listed.text


async def test_a_revoked_key_is_listed_with_its_moment(api: Api) -> None:
    made = await api.post("/v1/keys", ASKED)
    revoked = await api.delete(f"/v1/keys/{made.json['id']}")
    assert revoked.json["revoked_at"]
    [found] = [key for key in (await api.get("/v1/keys")).json["items"] if key["id"] == made.json["id"]]
    assert found == revoked.json
    assert (await api.delete("/v1/keys/nonesuch")).json["code"] == "unknown_key"


async def test_an_admin_of_one_store_makes_keys_of_that_store_only(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    await shop.store("lille")
    admin = await api.key(Scope.ADMIN, stores=["lyon"])
    assert (await api.post("/v1/keys", {**ASKED, "stores": ["lyon"]}, key=admin)).status == 201
    for beyond in (None, ["lille"], ["lille", "lyon"]):
        assert (await api.post("/v1/keys", {**ASKED, "stores": beyond}, key=admin)).json["code"] == "forbidden"


async def test_scopes_in_another_order_are_the_same_request(api: Api) -> None:
    await api.post("/v1/keys", {"name": "till", "scopes": ["counter", "checkout"]}, once="x")
    again = await api.post("/v1/keys", {"name": "till", "scopes": ["checkout", "counter", "counter"]}, once="x")
    assert again.headers["Idempotency-Replayed"] == "true"
