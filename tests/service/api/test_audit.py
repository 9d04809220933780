"""Whoever changes something about the shop leaves a line, whichever door they took."""

from typing import Any

from service import audit
from service.api import routes
from service.callers import Scope
from tests.service.api.conftest import Api
from tests.shop import Shop

OF_THE_TRADE = {Scope.CHECKOUT, Scope.COUNTER, Scope.STOCK}
"""What they do is in the history of the reservations, and in the ledger."""

SHARED = "/v1/items/{sku}"  # what all stores sell, which is in neither

CHANGES_NOTHING = {
    "POST /v1/message-preview",
    "POST /v1/webhook-endpoints/{id}/test",
    "POST /v1/webhook-endpoints/{id}/replay",
}

BODIES: dict[str, Any] = {
    "PUT /v1/stores/{store}": {"name": "Lyon", "time_zone": "Europe/Paris"},
    f"PUT {SHARED}": {"name": "Jam"},
    "POST /v1/keys": {"name": "web shop", "scopes": ["checkout"]},
    "DELETE /v1/keys/{key}": None,
    "PUT /v1/message-policy": {},
    "PUT /v1/stores/{store}/message-policy": {},
    "PUT /v1/message-templates/{kind}/{channel}/{locale}": {"text": "Annulée : {{ order }}"},
    "DELETE /v1/message-templates/{kind}/{channel}/{locale}": None,
    "PUT /v1/stores/{store}/board/link": {},
    "POST /v1/devices": {"store": "lyon", "name": "Left tablet"},
    "DELETE /v1/devices/{device}": None,
    "POST /v1/stores/{store}/clerks": {"name": "Alix", "pin": "482913"},
    "PUT /v1/stores/{store}/clerks/{clerk}": {"name": "Alix D."},
    "DELETE /v1/stores/{store}/clerks/{clerk}": None,
    "POST /v1/privacy/export": {"order_ref": "A1"},
    "POST /v1/privacy/erase": {"order_ref": "A1"},
    "POST /v1/webhook-endpoints": {"url": "https://shop.example/hooks"},
    "PUT /v1/webhook-endpoints/{id}": {"url": "https://shop.example/hooks", "active": False},
    "POST /v1/webhook-endpoints/{id}/rotate": {},
    "DELETE /v1/webhook-endpoints/{id}": None,
}
"""Every change, in an order in which each finds what it changes; what one makes, the next ones name."""


def test_every_door_through_which_the_shop_is_changed_is_known() -> None:
    doors = {
        f"{one.method} {one.path}"
        for one in routes.ENDPOINTS
        if one.method != "GET" and one.scopes is not None and (not one.scopes & OF_THE_TRADE or one.path == SHARED)
    }
    assert doors == BODIES.keys() | CHANGES_NOTHING


async def test_every_change_leaves_a_line_that_says_who_and_what(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.hold("tea", 1, order_ref="A1")
    made = {"store": "lyon", "kind": "cancelled", "channel": "sms", "locale": "fr", "sku": "jam"}
    key = await api.key()
    lines = 1  # the key's own
    for door, body in BODIES.items():
        method, path = door.split(" ")
        told = await api.request(method, path.format(**made), json=body, key=key)
        assert told.status < 300, f"{door}: {told.text}"
        if method == "POST" and told.text and "id" in told.json:
            made[path.rpartition("/")[2].removesuffix("s").replace("webhook-endpoint", "id")] = told.json["id"]
        rows = await api.pool.fetch("select actor, action, subject from audit order by seq")
        assert len(rows) == lines + 1, f"{door} leaves no line"
        lines += 1
        assert rows[-1]["actor"] == f"key:{key.split('_')[1]}"
        assert len(rows[-1]["action"].split(".")) == 2
    said = str(await api.pool.fetch("select * from audit"))
    assert [word for word in ("Alix", "482913", "web shop", "Annul") if word in said] == []


async def test_repeating_a_request_leaves_one_line(api: Api) -> None:
    body = {"name": "web shop", "scopes": ["checkout"]}
    for _ in range(2):
        await api.post("/v1/keys", body, once="monday")
    assert await api.pool.fetchval("select count(*) from audit where action = 'key.created'") == 2  # with the caller's


async def test_who_guesses_is_noted(api: Api) -> None:
    for _ in range(11):
        await api.post("/v1/devices/claim", {"code": "K7PX-29TD"}, key="")
    rows = await api.pool.fetch("select actor, action, subject from audit where action = 'guessing.stopped'")
    assert [tuple(row) for row in rows] == [("somebody", "guessing.stopped", "pairing_code")]
    assert await audit.unsealed(api.pool) == [""]
