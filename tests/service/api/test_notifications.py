"""Messages over HTTP: the dead are seen by who watches, and sent again by who may."""

from uuid import UUID

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service import sendings
from service.callers import Scope
from service.sendings import Fate
from tests.service.api.conftest import Api
from tests.service.test_notifications import BY_PHONE, attempt_of, claim_all, tell
from tests.shop import Shop


@pytest.fixture
async def dead(shop: Shop, api: Api) -> list[str]:
    """Three messages that failed, in two stores; and one that went out. Their ids, the newest first."""
    for store in ("lyon", "lyon", "nice", "nice"):
        await shop.stock("tea", 5, store=store)
        await shop.confirm(await shop.hold("tea", 1, store=store, customer=BY_PHONE))
        await tell(shop)
    rows = sorted(await claim_all(shop, "sms"), key=lambda row: row["id"])
    for row, fate in zip(rows, ("failed", "unknown", "accepted", "failed"), strict=True):
        await sendings.begin(shop.pool, attempt_of(row), provider="twilio")
        await sendings.record(shop.pool, attempt_of(row), Fate(fate, "twilio_21211"), provider="twilio")
    return [str(row["id"]) for row, n in reversed(list(zip(rows, range(4), strict=True))) if n != 2]


async def test_the_dead_are_listed_the_newest_first_without_addresses(api: Api, dead: list[str]) -> None:
    told = await api.get("/v1/notifications")
    assert [one["id"] for one in told.json["items"]] == dead
    assert "639980001" not in told.text
    assert [one["id"] for one in (await api.get("/v1/notifications?state=unknown")).json["items"]] == [dead[1]]
    assert len((await api.get("/v1/notifications?store=nice")).json["items"]) == 1
    first = (await api.get("/v1/notifications?limit=2")).json
    rest = (await api.get(f"/v1/notifications?limit=2&cursor={first['next_cursor']}")).json
    assert [one["id"] for one in first["items"] + rest["items"]] == dead
    assert rest["next_cursor"] is None


async def test_a_message_that_is_refused_again_and_again_grows_old(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 5)
    await shop.confirm(await shop.hold("tea", 1, customer=BY_PHONE))
    await tell(shop)
    for attempts in (1, 2):
        [row] = await claim_all(shop, "sms")
        await sendings.record(shop.pool, attempt_of(row), Fate("pending", "twilio_20003"), provider="twilio")
        assert await shop.pool.fetchval("select count(*) from notification where next_attempt_at > now()") == 1
        await shop.pool.execute("update notification set due_at = due_at - interval '330 seconds'")
        seen = await measured(api)
        assert seen["comptoir_oldest_undone_seconds", "notifications"] >= 330 * attempts
        assert seen["comptoir_notifications", "retrying"] == 1
        await shop.pool.execute("update notification set next_attempt_at = now()")


async def measured(api: Api) -> dict[tuple[str, str], float]:
    """What is on /metrics, by name and label."""
    families = text_string_to_metric_families((await api.get("/metrics", key="")).text)
    return {(one.name, one.labels.get("what", "")): one.value for family in families for one in family.samples}


async def test_a_key_of_one_store_sees_its_own(api: Api, dead: list[str]) -> None:
    key = await api.key(Scope.REPORTS, stores=["nice"])
    assert len((await api.get("/v1/notifications", key=key)).json["items"]) == 1
    assert (await api.get("/v1/notifications?store=lyon", key=key)).json["items"] == []
    assert (await api.get("/v1/notifications", key=await api.key(Scope.COUNTER))).status == 403
    assert (await api.get("/v1/notifications?state=pending")).status == 422


async def test_a_dead_message_is_sent_again_once(shop: Shop, api: Api, dead: list[str]) -> None:
    path = f"/v1/stores/lyon/notifications/{dead[2]}"
    assert (await api.get(path)).json["state"] == "failed"
    for _ in range(2):
        told = await api.post(path + "/resend")
        assert (told.status, told.json["state"]) == (202, "pending")
    assert [row["id"] for row in await claim_all(shop, "sms")] == [UUID(dead[2])]
    assert len((await api.get("/v1/notifications")).json["items"]) == 2


async def test_what_went_out_is_not_sent_again(shop: Shop, api: Api, dead: list[str]) -> None:
    id = await shop.pool.fetchval("select id from notification where state = 'accepted'")
    assert (await api.post(f"/v1/stores/nice/notifications/{id}/resend")).json["code"] == "nothing_to_send"
    assert (await api.post(f"/v1/stores/lyon/notifications/{id}/resend")).status == 404
    assert (await api.post(f"/v1/stores/nice/notifications/{UUID(int=1)}/resend")).status == 404


async def test_the_dead_are_counted(api: Api, dead: list[str]) -> None:
    text = (await api.get("/metrics", key="")).text
    assert 'comptoir_notifications{what="failed"} 2.0' in text
    assert 'comptoir_notifications{what="unknown"} 1.0' in text
