"""The policy of messages over HTTP."""

from service.callers import Scope
from tests.service.api.conftest import Api
from tests.shop import Shop

ALL = "/v1/message-policy"
LYON = "/v1/stores/lyon/message-policy"


async def test_without_a_word_comptoir_says_what_it_does(api: Api) -> None:
    told = await api.get(ALL)
    assert (told.status, told.json["version"], told.json["rules"]) == (200, 0, [])
    assert told.json["in_force"]["quiet_hours"] == {"from": "21:00", "to": "08:00"}
    assert told.json["in_force"]["reminders"] == {"hours_before": [24], "minimum_gap_hours": 12}


async def test_a_store_s_policy_lies_on_top_of_the_deployment_s(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    rule = {"kind": "ready", "channel": "sms", "delay_minutes": 5}
    await api.put(ALL, {"rules": [rule], "quiet_hours": {"from": "20:00", "to": "09:00"}})
    told = await api.put(LYON, {"rules": [rule | {"delay_minutes": 10}], "reminders": {"hours_before": []}})
    assert (told.status, told.json["store"], told.json["version"]) == (200, "lyon", 1)
    in_force = told.json["in_force"]
    [ready] = [
        one for one in in_force["rules"] if (one["kind"], one["channel"], one["person"]) == ("ready", "sms", "customer")
    ]
    assert (ready["delay_minutes"], ready["fallback"], ready["quiet"]) == (10, "email", True)
    assert in_force["quiet_hours"] == {"from": "20:00", "to": "09:00"}
    assert in_force["reminders"]["hours_before"] == []
    assert (await api.get(LYON)).json == told.json


async def test_a_policy_is_replaced_whole_and_by_version(api: Api) -> None:
    first = await api.put(ALL, {"quiet_hours": {}}, headers={"If-Match": '"0"'})
    assert (first.status, first.json["in_force"]["quiet_hours"]) == (200, {"from": None, "to": None})
    assert (await api.put(ALL, {}, headers={"If-Match": '"0"'})).status == 412
    second = await api.put(ALL, {}, headers={"If-Match": first.headers["ETag"]})
    assert (second.status, second.json["version"], second.json["quiet_hours"]) == (200, 2, None)


async def test_nonsense_is_refused(api: Api) -> None:
    for rule in (
        {"kind": "ready", "channel": "email", "person": "delegate"},
        {"kind": "ready", "channel": "sms", "fallback": "sms"},
        {"kind": "ready", "channel": "sms", "person": "delegate", "fallback": "email"},
        {"kind": "ready", "channel": "pigeon"},
        {"kind": "ready", "channel": "sms", "delay_minutes": -1},
    ):
        assert (await api.put(ALL, {"rules": [rule]})).status == 422
    twice = {"kind": "ready", "channel": "sms"}
    assert (await api.put(ALL, {"rules": [twice, twice]})).status == 422
    assert (await api.put(ALL, {"quiet_hours": {"from": "21:00"}})).status == 422


async def test_who_may_say_what_for_whom(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    await shop.store("nice")
    stores = await api.key(Scope.STORES, stores=["lyon"])
    assert (await api.put(LYON, {}, key=stores)).status == 200
    assert (await api.put("/v1/stores/nice/message-policy", {}, key=stores)).status == 404
    assert (await api.put(ALL, {}, key=stores)).status == 403
    assert (await api.put(ALL, {}, key=await api.key(Scope.ADMIN, stores=["lyon"]))).status == 403
    assert (await api.get("/v1/stores/nowhere/message-policy")).status == 404
