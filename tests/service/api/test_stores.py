"""Stores over HTTP."""

from tests.service.api.conftest import Api
from tests.shop import Shop

LYON = {
    "name": "Atelier Lyon",
    "time_zone": "Europe/Paris",
    "latitude": 45.7617,
    "longitude": 4.8357,
    "opening_hours": [{"days": ["mo", "sa"], "opens": "09:30", "closes": "00:00"}],
    "slots": {"minutes": 30, "capacity": 10},
}


async def test_a_store_is_made_then_replaced_then_read(api: Api) -> None:
    made = await api.put("/v1/stores/lyon", LYON)
    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    assert {name: made.json[name] for name in LYON} == LYON
    assert made.json["hold_seconds"] == 900
    replaced = await api.put("/v1/stores/lyon", {"name": "Lyon", "time_zone": "Europe/Paris"})
    assert (replaced.status, replaced.headers["ETag"], replaced.json["opening_hours"]) == (200, '"2"', [])
    read = await api.get("/v1/stores/lyon")
    assert (read.status, read.headers["ETag"], read.json) == (200, '"2"', replaced.json)


async def test_a_store_changed_meanwhile_is_not_overwritten(api: Api) -> None:
    await api.put("/v1/stores/lyon", LYON)
    kept = await api.put("/v1/stores/lyon", LYON, headers={"If-Match": '"1"'})
    late = await api.put("/v1/stores/lyon", LYON, headers={"If-Match": '"1"'})
    assert (kept.status, late.status, late.json["code"]) == (200, 412, "version_mismatch")


async def test_a_store_s_faults_are_told_by_pointer(api: Api) -> None:
    told = await api.put("/v1/stores/lyon", LYON | {"time_zone": "Lyon", "slots": {"minutes": 30, "capacity": 0}})
    assert (told.status, told.json["code"]) == (422, "invalid_request")
    assert [fault["pointer"] for fault in told.json["errors"]] == ["/time_zone", "/slots/capacity"]


async def test_a_store_needs_an_id_that_fits_an_address(api: Api) -> None:
    for id in ("-lyon", "a%20b", "%C3%A9t%C3%A9", "x" * 65):
        told = await api.put(f"/v1/stores/{id}", LYON)
        assert (told.status, told.json["errors"][0]["parameter"]) == (422, "store")


async def test_only_the_scope_stores_changes_a_store(api: Api) -> None:
    told = await api.put("/v1/stores/lyon", LYON, key=await api.key("checkout", "counter", "stock", "admin"))
    assert (told.status, told.json["code"], told.json["scopes"]) == (403, "forbidden", ["stores"])
    assert (await api.put("/v1/stores/lyon", LYON, key=await api.key("stores"))).status == 201
    for scope in ("checkout", "counter", "stores"):
        for path in ("/v1/stores", "/v1/stores/lyon", "/v1/stores/lyon/slots"):
            assert (await api.get(path, key=await api.key(scope))).status == 200
    assert (await api.get("/v1/stores", key=await api.key("reports"))).status == 403


async def test_a_key_sees_its_own_stores_only(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    await shop.store("lille")
    key = await api.key("checkout", "stores", stores=["lyon"])
    assert [store["id"] for store in (await api.get("/v1/stores", key=key)).json["items"]] == ["lyon"]
    other = await api.get("/v1/stores/lille", key=key)
    none = await api.get("/v1/stores/atlantis", key=await api.key())
    assert {name: other.json[name] for name in ("status", "code", "title", "detail")} == {
        name: none.json[name] for name in ("status", "code", "title", "detail")
    }
    assert (other.status, other.json["code"]) == (404, "unknown_store")
    assert (await api.put("/v1/stores/lille", LYON, key=key)).status == 404
    assert (await api.get("/v1/stores/lille/slots", key=key)).status == 404


async def test_stores_are_listed_nearest_first_in_pages(api: Api) -> None:
    await api.put("/v1/stores/lyon", LYON)
    await api.put("/v1/stores/paris", LYON | {"latitude": 48.8571, "longitude": 2.3609})
    await api.put("/v1/stores/gone", LYON | {"active": False})
    first = (await api.get("/v1/stores?near=48.85,2.35&limit=1")).json
    assert [(store["id"], store["distance_km"] < 2) for store in first["items"]] == [("paris", True)]
    second = (await api.get(f"/v1/stores?near=48.85,2.35&limit=1&cursor={first['next_cursor']}")).json
    assert ([store["id"] for store in second["items"]], second["next_cursor"]) == (["lyon"], None)
    within = (await api.get("/v1/stores?near=48.85,2.35&radius_km=10&open_at=2026-11-23T12:00:00Z")).json
    assert [store["id"] for store in within["items"]] == ["paris"]
    assert (await api.get("/v1/stores?open_at=2026-11-24T12:00:00Z")).json["items"] == []


async def test_a_question_about_stores_is_checked(api: Api) -> None:
    for query in ("near=48.85", "radius_km=5", "limit=0", "limit=101", "open_at=tomorrow", "colour=red", "cursor="):
        told = await api.get(f"/v1/stores?{query}")
        assert (told.status, told.json["code"]) == (422, "invalid_request"), query


async def test_the_slots_of_a_day_are_listed(api: Api, shop: Shop) -> None:
    await shop.store("lyon", slots={"minutes": 30, "capacity": 3})
    day = await shop.pool.fetchval("select to_char((now() at time zone 'Europe/Paris')::date + 1, 'YYYY-MM-DD')")
    told = (await api.get(f"/v1/stores/lyon/slots?date={day}")).json["items"]
    assert len(told) in {46, 48, 50}
    assert {slot["left"] for slot in told} == {3}
    assert (await api.get("/v1/stores/lyon/slots")).status == 200
    assert (await api.get("/v1/stores/lyon/slots?date=9999-12-31")).status == 422
    assert (await api.get("/v1/stores/lyon/slots?date=2000-01-01")).json["items"] == []
    assert (await api.get("/v1/stores/atlantis/slots")).status == 404
