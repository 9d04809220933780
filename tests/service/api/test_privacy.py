"""A person's data over HTTP."""

from service.sealing import MARK
from tests.service.api.conftest import Api
from tests.service.test_sealing import PEOPLE
from tests.service.test_webhooks import relay
from tests.shop import Shop

WHO = {"email": "zoe@atelier.example"}


async def test_an_export_tells_everything_that_is_known(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.ready("tea", 1, **PEOPLE)
    await shop.hold("tea", 1)
    await relay(shop)
    told = await api.post("/v1/privacy/export", WHO, key=await api.key("customers"))
    [known] = told.json["items"]
    assert known["reservation"]["note"] == PEOPLE["note"]
    assert known["reservation"]["delegate"] == PEOPLE["delegate"]
    assert [event["action"] for event in known["events"]] == ["hold", "confirm", "pick", "shelve"]
    assert {(one["kind"], one["channel"]) for one in known["messages"]} >= {("ready", "email"), ("ready", "sms")}
    assert told.json["complete"] is True
    assert MARK not in told.text


async def test_only_an_admin_may_have_people_forgotten(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.collected("tea", 1, order_ref="A1", **PEOPLE)
    assert (await api.post("/v1/privacy/erase", WHO, key=await api.key("customers"))).status == 403
    erased = await api.post("/v1/privacy/erase", WHO, key=await api.key("admin"))
    assert [one["order_ref"] for one in erased.json["erased"]] == ["A1"]
    assert (await api.post("/v1/privacy/export", WHO)).json == {"items": [], "complete": True}
    left = (await api.get("/v1/reservations?order_ref=A1")).json["items"]
    assert [(one["customer"]["name"], one["state"], one["pickup_code"]) for one in left] == [(None, "collected", None)]
    actions = [(one["store"], one["action"]) for one in (await api.get("/v1/audit")).json["items"]]
    assert actions.count(("lyon", "privacy.erased")) == 1


async def test_one_way_of_naming_a_person_is_asked(api: Api) -> None:
    for body in ({}, {**WHO, "order_ref": "A1"}, {"email": "nobody"}, {"name": "Zoé"}):
        told = await api.post("/v1/privacy/export", body)
        assert (told.status, told.json["code"]) == (422, "invalid_request")
        assert "nobody" not in told.text


async def test_the_audit_is_read_page_by_page_and_a_store_s_admin_sees_its_own(api: Api, shop: Shop) -> None:
    for store in ("lyon", "lille"):
        for _ in range(2):
            body = {"name": store, "time_zone": "Europe/Paris"}
            assert (await api.put(f"/v1/stores/{store}", body)).status in {200, 201}
    first = await api.get("/v1/audit?limit=3")
    rest = await api.get(f"/v1/audit?limit=3&cursor={first.json['next_cursor']}")
    actions = [(one["store"], one["action"]) for one in first.json["items"] + rest.json["items"]]
    both = [(store, action) for store in ("lille", "lyon") for action in ("store.changed", "store.made")]
    assert [one for one in actions if one[0]] == both
    assert {one["actor"][:4] for one in first.json["items"]} == {"key:"}
    lille = await api.get("/v1/audit", key=await api.key("admin", stores=["lille"]))
    assert {one["store"] for one in lille.json["items"]} == {"lille"}
