"""Webhook endpoints over HTTP: made, changed, rotated, tested, replayed; and whose they are."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.callers import Scope
from tests.service.api.conftest import Api, Told, serve
from tests.service.test_webhooks import relay
from tests.shop import Shop, settings_for
from tests.workers.receiver import Receiver, receiving
from workers.outside import Outside
from workers.webhooks import Sender

PATH = "/v1/webhook-endpoints"
ASKED: dict[str, Any] = {"url": "https://shop.example/hooks"}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def near(shop: Shop, database_url: str) -> AsyncIterator[Api]:
    """The API of a deployment that may call its own network."""
    async with serve(settings_for(database_url, allow_private_webhooks=True), shop.pool) as api:
        yield api


async def send(shop: Shop) -> None:
    """Relay what happened, and send what is due."""
    await relay(shop)
    sender = Sender(shop.pool, Outside(private=True), sealer=shop.links.sealer)
    await sender.send_due()
    await sender.finish()
    await sender.close()


def codes(told: Told) -> list[str]:
    """The pointers of what is wrong."""
    return [fault["pointer"] for fault in told.json["errors"]]


async def test_an_endpoint_is_made_read_listed_changed_and_deleted(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    made = await api.post(PATH, {**ASKED, "description": "ERP", "events": ["reservation.ready"], "stores": ["lyon"]})
    assert made.status == 201
    assert made.json["secret"].startswith("whsec_")
    one = f"{PATH}/{made.json['id']}"
    read = await api.get(one)
    assert read.json == {name: value for name, value in made.json.items() if name != "secret"}
    assert (await api.get(PATH)).json == {"items": [read.json], "next_cursor": None}

    changed = await api.put(one, {"url": "https://elsewhere.example/", "active": False}, headers={"If-Match": '"1"'})
    assert (changed.status, changed.json["version"]) == (200, 2)
    assert (changed.json["url"], changed.json["events"], changed.json["stores"]) == (
        "https://elsewhere.example/",
        [],
        None,
    )
    assert (await api.put(one, ASKED, headers={"If-Match": '"1"'})).status == 412

    assert (await api.delete(one)).status == 204
    for gone in (await api.get(one), await api.delete(one), await api.put(one, ASKED), await api.post(one + "/test")):
        assert (gone.status, gone.json["code"]) == (404, "not_found")
    assert (await api.get(PATH)).json["items"] == []
    assert await shop.pool.fetchval("select secret from webhook_endpoint") == ""


async def test_lists_come_in_pages(api: Api) -> None:
    made = [(await api.post(PATH, ASKED)).json["id"] for _ in range(5)]
    read, cursor = [], ""
    while True:
        page = (await api.get(f"{PATH}?limit=2{cursor}")).json
        read += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert read == made


async def test_a_secret_is_told_once_and_kept_in_no_answer(api: Api) -> None:
    made = await api.post(PATH, ASKED, once="monday")
    again = await api.post(PATH, ASKED, once="monday")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == {**made.json, "secret": None}
    one = f"{PATH}/{made.json['id']}"
    rotated = await api.post(one + "/rotate", once="tuesday")
    assert (await api.post(one + "/rotate", once="tuesday")).json == {**rotated.json, "secret": None}
    assert rotated.json["secret"] != made.json["secret"]
    kept = await api.pool.fetchval("select string_agg(body, '') from idempotency")
    said = (await api.get(PATH)).text + (await api.get(one)).text + kept
    assert made.json["secret"] not in said
    assert rotated.json["secret"] not in said


async def test_the_secret_before_signs_for_a_day_or_as_long_as_asked(api: Api) -> None:
    made = await api.post(PATH, ASKED)
    rotate = f"{PATH}/{made.json['id']}/rotate"
    until = datetime.fromisoformat((await api.post(rotate)).json["old_secret_until"])
    assert timedelta(hours=23.9) < until - datetime.now(UTC) < timedelta(hours=24.1)
    assert (await api.post(rotate, {"keep_hours": 0})).json["old_secret_until"] is None
    assert (await api.post(rotate, {"keep_hours": 169})).status == 422


@pytest.mark.parametrize(
    "url",
    ["http://shop.example/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://2130706433/",
     "https://[::ffff:127.0.0.1]/", "https://0.0.0.0/", "https://user@shop.example/", "file:///etc/passwd"],
)  # fmt: skip
async def test_an_address_inside_is_refused(api: Api, url: str) -> None:
    told = await api.post(PATH, {"url": url})
    assert (told.status, codes(told)) == (422, ["/url"])
    made = await api.post(PATH, ASKED)
    assert codes(await api.put(f"{PATH}/{made.json['id']}", {"url": url})) == ["/url"]


async def test_events_and_stores_that_are_none_are_refused(api: Api) -> None:
    assert codes(await api.post(PATH, {**ASKED, "events": ["reservation.lost"]})) == ["/events/0"]
    assert codes(await api.post(PATH, {**ASKED, "stores": ["nowhere"]})) == ["/stores"]


async def test_there_are_only_so_many(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.webhooks.MOST_ENDPOINTS", 1)
    assert (await api.post(PATH, ASKED)).status == 201
    assert (await api.post(PATH, ASKED)).status == 422


async def test_a_key_of_some_stores_has_endpoints_of_those_only(api: Api, shop: Shop) -> None:
    for store in ("lyon", "nice"):
        await shop.store(store)
    key = await api.key(Scope.ADMIN, stores=["lyon"])
    mine = await api.post(PATH, ASKED, key=key)
    assert mine.json["stores"] == ["lyon"]
    assert (await api.post(PATH, {**ASKED, "stores": ["lyon", "nice"]}, key=key)).json["code"] == "forbidden"
    assert (await api.post(PATH, {**ASKED, "stores": ["nowhere"]}, key=key)).json["code"] == "forbidden"
    for stores in (["nice"], ["lyon", "nice"], []):
        foreign = await api.post(PATH, {**ASKED, "stores": stores})
        one = f"{PATH}/{foreign.json['id']}"
        answers = [
            await api.get(one, key=key),
            await api.put(one, ASKED, key=key),
            await api.delete(one, key=key),
            await api.post(one + "/rotate", key=key),
            await api.post(one + "/test", key=key),
            await api.get(one + "/deliveries", key=key),
            await api.post(one + "/replay", {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}, key=key),
        ]
        assert {told.status for told in answers} == {404}
    assert [one["id"] for one in (await api.get(PATH, key=key)).json["items"]] == [mine.json["id"]]


async def test_a_ping_arrives_and_is_seen_among_the_deliveries(near: Api, shop: Shop, receiver: Receiver) -> None:
    made = await near.post(PATH, {"url": receiver.url})
    one = f"{PATH}/{made.json['id']}"
    ping = await near.post(one + "/test")
    assert (ping.status, ping.json["state"], ping.json["store"]) == (202, "pending", None)
    await send(shop)
    [seen] = receiver.seen
    assert seen.verified(made.json["secret"])["type"] == "webhook.ping"
    assert seen.id == ping.json["message_id"]
    [delivery] = (await near.get(one + "/deliveries")).json["items"]
    assert (delivery["id"], delivery["state"], delivery["attempts"], delivery["last_status"]) == (
        ping.json["id"],
        "delivered",
        1,
        204,
    )


async def test_a_cloudevents_endpoint_says_its_format_and_fields_and_is_pinged_in_it(
    near: Api, shop: Shop, receiver: Receiver
) -> None:
    asked = {"url": receiver.url, "format": "cloudevents", "fields": ["phone", "email", "email"]}
    made = await near.post(PATH, asked)
    one = f"{PATH}/{made.json['id']}"
    assert ((await near.get(one)).json["format"], made.json["fields"]) == ("cloudevents", ["email", "phone"])
    assert (await near.post(one + "/test")).status == 202
    await send(shop)
    [seen] = receiver.seen
    assert seen.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert seen.verified(made.json["secret"]) == {
        "specversion": "1.0",
        "id": seen.id,
        "source": f"http://shop.example/v1/webhook-endpoints/{made.json['id']}",
        "type": "webhook.ping",
        "time": seen.told["time"],
        "datacontenttype": "application/json",
        "data": {"endpoint": made.json["id"]},
    }
    changed = await near.put(one, {"url": receiver.url})
    assert (changed.json["format"], changed.json["fields"]) == ("standard", [])


async def test_what_is_no_format_and_no_field_is_refused(api: Api) -> None:
    refused = await api.post(PATH, {**ASKED, "format": "xml", "fields": ["shoe_size"]})
    assert (refused.status, sorted(codes(refused))) == (422, ["/fields/0", "/format"])


async def test_who_is_switched_off_is_not_pinged(api: Api) -> None:
    made = await api.post(PATH, {**ASKED, "active": False})
    assert (await api.post(f"{PATH}/{made.json['id']}/test")).json["code"] == "endpoint_inactive"


async def test_a_ping_that_finds_nobody_switches_off_in_a_shop_without_stores(
    near: Api, shop: Shop, receiver: Receiver
) -> None:
    made = await near.post(PATH, {"url": receiver.url})
    one = f"{PATH}/{made.json['id']}"
    await near.post(one + "/test")
    receiver.answers = [410]
    await send(shop)
    read = (await near.get(one)).json
    assert (read["active"], read["disabled_reason"]) == (False, "gone")
    assert (await near.put(one, {"url": receiver.url})).json["disabled_reason"] is None


async def test_deliveries_are_listed_by_state_and_page_the_newest_first(
    near: Api, shop: Shop, receiver: Receiver
) -> None:
    made = await near.post(PATH, {"url": receiver.url})
    one = f"{PATH}/{made.json['id']}/deliveries"
    await shop.stock("tea", 50)
    for _ in range(5):
        await shop.hold("tea", 1)
    receiver.answers = [500]
    await send(shop)
    everything = (await near.get(one)).json["items"]
    assert len(everything) == 5
    assert everything == sorted(everything, key=lambda each: str(each["id"]), reverse=True)
    [failed] = (await near.get(one + "?state=pending")).json["items"]
    assert (failed["reason"], failed["last_status"], failed["attempts"]) == ("http_500", 500, 1)
    assert failed["next_attempt_at"]
    assert len((await near.get(one + "?state=delivered")).json["items"]) == 4
    first = (await near.get(one + "?limit=3")).json
    rest = (await near.get(f"{one}?limit=3&cursor={first['next_cursor']}")).json
    assert [*first["items"], *rest["items"]] == everything
    assert rest["next_cursor"] is None


async def test_a_time_is_replayed_and_only_once_for_its_key(near: Api, shop: Shop, receiver: Receiver) -> None:
    made = await near.post(PATH, {"url": receiver.url})
    replay = f"{PATH}/{made.json['id']}/replay"
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await send(shop)
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    asked = {"from": (now - hour).isoformat(), "to": (now + hour).isoformat()}
    assert (await near.post(replay, {**asked, "state": "dead"})).json == {"queued": 0}
    assert (await near.post(replay, {"from": (now - 2 * hour).isoformat(), "to": asked["from"]})).json == {"queued": 0}
    for _ in range(2):
        assert (await near.post(replay, asked, once="again")).json == {"queued": 4}
        await send(shop)
    ids = [seen.id for seen in receiver.seen]
    assert ids == [*ids[:4]] * 2


async def test_what_happened_while_it_was_off_is_brought_by_replaying_the_time(
    near: Api, shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.deliveries.MISSED_AT_ONCE", 3)
    for store in ("lyon", "nice"):
        await shop.stock("tea", 50, store=store)
    described = {"url": receiver.url, "format": "cloudevents", "stores": ["lyon"]}
    one = f"{PATH}/{(await near.post(PATH, described)).json['id']}"
    await shop.hold("tea", 1)
    await relay(shop)
    await shop.pool.execute("update webhook_endpoint set active = false, disabled_at = now(), disabled_reason = 'gone'")
    for store in ("lyon", "lyon", "nice"):
        await shop.ready("tea", 1, store=store)
    await relay(shop)
    assert (await near.put(one, described)).status == 200
    await send(shop)
    assert len(receiver.seen) == 1  # what waited
    now, hour = datetime.now(UTC), timedelta(hours=1)
    asked = {"from": (now - hour).isoformat(), "to": (now + hour).isoformat()}
    earlier = {"from": (now - 3 * hour).isoformat(), "to": asked["from"]}
    for others in (earlier, {**asked, "state": "dead"}):
        assert (await near.post(one + "/replay", others)).json == {"queued": 0}
    assert (await near.post(one + "/replay", asked)).json == {"queued": 1 + 8}
    await send(shop)
    told = [seen.told for seen in receiver.seen[1:]]
    assert len({event["id"] for event in told}) == 9
    assert {event["source"].rpartition("/v1")[2] for event in told} == {"/stores/lyon"}
    by_order: dict[str, list[str]] = {}
    for event in told:
        by_order.setdefault(event["subject"], []).append(event["type"].rpartition(".")[2])
    assert sorted(by_order.values()) == [["held"], *[["held", "confirmed", "picking", "ready"]] * 2]
    assert (await near.post(one + "/replay", asked)).json == {"queued": 9}  # written once


async def test_of_what_was_missed_the_time_that_was_asked_for_is_brought(
    near: Api, shop: Shop, receiver: Receiver
) -> None:
    """Events three hours apart, of which the endpoint wants one kind, and its owner some hours."""
    await shop.stock("tea", 5)
    for _ in range(3):
        await shop.ready("tea", 1)
    await relay(shop)
    await shop.pool.execute("update event set at = now() - make_interval(hours => (3 * (13 - position))::integer)")
    now, hour = datetime.now(UTC), timedelta(hours=1)
    for events, first, last, number in (
        ((), 16, 8, 3),
        ((), 40, 0, 12),
        (("reservation.ready",), 40, 8, 2),
        ((), 2, 0, 0),
    ):
        made = await near.post(PATH, {"url": receiver.url, "events": events})
        asked = {"from": (now - first * hour).isoformat(), "to": (now - last * hour).isoformat()}
        assert (await near.post(f"{PATH}/{made.json['id']}/replay", asked)).json == {"queued": number}


async def test_too_much_that_was_missed_is_refused_and_not_written(
    near: Api, shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.deliveries.MOST_REPLAYED", 3)
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await relay(shop)
    made = await near.post(PATH, {"url": receiver.url})
    asked = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}
    assert (await near.post(f"{PATH}/{made.json['id']}/replay", asked)).status == 422
    assert await shop.pool.fetchval("select count(*) from delivery") == 0


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"from": "2026-01-01T00:00:00Z"},
        {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"delivery": "01a20822-4f32-752c-b487-bc28d7e83e6d", "to": "2026-01-01T00:00:00Z"},
    ],
)
async def test_a_replay_names_one_delivery_or_a_time(api: Api, asked: dict[str, str]) -> None:
    made = await api.post(PATH, ASKED)
    assert (await api.post(f"{PATH}/{made.json['id']}/replay", asked)).status == 422


async def test_an_endless_replay_is_refused_and_of_nothing_too(
    near: Api, shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.deliveries.MOST_REPLAYED", 3)
    made = await near.post(PATH, {"url": receiver.url})
    replay = f"{PATH}/{made.json['id']}/replay"
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await relay(shop)
    told = await near.post(replay, {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"})
    assert told.status == 422
    assert "shorter time" in told.json["detail"]
    assert (await near.post(replay, {"delivery": made.json["id"]})).status == 404


async def test_what_waits_and_what_is_dead_is_measured(near: Api, shop: Shop, receiver: Receiver) -> None:
    await near.post(PATH, {"url": receiver.url})
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await relay(shop)
    await shop.pool.execute(
        "update delivery set next_attempt_at = now() - interval '100 seconds' where type = 'reservation.held'"
    )
    await shop.pool.execute("update delivery set state = 'dead' where type = 'reservation.ready'")
    for _ in ("gone", "by hand"):
        await near.post(PATH, {"url": receiver.url, "active": False})
    await shop.pool.execute(
        "update webhook_endpoint set disabled_reason = 'gone'"
        " where id = (select id from webhook_endpoint where not active limit 1)"
    )
    families = {
        family.name: {one.labels.get("what"): one.value for one in family.samples}
        for family in text_string_to_metric_families((await near.get("/metrics", key="")).text)
    }
    assert families["comptoir_webhook_deliveries"] == {"pending": 3, "dead": 1}
    assert families["comptoir_webhook_endpoints"] == {"active": 1, "switched_off": 1}
    assert families["comptoir_oldest_undone_seconds"]["deliveries"] == pytest.approx(100, abs=5)
