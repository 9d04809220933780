"""Clerks over HTTP: their PIN at their store's devices, and what is done under their name."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.service.api.conftest import Api
from tests.service.api.counters import PIN, Device, pair
from tests.shop import Shop

FAILED = "select count(*) from attempt where kind = 'pin'"
LATER = "update attempt set failed_at = array(select at - interval '15 minutes' from unnest(failed_at) at)"


async def test_a_clerk_works_at_a_device_and_the_history_says_so(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 1)
    device = await pair(api)
    clerk = await device.welcome("Inès")
    begun = await device.enter(clerk)
    assert begun.json == {"clerk": {"id": clerk, "name": "Inès"}}
    assert "HttpOnly; Path=/; SameSite=Strict; Secure" in begun.headers["Set-Cookie"]
    assert (await device.ask("GET", "/v1/device")).json["clerk"] == {"id": clerk, "name": "Inès"}
    await device.ask("POST", f"/v1/stores/lyon/reservations/{ready['id']}/collect", {"code": ready["pickup_code"]})
    by = await shop.pool.fetchval("select actor from event order by seq desc limit 1")
    assert by == f"device:{device.id}/clerk:{clerk}"
    assert (await device.ask("DELETE", "/v1/clerk-session")).json == {"clerk": None}
    assert device.session is None
    assert (await device.ask("GET", "/v1/device")).json["clerk"] is None


async def test_what_is_told_later_is_dated_and_signed_as_it_was_done(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready, order = await shop.ready("tea", 1), await shop.confirm(await shop.hold("tea", 1))
    device, other = await pair(api), await pair(api, name="Right tablet")
    ines, tom = await device.welcome("Inès"), await device.welcome("Tom", "1704")
    await device.enter(ines)
    await shop.pool.execute(
        "update clerk_session set began_at = now() - interval '9 hours', active_at = now() - interval '70 minutes'"
    )
    await device.enter(tom, "1704")

    async def told(who: Device, step: str, clerk: str | None, minutes: float, **body: str) -> tuple[str, float]:
        """Do it by a deed that was done some minutes ago; by whom the history says that it was, and how long ago."""
        at = (await shop.pool.fetchval("select now()")) - timedelta(minutes=minutes)
        id = (ready if step in {"collect", "undo"} else order)["id"]
        asked = {**body, "happened_at": at.isoformat(), **({} if clerk == "left out" else {"clerk": clerk})}
        assert (await who.ask("POST", f"/v1/stores/lyon/reservations/{id}/{step}", asked)).status == 200
        row = await shop.pool.fetchrow("select actor, at - happened_at as late from event order by seq desc limit 1")
        assert row
        return row["actor"].removeprefix(f"device:{who.id}"), round(row["late"] / timedelta(minutes=1), 1)

    assert await told(device, "pick", ines, 65) == (f"/clerk:{ines}", 65)
    assert await told(device, "shelve", ines, 55) == (f"/clerk:{ines}", 55), "the deed before keeps their session open"
    assert await told(device, "unshelve", ines, 30) == ("", 30), "a quarter of an hour without a deed, and it is over"
    assert await told(device, "collect", None, 30, code=ready["pickup_code"]) == ("", 30), "nobody worked there then"
    assert await told(device, "undo", tom, 0, reason="x") == (f"/clerk:{tom}", 0)
    assert await told(device, "shelve", "left out", 0) == (f"/clerk:{tom}", 0), "who works there now"
    assert await told(other, "unshelve", tom, 0) == ("", 0), "they don't work at that one"
    by = await api.post(f"/v1/stores/lyon/reservations/{order['id']}/shelve", {"clerk": tom})
    assert (by.status, "/clerk:" in await shop.pool.fetchval("select actor from event order by seq desc limit 1")) == (
        200,
        False,
    )


async def test_five_wrong_pins_lock_this_clerk_at_this_device_and_nobody_else(api: Api, shop: Shop) -> None:
    await shop.store()
    device, other = await pair(api), await pair(api, name="Right tablet")
    ines, tom = await device.welcome("Inès"), await device.welcome("Tom")
    with capture_logs() as lines:
        for _ in range(5):
            told = await device.enter(ines, "0000")
            assert (told.status, told.json["code"]) == (422, "wrong_pin")
    assert [line["kind"] for line in lines if line["event"] == "guessing_stopped"] == ["pin"]
    locked = await device.enter(ines)
    assert (locked.status, locked.json["code"]) == (429, "too_many_attempts")
    assert int(locked.headers["Retry-After"]) > 890
    assert (await device.enter(tom)).status == 200
    assert (await other.enter(ines)).status == 200
    assert (await device.enter(ines)).status == 429
    await shop.pool.execute(LATER)
    assert (await device.enter(ines)).status == 200
    assert await shop.pool.fetchval(FAILED) == 0


async def test_many_pins_at_once_are_counted_each(api: Api, shop: Shop) -> None:
    await shop.store()
    device = await pair(api)
    clerk = await device.welcome()
    told = await asyncio.gather(*(device.enter(clerk, f"{pin:04}") for pin in range(12)))
    assert sorted(one.status for one in told) == [422] * 5 + [429] * 7


async def test_a_browser_that_is_not_paired_costs_nobody_an_attempt(api: Api, shop: Shop) -> None:
    await shop.store()
    device = await pair(api)
    clerk = await device.welcome()
    device.cookies.clear()
    for pin in (PIN, "0000"):
        assert (await device.enter(clerk, pin)).status == 401
    told = await api.post("/v1/clerk-session", {"clerk": clerk, "pin": PIN})  # a key is no device
    assert (told.status, told.json["code"]) == (404, "unknown_device")
    assert await shop.pool.fetchval(FAILED) == 0


async def test_clerks_of_another_store_are_nobody_here(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    await shop.store("lille")
    lyon, lille = await pair(api, "lyon"), await pair(api, "lille")
    clerk = await lyon.welcome()
    told = await lille.enter(clerk)
    assert (told.status, told.json["code"]) == (422, "wrong_pin")
    assert await shop.pool.fetchval(FAILED) == 0


@pytest.mark.parametrize(
    "over",
    [
        "update clerk_session set active_at = active_at - interval '15 minutes'",
        "update clerk_session set began_at = began_at - interval '12 hours'",
        "update clerk_session set ended_at = now()",
    ],
    ids=["idle", "half a day", "ended"],
)
async def test_a_session_that_is_over_is_told_once_and_the_device_goes_on(api: Api, shop: Shop, over: str) -> None:
    await shop.store()
    device = await pair(api)
    clerk = await device.welcome()
    await device.enter(clerk)
    await shop.pool.execute(over)
    told = await device.ask("GET", "/v1/stores/lyon/counts")
    assert (told.status, told.json["reason"]) == (401, "clerk_session_over")
    assert device.session is None  # its cookie was taken away
    assert (await device.ask("GET", "/v1/stores/lyon/counts")).status == 200
    assert (await device.enter(clerk)).status == 200


async def test_a_deed_keeps_the_session_open_and_looking_does_not(api: Api, shop: Shop) -> None:
    await shop.store()
    device = await pair(api)
    await device.enter(await device.welcome())
    earlier = await shop.pool.fetchval(
        "update clerk_session set active_at = active_at - interval '10 minutes' returning active_at"
    )
    await device.ask("GET", "/v1/stores/lyon/counts")
    assert await shop.pool.fetchval("select active_at from clerk_session") == earlier
    await device.ask("POST", "/v1/stores/lyon/reservations/search", {"q": "nobody"})
    assert await shop.pool.fetchval("select active_at from clerk_session") > earlier


async def test_another_pin_another_clerk_and_a_revoked_device_end_a_session(api: Api, shop: Shop) -> None:
    await shop.store()
    device = await pair(api)
    ines, tom = await device.welcome("Inès"), await device.welcome("Tom")
    here = f"/v1/stores/lyon/clerks/{ines}"
    opened = "select count(*) from clerk_session where ended_at is null"
    await device.enter(ines)
    await api.put(here, {"name": "Inès B."})
    assert await shop.pool.fetchval(opened) == 1  # another name is no reason to leave
    await api.put(here, {"name": "Inès B.", "pin": "123456"})
    assert await shop.pool.fetchval(opened) == 0
    assert (await device.enter(ines)).status == 422
    assert (await device.enter(ines, "123456")).status == 200
    await device.enter(tom)
    assert await shop.pool.fetchval(opened) == 1
    await api.delete(f"/v1/devices/{device.id}")
    assert await shop.pool.fetchval(opened) == 0


async def test_who_left_can_t_come_in_and_is_still_named(api: Api, shop: Shop) -> None:
    await shop.store()
    device = await pair(api)
    ines, tom = await device.welcome("Inès"), await device.welcome("Tom")
    left = await api.delete(f"/v1/stores/lyon/clerks/{ines}")
    assert left.json["left_at"]
    assert (await device.enter(ines)).status == 422
    assert (await api.put(f"/v1/stores/lyon/clerks/{ines}", {"name": "Inès"})).status == 404
    seen = (await device.ask("GET", "/v1/stores/lyon/clerks")).json["items"]
    assert [(one["id"], one["left_at"] is None) for one in seen] == [(tom, True), (ines, False)]


async def test_a_session_works_at_its_own_device_only(api: Api, shop: Shop) -> None:
    await shop.store()
    device, other = await pair(api), await pair(api, name="Right tablet")
    await device.enter(await device.welcome())
    other.cookies = {**device.cookies, **other.cookies}
    assert (await other.ask("GET", "/v1/stores/lyon/counts")).json["reason"] == "clerk_session_over"


async def test_a_pin_is_told_nobody_and_kept_nowhere(api: Api, shop: Shop) -> None:
    await shop.store()
    device = await pair(api)
    clerk = await device.welcome(pin="918273")
    told = await api.post("/v1/stores/lyon/clerks", {"name": "Tom", "pin": "91827364"})
    assert told.status == 422
    assert "918273" not in told.text
    kept = await shop.pool.fetchval("select clerk::text || idempotency::text from clerk, idempotency limit 1")
    assert "918273" not in kept
    assert "$argon2id$" in await shop.pool.fetchval("select pin_hash from clerk where id = $1::text::uuid", clerk)


async def test_who_changed_the_team_is_written_down(api: Api, shop: Shop) -> None:
    await shop.store()
    device = await pair(api)
    clerk = await device.welcome()
    await api.put(f"/v1/stores/lyon/clerks/{clerk}", {"name": "Inès", "pin": "123456"})
    await api.delete(f"/v1/stores/lyon/clerks/{clerk}")
    rows = await shop.pool.fetch("select action, facts from audit where subject = $1 order by seq", clerk)
    assert [row["action"] for row in rows] == ["clerk.welcomed", "clerk.changed", "clerk.left"]
    assert "123456" not in str(rows)
