"""Webhook endpoints: which events oblige to which deliveries, and what their secrets sign."""

import json
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from service import deliveries, events, webhooks
from service.callers import Caller, Scope
from service.database import connection, transaction
from service.events import Relayed
from service.models.webhooks import WebhookEndpoint, WebhookEndpointBody
from tests.shop import Shop

OWNER = Caller("key:owner", frozenset({Scope.ADMIN}))


async def listen(
    shop: Shop, url: str = "https://shop.example/hooks", *, caller: Caller = OWNER, **fields: Any
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint, and say its secret."""
    body = WebhookEndpointBody(url=url, **fields)
    async with transaction(shop.pool) as db:
        return await webhooks.create(db, body, caller=caller, private=True)


async def relay(shop: Shop) -> Relayed:
    """Give every event its place."""
    told = Relayed()
    while stores := await events.waiting_stores(shop.pool):
        for store in stores:
            done = await events.relay(shop.pool, store)
            told = Relayed(told.events + done.events, 0, told.deliveries + done.deliveries)
    return told


async def owed(shop: Shop, endpoint: WebhookEndpoint | None = None) -> Sequence[asyncpg.Record]:
    """What is owed to an endpoint, or to all."""
    return await shop.pool.fetch(
        "select * from delivery where $1::uuid is null or endpoint_id = $1 order by event_seq",
        endpoint and endpoint.id,
    )


async def test_an_endpoint_hears_of_every_event_under_its_id(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await listen(shop)
    await shop.ready("tea", 1)
    assert (await relay(shop)).deliveries == 4
    ids = await shop.pool.fetch("select id from event order by seq")
    assert [row["message_id"] for row in await owed(shop)] == [row["id"] for row in ids]


async def test_a_webhook_says_what_pulling_says(shop: Shop) -> None:
    await shop.stock("tea", 1)
    await listen(shop)
    await shop.hold("tea", 1)
    await relay(shop)
    async with connection(shop.pool) as db:
        pulled = [json.loads(event.body) for event in await events.after(db, {}, limit=10)]
    bodies = [json.loads(row["body"]) for row in await owed(shop)]
    assert [body["type"] for body in bodies] == ["reservation.held", "stock.out"]
    for body, event in zip(bodies, pulled, strict=True):
        assert body["timestamp"] == event["at"]
        assert body["data"] == {**event["data"], "store": event["store"], "position": event["position"]}


async def test_an_endpoint_hears_of_the_events_and_stores_it_asked_for(shop: Shop) -> None:
    for store in ("lyon", "nice"):
        await shop.stock("tea", 5, store=store)
    some, _ = await listen(shop, events=("reservation.ready",))
    nice, _ = await listen(shop, stores=("nice",))
    off, _ = await listen(shop, active=False)
    for store in ("lyon", "nice"):
        await shop.ready("tea", 1, store=store)
    await relay(shop)
    assert [(row["store_id"], row["type"]) for row in await owed(shop, some)] == [
        ("lyon", "reservation.ready"),
        ("nice", "reservation.ready"),
    ]
    assert {row["store_id"] for row in await owed(shop, nice)} == {"nice"}
    assert len(await owed(shop, nice)) == 4
    assert await owed(shop, off) == []


async def test_an_endpoint_of_a_key_of_some_stores_hears_of_those_only(shop: Shop) -> None:
    for store in ("lyon", "nice"):
        await shop.stock("tea", 5, store=store)
    bound = Caller("key:bound", frozenset({Scope.ADMIN}), frozenset({"lyon"}))
    endpoint, _ = await listen(shop, caller=bound)
    assert endpoint.stores == ["lyon"]
    for store in ("lyon", "nice"):
        await shop.hold("tea", 1, store=store)
    await relay(shop)
    assert {row["store_id"] for row in await owed(shop)} == {"lyon"}


async def test_without_an_endpoint_nothing_is_owed_and_nothing_is_asked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.stock("tea", 5)
    await shop.store("nice")
    await listen(shop, stores=("nice",))
    await listen(shop, active=False)
    await shop.hold("tea", 1)
    monkeypatch.delattr(deliveries, "owe")  # asking would fail
    assert await relay(shop) == Relayed(1, 0, 0)


async def test_an_event_told_twice_is_owed_once(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await listen(shop)
    await shop.hold("tea", 1)
    await relay(shop)
    async with transaction(shop.pool) as db:
        assert await deliveries.owe(db, "lyon", after=0, until=10) == 0
    assert len(await owed(shop)) == 1


async def test_places_and_deliveries_come_together_or_not_at_all(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await listen(shop)
    await shop.hold("tea", 1)
    await shop.pool.execute("alter table delivery add constraint broken check (type <> 'reservation.held')")
    try:
        await events.waiting_stores(shop.pool)
        with pytest.raises(asyncpg.CheckViolationError, match="broken"):
            await events.relay(shop.pool, "lyon")
        assert await shop.pool.fetchval("select count(*) from event where position is not null") == 0
    finally:
        await shop.pool.execute("alter table delivery drop constraint broken")
    assert (await relay(shop)).deliveries == 1


async def test_a_webhook_names_nobody(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await listen(shop)
    collected = await shop.collected(
        "tea",
        1,
        customer={"name": "Canari Jaune", "email": "canari@atelier.example", "phone": "+33639980000"},
        note="Canari au fond de la cour",
        delegate={"name": "Canari Bleu", "phone": "+33639980001"},
    )
    await shop.take("undo", collected, reason="Canari est reparti")
    await relay(shop)
    bodies = " ".join(row["body"] for row in await owed(shop)).lower()
    assert collected["id"] in bodies
    for secret in ("canari", "3998000", collected["pickup_code"].lower(), collected["pickup_url"].rpartition("/")[2]):
        assert secret.lower() not in bodies


def test_signatures_are_those_of_the_standard() -> None:
    assert (
        webhooks.sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_secret_is_drawn_anew_for_everyone() -> None:
    secrets = {webhooks.new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(secret.startswith("whsec_") for secret in secrets)


async def test_a_moved_endpoint_begins_with_a_clean_slate(shop: Shop) -> None:
    endpoint, _ = await listen(shop)
    await shop.stock("tea", 5)
    await shop.hold("tea", 1)
    await relay(shop)
    for fields in ({"url": "https://elsewhere.example/"}, {"url": endpoint.url}):
        await shop.pool.execute(
            "update webhook_endpoint set failing_since = now(), rest_until = now(), active = ($1 <> url)", fields["url"]
        )
        await shop.pool.execute("update delivery set attempts = 8, next_attempt_at = now() + interval '1 day'")
        async with transaction(shop.pool) as db:
            moved = await webhooks.replace(db, endpoint.id, WebhookEndpointBody(**fields), caller=OWNER, private=True)
            endpoint = moved
        assert (moved.active, moved.failing_since) == (True, None)
        assert await deliveries.due(shop.pool) == [endpoint.id], "what waited is sent, and not in a day"


async def test_the_same_event_is_told_to_a_marketing_system_as_a_cloudevent(shop: Shop) -> None:
    await shop.stock("tea", 5)
    plain, _ = await listen(shop)
    forwarded, _ = await listen(shop, "https://crm.example/events", format="cloudevents")
    held = await shop.hold("tea", 1)
    await events.waiting_stores(shop.pool)  # begins the stream
    await events.relay(shop.pool, "lyon", source="https://collect.example")
    [standard], [cloud] = await owed(shop, plain), await owed(shop, forwarded)
    told, event = json.loads(standard["body"]), json.loads(cloud["body"])
    assert standard["message_id"] == cloud["message_id"]
    assert (standard["format"], cloud["format"]) == ("standard", "cloudevents")
    assert event == {
        "specversion": "1.0",
        "id": str(cloud["message_id"]),
        "source": "https://collect.example/v1/stores/lyon",
        "type": "reservation.held",
        "subject": held["id"],
        "time": told["timestamp"],
        "datacontenttype": "application/json",
        "data": told["data"],
    }


@pytest.mark.parametrize("format", ["standard", "cloudevents"])
async def test_of_the_customer_an_endpoint_hears_the_fields_its_owner_named(shop: Shop, format: str) -> None:
    await shop.stock("tea", 5)
    nothing, _ = await listen(shop, format=format)
    some, _ = await listen(shop, format=format, fields=["name", "email", "company"])
    customer = {"name": "Canari Jaune", "email": "canari@atelier.example", "phone": "+33639980000", "locale": "fr-FR"}
    held = await shop.hold("tea", 1, customer=customer)
    await shop.stock("cup", 0)
    await relay(shop)
    about = {row["subject"]: row for row in await owed(shop, some)}
    stored = await shop.pool.fetchrow("select customer_name as name, email from reservation")
    assert stored is not None
    assert json.loads(about[held["id"]]["body"])["data"]["customer"] == dict(stored)
    assert "3998" not in about[held["id"]]["body"]
    assert [row["subject"] for row in about.values() if row["personal"]] == [held["id"]]
    for row in await owed(shop, nothing):
        assert "customer" not in json.loads(row["body"])["data"]
        assert not row["personal"]


async def test_a_customer_who_was_forgotten_is_not_told_of(shop: Shop) -> None:
    await shop.stock("tea", 5)
    endpoint, _ = await listen(shop, fields=["name", "email"])
    await shop.hold("tea", 1)
    await shop.pool.execute("update reservation set customer_name = null, email = null")
    await relay(shop)
    [row] = await owed(shop, endpoint)
    assert "customer" not in json.loads(row["body"])["data"]
