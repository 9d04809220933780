"""Every page of the administration, tried by who may not: nobody, a device, a key, another site, the wrong scope."""

import json
import re
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from service import admin_sessions
from service.api.endpoints import Endpoint
from service.callers import Scope
from service.database import transaction
from service.keys import Keyring
from service.screens import admin
from service.screens.admin_frame import COOKIE, ROOMS, SIGN_IN
from tests.service.api.conftest import Api, api
from tests.service.api.counters import pair
from tests.shop import Shop

__all__ = ["api"]

BEHIND = [endpoint for endpoint in admin.ENDPOINTS if endpoint.path != SIGN_IN]
ANYBODYS = {"/admin", "/admin/sign-out", "/admin/language"}

every_page = pytest.mark.parametrize("endpoint", BEHIND, ids=lambda one: f"{one.method} {one.path}")


def address(endpoint: Endpoint, store: str = "lyon") -> str:
    """The path with something in each of its places."""
    path = endpoint.path.replace("{store}", store).replace("{id}", str(uuid4()))
    return re.sub(r"\{\w+\}", "something", path)


async def session(api: Api, *scopes: Scope, stores: list[str] | None = None) -> dict[str, str]:
    """What the browser of somebody with these scopes sends."""
    caller = await Keyring(api.pool).authenticate(await api.key(*scopes, stores=stores))
    async with transaction(api.pool) as db:
        text = await admin_sessions.begin(db, caller, language="fr")
    return {"Cookie": f"{COOKIE}={text}", "Origin": api.url}


@every_page
async def test_nobody_is_led_to_the_door(api: Api, shop: Shop, endpoint: Endpoint) -> None:
    await shop.store()
    device = await pair(api)
    told = await device.ask(endpoint.method, address(endpoint))
    assert (told.status, told.headers["Location"].partition("?")[0]) == (303, SIGN_IN)
    told = await api.request(endpoint.method, address(endpoint))  # a key of every scope, as a bearer
    assert (told.status, told.headers["Location"].partition("?")[0]) == (303, SIGN_IN)


@every_page
async def test_another_site_and_the_wrong_scope_do_nothing(api: Api, shop: Shop, endpoint: Endpoint) -> None:
    await shop.store()
    if endpoint.method == "POST":
        for origin in ("https://evil.example", "null", ""):
            headers = {**await session(api), "Origin": origin}
            sent = {name: value for name, value in headers.items() if value}
            assert (await api.request("POST", address(endpoint), key="", headers=sent)).status == 403
    if endpoint.path not in ANYBODYS:
        headers = await session(api, Scope.CHECKOUT)
        assert (await api.request(endpoint.method, address(endpoint), key="", headers=headers)).status == 403
    if "{store}" in endpoint.path:
        await shop.store("lille")
        headers = await session(api, stores=["lyon"])
        told = await api.request(endpoint.method, address(endpoint, "lille"), key="", headers=headers)
        assert told.status == 403


async def test_a_session_is_over_after_twelve_hours(api: Api, shop: Shop) -> None:
    headers = await session(api)
    assert (await api.get("/admin/stores", key="", headers=headers)).status == 200
    await shop.pool.execute("update admin_session set began_at = began_at - interval '12 hours'")
    assert (await api.get("/admin/stores", key="", headers=headers)).status == 303


async def test_where_it_is_another_day_or_hour_the_administration_says_so(api: Api, shop: Shop) -> None:
    for store, zone in (("a", "Pacific/Kiritimati"), ("b", "Pacific/Pago_Pago"), ("c", "Pacific/Pago_Pago")):
        await shop.store(store, time_zone=zone)  # at no hour is it the same day
    text = (await api.get("/admin/day", key="", headers=await session(api))).text
    days = {store: date.fromisoformat(day) for store, day in re.findall(r'day\?store=(\w)&date=([\d-]+)"', text)}
    assert days["a"] > days["b"] == days["c"]
    assert f'name="date" value="{days["b"]}"' in text
    assert re.findall(r"</a> .*?(\d\d/\d\d)", text) == [f"{days['a']:%d/%m}"]
    async with transaction(api.pool) as db:
        for stores, zone in ((None, "UTC"), (["a"], "Pacific/Kiritimati"), (["b", "c"], "Pacific/Pago_Pago")):
            cookie = (await session(api, stores=stores))["Cookie"].partition("=")[2]
            visit = await admin_sessions.find(db, cookie)
            assert visit is not None
            assert visit.zone.key == zone


async def test_the_door_leads_nowhere_else(api: Api, shop: Shop) -> None:
    key = await api.key()
    for to, expected in (
        ("/admin/keys", "/admin/keys"),
        ("//evil.example", "/admin"),
        ("https://evil.example/admin/", "/admin"),
        ("/admin/\\evil.example", "/admin"),
        ("/elsewhere", "/admin"),
    ):
        told = await api.request("POST", SIGN_IN, key="", data={"key": key, "to": to}, headers={"Origin": api.url})
        assert (told.status, told.headers["Location"]) == (303, expected)
        assert "HttpOnly; Max-Age=43200; Path=/; SameSite=Lax; Secure" in told.headers["Set-Cookie"]
    told = await api.request("POST", SIGN_IN, key="", data={"key": key}, headers={"Origin": "https://evil.example"})
    assert told.status == 403


async def test_what_is_wrong_in_a_form_is_said_in_french(api: Api, shop: Shop) -> None:
    await shop.store()
    headers = await session(api)
    for path, fields in (
        ("/admin/keys", {}),
        ("/admin/devices", {"store": "lyon", "name": "x" * 201, "language": "de"}),
        ("/admin/stores/lyon/clerks", {"name": "Tom", "pin": "12"}),
        (
            "/admin/stores/lyon",
            {"name": "", "time_zone": "Paris", "phone": "12", "latitude": "1", "gln": "3012345000009"},
        ),
        ("/admin/stores/lyon", {"name": "L", "time_zone": "Europe/Paris", "latitude": "1"}),
        (
            "/admin/stores/lyon",
            {"name": "L", "time_zone": "Europe/Paris", "mo_opens": "9h", "preparation_minutes": "x"},
        ),
        ("/admin/new-store", {"id": "Lyon !", "name": "L", "time_zone": "Europe/Paris"}),
        ("/admin/webhooks", {"url": "http://localhost/"}),
        (
            "/admin/messages/policy",
            {"store": "lyon", "version": "0", "hours": "own", "from": "8", "reminding": "own", "gap": "x"},
        ),
    ):
        told = await api.request("POST", path, key="", data=fields, headers=headers)
        assert told.status == 422, path
        refusal = told.text.partition('role="alert">')[2].partition("</div>")[0]
        assert "<li>" in refusal, path
        assert 'lang="en"' not in refusal, (path, refusal)


async def test_every_room_says_which_scopes_open_it() -> None:
    assert all(scopes for _, _, scopes in ROOMS)


async def test_what_is_done_here_is_written_down_under_the_key(api: Api, shop: Shop) -> None:
    await shop.store()
    headers = await session(api)

    async def send(path: str, **fields: str) -> None:
        told = await api.request("POST", path, key="", data=fields, headers=headers)
        assert told.status in {200, 303}, told.text

    await send("/admin/keys", name="Till", scope="stock")
    await send("/admin/devices", store="lyon", name="Left")
    await send("/admin/stores/lyon/clerks", name="Tom", pin="4071")
    await send("/admin/stores/lyon", name="Lyon", time_zone="Europe/Paris", version="1")
    await send("/admin/stores/lyon/board", names="on")
    await send("/admin/messages", kind="ready", channel="sms", locale="fr", text="Venez ! Code {{ code }}")
    await send("/admin/messages/policy", store="lyon", version="0", hours="own")
    await send("/admin/webhooks", url="https://shop.example/hooks")
    rows = await shop.pool.fetch("select action, actor from audit where actor like 'key:%' order by seq")
    whose = headers["Cookie"].partition("=")[2]
    by = await shop.pool.fetchval("select key_id from admin_session where id = $1", whose.split("_")[1])
    assert [row["action"] for row in rows if row["actor"] == f"key:{by}"] == [
        "key.created",
        "device.prepared",
        "clerk.welcomed",
        "store.changed",
        "board.changed",
        "message_template.changed",
        "message_policy.changed",
        "webhook.created",
    ]


async def test_a_webhook_keeps_its_format_and_what_it_is_told_and_its_ping_says_from_where(
    api: Api, shop: Shop
) -> None:
    await shop.store()
    headers = await session(api)
    made = {"url": "https://shop.example/hooks", "format": "cloudevents", "fields": ["email", "phone"]}
    one = (await api.post("/v1/webhook-endpoints", json=made)).json
    page = f"/admin/webhooks/{one['id']}"
    shown = (await api.get(page, key="", headers=headers)).text
    assert '<option value="cloudevents" selected>' in shown
    told = re.findall(r'name="told" value="(\w+)"( checked)?', shown)
    assert [name for name, ticked in told if ticked] == ["email", "phone"]

    async def save(*ticked: str, **others: str) -> dict[str, Any]:
        now = (await api.get(f"/v1/webhook-endpoints/{one['id']}")).json
        fields = [("url", made["url"]), ("active", "on"), ("version", now["version"]), *others.items()]
        answer = await api.request(
            "POST", page, key="", data=[*fields, *(("told", name) for name in ticked)], headers=headers
        )
        assert answer.status == 303, answer.text
        found: dict[str, Any] = (await api.get(f"/v1/webhook-endpoints/{one['id']}")).json
        return found

    saved = await save("email", "phone", format="cloudevents", description="Orders")
    assert (saved["description"], saved["format"], saved["fields"]) == ("Orders", "cloudevents", ["email", "phone"])
    assert (await api.request("POST", f"{page}/ping", key="", headers=headers)).status == 303
    await api.post(f"/v1/webhook-endpoints/{one['id']}/test")
    pings = await shop.pool.fetch("select body from delivery where type = 'webhook.ping'")
    by_hand, by_api = [json.loads(ping["body"])["source"] for ping in pings]
    assert by_hand == by_api != ""
    saved = await save("name", format="standard")
    assert (saved["format"], saved["fields"]) == ("standard", ["name"])
