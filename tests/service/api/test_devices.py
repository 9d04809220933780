"""Devices over HTTP: paired once, recognised by cookie or bearer, revoked, and deaf to other sites."""

import asyncio
import re

import pytest

from service import keys
from service.api.access import DEVICE_COOKIE
from tests.service.api.conftest import Api
from tests.service.api.counters import Device, pair, prepare
from tests.shop import Shop


async def test_a_code_pairs_one_device_once(api: Api, shop: Shop) -> None:
    await shop.store()
    made = await prepare(api)
    assert re.fullmatch(r"[2-9B-X]{4}-[2-9B-X]{4}", made["pairing_code"])
    assert made["pairing_url"].endswith("/pair?code=" + made["pairing_code"].replace("-", ""))
    assert made["pairing_qr"].startswith("<svg")
    claims = [api.post("/v1/devices/claim", {"code": made["pairing_code"].lower()}, key="") for _ in range(5)]
    told = await asyncio.gather(*claims)
    assert sorted(one.status for one in told) == [200, 422, 422, 422, 422]
    assert {one.json["code"] for one in told if one.status == 422} == {"wrong_pairing_code"}


async def test_a_browser_gets_a_cookie_that_no_script_and_no_other_host_reads(api: Api, shop: Shop) -> None:
    await shop.store()
    told = await api.post("/v1/devices/claim", {"code": (await prepare(api))["pairing_code"]}, key="")
    name, _, rest = told.headers["Set-Cookie"].partition("=")
    assert name == DEVICE_COOKIE == "__Host-comptoir-device"
    value, *attributes = rest.split("; ")
    assert value == told.json["token"]
    assert set(attributes) == {"HttpOnly", "Secure", "SameSite=Strict", "Path=/", "Max-Age=34560000"}


async def test_a_code_is_over_after_ten_minutes(api: Api, shop: Shop) -> None:
    await shop.store()
    made = await prepare(api)
    await shop.pool.execute("update device set code_until = code_until - interval '10 minutes'")
    told = await api.post("/v1/devices/claim", {"code": made["pairing_code"]}, key="")
    assert (told.status, told.json["code"]) == (422, "wrong_pairing_code")


async def test_neither_code_nor_token_is_kept(api: Api, shop: Shop) -> None:
    await shop.store()
    told = await api.post("/v1/devices", {"store": "lyon", "name": "Left"}, once="one")
    again = await api.post("/v1/devices", {"store": "lyon", "name": "Left"}, once="one")
    assert (again.json["id"], again.json["pairing_code"], again.json["pairing_qr"]) == (told.json["id"], None, None)
    code = told.json["pairing_code"]
    kept = await shop.pool.fetchval("select string_agg(d::text || i.body, '') from device d, idempotency i")
    assert code not in kept
    assert code.replace("-", "") not in kept
    claimed = await api.post("/v1/devices/claim", {"code": code}, key="")
    assert claimed.json["token"].split("_")[2] not in await shop.pool.fetchval("select device::text from device")


async def test_a_device_is_its_store_s_counter_by_cookie_and_by_bearer(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    await shop.store("lille")
    device = await pair(api)
    for told in (await device.ask("GET", "/v1/device"), await api.get("/v1/device", key=device.token)):
        assert told.json == {
            "id": device.id,
            "name": "Left tablet",
            "store": {"id": "lyon", "name": "Atelier lyon", "time_zone": "Europe/Paris"},
            "language": "fr",
            "clerk": None,
        }
    assert (await device.ask("GET", "/v1/stores/lyon/counts")).status == 200
    assert (await device.ask("GET", "/v1/stores/lille/counts")).status == 404
    assert (await device.ask("GET", "/v1/keys")).status == 403
    assert (await api.get("/v1/device")).json["code"] == "unknown_device"  # a key is none


async def test_a_revoked_device_opens_nothing_after_five_seconds(
    api: Api, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.store()
    device = await pair(api)
    assert (await device.ask("GET", "/v1/device")).status == 200
    revoked = await api.delete(f"/v1/devices/{device.id}")
    assert revoked.json["revoked_at"]
    monkeypatch.setattr(keys, "FRESH_SECONDS", -1)  # what is believed of it is older
    assert (await device.ask("GET", "/v1/device")).status == 401
    assert (await api.delete(f"/v1/devices/{device.id}")).json["revoked_at"] == revoked.json["revoked_at"]


async def test_a_revoked_device_can_t_be_paired_any_more(api: Api, shop: Shop) -> None:
    await shop.store()
    made = await prepare(api)
    await api.delete(f"/v1/devices/{made['id']}")
    assert (await api.post("/v1/devices/claim", {"code": made["pairing_code"]}, key="")).status == 422


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://shop.example:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=lambda headers: " ".join(map("=".join, headers.items())),
)
async def test_a_stolen_ride_from_another_site_goes_nowhere(api: Api, shop: Shop, headers: dict[str, str]) -> None:
    await shop.stock("tea", 5)
    held = await shop.confirm(await shop.hold("tea", 1))
    device = await pair(api)
    path = f"/v1/stores/lyon/reservations/{held['id']}/pick"
    told = await device.ask("POST", path, **headers)
    assert (told.status, told.json["code"]) == (403, "forbidden")
    assert await shop.state(held) == "confirmed"
    assert (await device.ask("GET", "/v1/device", **headers)).status == 200  # reading changes nothing


@pytest.mark.parametrize("origin", ["http://shop.example", ""])
async def test_our_own_pages_and_bearers_go_through(api: Api, shop: Shop, origin: str) -> None:
    await shop.stock("tea", 5)
    held = await shop.confirm(await shop.hold("tea", 1))
    device = await pair(api)
    path = f"/v1/stores/lyon/reservations/{held['id']}/pick"
    if origin:  # what PUBLIC_URL names
        assert (await device.ask("POST", path, Origin=origin)).status == 200
    assert (await api.post(path, key=device.token)).status == 200  # no browser sends this by itself


async def test_ten_wrong_codes_close_the_door_for_a_while(api: Api, shop: Shop) -> None:
    await shop.store()
    made = await prepare(api)
    for _ in range(10):
        assert (await api.post("/v1/devices/claim", {"code": "22222222"}, key="")).status == 422
    told = await api.post("/v1/devices/claim", {"code": made["pairing_code"]}, key="")
    assert (told.status, told.json["code"]) == (429, "too_many_attempts")
    assert 890 <= int(told.headers["Retry-After"]) <= 900
    await shop.pool.execute(
        "update attempt set failed_at = array(select at - interval '15 minutes' from unnest(failed_at) at)"
    )
    assert (await api.post("/v1/devices/claim", {"code": made["pairing_code"]}, key="")).status == 200


async def test_a_key_of_some_stores_pairs_and_sees_the_devices_of_those(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    await shop.store("lille")
    lyon, lille = await prepare(api, "lyon"), await prepare(api, "lille")
    bound = await api.key(stores=["lyon"])
    refused = await api.post("/v1/devices", {"store": "lille", "name": "x"}, key=bound)
    nowhere = await api.post("/v1/devices", {"store": "atlantis", "name": "x"}, key=bound)
    assert (refused.status, nowhere.status) == (422, 422)
    assert refused.json["errors"][0]["code"] == nowhere.json["errors"][0]["code"] == "unknown_store"
    assert [one["id"] for one in (await api.get("/v1/devices", key=bound)).json["items"]] == [lyon["id"]]
    assert [one["id"] for one in (await api.get("/v1/devices?store=lille")).json["items"]] == [lille["id"]]
    first = (await api.get("/v1/devices?limit=1")).json
    second = (await api.get(f"/v1/devices?limit=1&cursor={first['next_cursor']}")).json
    assert [first["items"][0]["id"], second["items"][0]["id"]] == [lyon["id"], lille["id"]]
    assert (await api.delete(f"/v1/devices/{lille['id']}", key=bound)).status == 404


async def test_the_history_says_which_device(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.confirm(await shop.hold("tea", 1))
    device = await pair(api)
    await device.ask("POST", f"/v1/stores/lyon/reservations/{held['id']}/pick")
    assert await shop.pool.fetchval("select actor from event order by seq desc limit 1") == f"device:{device.id}"


async def test_a_device_alone_is_not_mistaken_for_a_key(api: Api, shop: Shop) -> None:
    await shop.store()
    device = await pair(api)
    stranger = Device(api, device.id, device.token.replace("cd_", "ck_"))
    assert (await stranger.ask("GET", "/v1/device")).status == 401
