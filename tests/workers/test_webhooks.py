"""Webhooks against a receiver that misbehaves: signed, in order, at least once, never in each other's way."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from standardwebhooks import WebhookVerificationError

from service import deliveries, webhooks
from service.database import transaction
from service.deliveries import DELAYS, Attempt, Outcome
from service.models.webhooks import ReplayBody, WebhookEndpointBody
from tests.service.test_webhooks import OWNER, listen, relay
from tests.shop import Shop
from tests.workers.conftest import Start, until
from tests.workers.receiver import Receiver, receiving
from workers.outside import Outside
from workers.webhooks import Sender, recover


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def sender(shop: Shop) -> AsyncIterator[Sender]:
    sender = Sender(shop.pool, Outside(private=True), sealer=shop.links.sealer)
    yield sender
    await sender.close()


async def send(sender: Sender) -> None:
    """Send what is due, and wait for it."""
    await sender.send_due()
    await sender.finish()


async def send_all(shop: Shop, sender: Sender) -> None:
    """The same, with everything that waits made due, and nobody at rest."""
    await shop.pool.execute("update delivery set next_attempt_at = now() where state = 'pending'")
    await shop.pool.execute("update webhook_endpoint set rest_until = null")
    await send(sender)


async def told(shop: Shop, *lines: Any, **fields: Any) -> dict[str, Any]:
    """An order, relayed."""
    await shop.stock("tea", 50)
    held = await shop.hold(*(lines or ("tea", 1)), **fields)
    await relay(shop)
    return held


async def one(shop: Shop) -> asyncpg.Record:
    """The only delivery."""
    [row] = await shop.pool.fetch("select *, next_attempt_at - now() as wait from delivery")
    return row


async def test_three_failures_and_a_success_are_one_message(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    _, secret = await listen(shop, receiver.url + "/hooks")
    held = await told(shop)
    receiver.answers = [500, 500, 500]
    for _ in range(3):
        await send_all(shop, sender)
        await asyncio.sleep(1)  # a timestamp counts seconds
    await send_all(shop, sender)
    await send_all(shop, sender)
    assert len(receiver.seen) == 4
    assert len({seen.id for seen in receiver.seen}) == 1
    assert len({seen.body for seen in receiver.seen}) == 1
    assert len({seen.headers["webhook-timestamp"] for seen in receiver.seen}) == 4
    for seen in receiver.seen:
        assert seen.verified(secret)["data"]["id"] == held["id"]
    row = await one(shop)
    assert (row["state"], row["attempts"], row["last_status"], row["reason"]) == ("delivered", 4, 204, None)


async def test_a_cloudevent_is_the_same_bytes_at_every_attempt_whatever_changes_meanwhile(
    shop: Shop, sender: Sender, receiver: Receiver
) -> None:
    endpoint, secret = await listen(shop, receiver.url, format="cloudevents", fields=["name", "email"])
    held = await told(shop)
    receiver.answers = [500]
    await send_all(shop, sender)
    await shop.pool.execute("update reservation set customer_name = 'Somebody Else'")
    async with transaction(shop.pool) as db:
        body = WebhookEndpointBody(url=receiver.url, format="standard")
        await webhooks.replace(db, endpoint.id, body, caller=OWNER, private=True)
    await send_all(shop, sender)
    first, second = receiver.seen
    assert (first.id, first.body) == (second.id, second.body)
    assert {seen.headers["content-type"] for seen in receiver.seen} == {"application/cloudevents+json; charset=utf-8"}
    event = second.verified(secret)
    assert (event["id"], event["subject"]) == (second.id, held["id"])
    assert event["data"]["customer"] == {"name": "Camille Durand", "email": "camille@atelier.example"}
    assert "camille@" not in await shop.pool.fetchval("select body from delivery"), (
        "what is sealed at rest stays sealed"
    )


async def test_each_attempt_waits_longer_and_the_tenth_is_the_last(
    shop: Shop, sender: Sender, receiver: Receiver
) -> None:
    await listen(shop, receiver.url)
    await told(shop)
    receiver.answers = [500] * 20
    for delay in DELAYS:
        await send_all(shop, sender)
        assert delay - 2 < (await one(shop))["wait"].total_seconds() <= delay * 1.2
    assert (await one(shop))["state"] == "pending"
    await send_all(shop, sender)
    await send_all(shop, sender)
    row = await one(shop)
    assert (row["state"], row["attempts"], row["reason"]) == ("dead", 10, "http_500")
    assert len(receiver.seen) == 10


async def test_what_is_not_due_is_not_sent(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    await listen(shop, receiver.url)
    await told(shop)
    receiver.answers = [500]
    await send(sender)
    await send(sender)
    assert len(receiver.seen) == 1


async def test_while_a_secret_changes_both_verify(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    endpoint, old = await listen(shop, receiver.url)
    async with transaction(shop.pool) as db:
        changed, new = await webhooks.rotate(db, endpoint.id, hours=24, caller=OWNER)
    assert changed.old_secret_until
    await told(shop)
    await send(sender)
    [seen] = receiver.seen
    assert seen.verified(old) == seen.verified(new)
    with pytest.raises(WebhookVerificationError):
        seen.verified(webhooks.new_secret())
    await shop.pool.execute("update webhook_endpoint set old_secret_until = now()")
    await told(shop)
    await send(sender)
    receiver.seen[-1].verified(new)
    with pytest.raises(WebhookVerificationError):
        receiver.seen[-1].verified(old)


async def test_a_redirect_is_not_followed(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    await listen(shop, receiver.url + "/here")
    await told(shop)
    receiver.answers = [web.Response(status=302, headers={"Location": receiver.url + "/inside"})]
    await send(sender)
    assert [seen.path for seen in receiver.seen] == ["/here"]
    assert (await one(shop))["reason"] == "redirect"


@pytest.mark.parametrize("status", [429, 503])
async def test_who_asks_for_rest_is_left_alone(shop: Shop, sender: Sender, receiver: Receiver, status: int) -> None:
    await listen(shop, receiver.url)
    await told(shop)
    receiver.answers = [web.Response(status=status, headers={"Retry-After": "30"})]
    await send(sender)
    assert 28 < (await one(shop))["wait"].total_seconds() <= 30
    await told(shop)  # of another order: that is the same endpoint's rest
    await send(sender)
    assert len(receiver.seen) == 1
    await send_all(shop, sender)
    assert len(receiver.seen) == 3


async def test_who_is_gone_is_sent_nothing_more_and_the_owner_is_told(
    shop: Shop, sender: Sender, receiver: Receiver
) -> None:
    endpoint, _ = await listen(shop, receiver.url)
    watcher, _ = await listen(shop, receiver.url + "/watch", events=("webhook.disabled",))
    await told(shop)
    receiver.answers = [410]
    await send(sender)
    await told(shop)
    await send_all(shop, sender)
    assert [seen.path for seen in receiver.seen] == ["/", "/watch"]
    data = receiver.seen[1].told["data"]
    assert (data["endpoint"], data["reason"], data["store"]) == (str(endpoint.id), "gone", "lyon")
    async with transaction(shop.pool) as db:
        now = await webhooks.find(db, endpoint.id, caller=OWNER)
        assert (now.active, now.disabled_reason, now.version) == (False, "gone", 2)
        assert (await webhooks.find(db, watcher.id, caller=OWNER)).active


async def test_who_takes_nothing_for_five_days_is_switched_off_and_goes_on_where_it_stopped(
    shop: Shop, sender: Sender, receiver: Receiver
) -> None:
    endpoint, _ = await listen(shop, receiver.url)
    await told(shop)
    receiver.answers = [500, 500]
    await send_all(shop, sender)
    await shop.pool.execute("update webhook_endpoint set failing_since = now() - interval '4 days 23 hours'")
    await send_all(shop, sender)
    assert await shop.events("webhook.disabled") == []
    receiver.answers = [500]
    await shop.pool.execute("update webhook_endpoint set failing_since = now() - interval '5 days'")
    await send_all(shop, sender)
    assert await shop.events("webhook.disabled") == ["webhook.disabled"]
    async with transaction(shop.pool) as db:
        await webhooks.replace(db, endpoint.id, WebhookEndpointBody(url=endpoint.url), caller=OWNER, private=True)
    await send_all(shop, sender)
    row = await one(shop)
    assert (row["state"], row["attempts"]) == ("delivered", 4)


async def test_one_success_ends_the_failing(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    await listen(shop, receiver.url)
    await told(shop)
    receiver.answers = [500]
    await send_all(shop, sender)
    assert await shop.pool.fetchval("select failing_since is not null from webhook_endpoint")
    await send_all(shop, sender)
    assert await shop.pool.fetchval("select failing_since is null from webhook_endpoint")


async def test_those_of_one_order_come_in_order(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    await listen(shop, receiver.url)
    await shop.stock("tea", 50)
    first = await shop.ready("tea", 1)
    await relay(shop)
    receiver.answers = [500]
    await send(sender)
    assert len(receiver.seen) == 1  # confirmed, picking and ready wait for held
    second = await shop.ready("tea", 1)
    await relay(shop)
    await send(sender)
    assert [seen.told["data"]["id"] for seen in receiver.seen[1:]] == [second["id"]] * 4  # nobody else waits
    await send_all(shop, sender)
    states = ["held", "held", "confirmed", "picking", "ready"]
    assert [seen.told["data"]["state"] for seen in receiver.seen if seen.told["data"]["id"] == first["id"]] == states
    assert await shop.pool.fetchval("select count(*) from delivery where state = 'delivered'") == 8


async def test_what_waits_for_an_earlier_one_is_not_looked_at_in_vain(
    shop: Shop, sender: Sender, receiver: Receiver
) -> None:
    await listen(shop, receiver.url)
    await shop.stock("tea", 50)
    await shop.ready("tea", 1)
    await relay(shop)
    receiver.answers = [500] * 10
    await send(sender)
    assert await deliveries.due(shop.pool) == []
    assert len(await shop.pool.fetch("select distinct next_attempt_at from delivery")) == 1


async def test_what_is_dead_holds_up_nothing(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    await listen(shop, receiver.url)
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await relay(shop)
    await shop.pool.execute("update delivery set attempts = 9 where type = 'reservation.held'")
    receiver.answers = [500]
    await send_all(shop, sender)
    states = await shop.pool.fetch("select state from delivery order by event_seq")
    assert [row["state"] for row in states] == ["dead", "delivered", "delivered", "delivered"]


async def test_a_replay_sends_the_same_again(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    endpoint, secret = await listen(shop, receiver.url)
    await told(shop)
    await send(sender)
    row = await one(shop)
    async with transaction(shop.pool) as db:
        assert await deliveries.replay(db, endpoint.id, ReplayBody(delivery=row["id"]), caller=OWNER) == 1
    await send(sender)
    first, again = receiver.seen
    assert (first.id, first.body) == (again.id, again.body)
    again.verified(secret)


async def test_a_replay_wakes_what_waited_for_it(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    endpoint, _ = await listen(shop, receiver.url)
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await relay(shop)
    receiver.answers = [500]
    await send(sender)
    head = await shop.pool.fetchval("select id from delivery order by event_seq limit 1")
    async with transaction(shop.pool) as db:
        await deliveries.replay(db, endpoint.id, ReplayBody(delivery=head), caller=OWNER)
    await send(sender)
    assert await shop.pool.fetchval("select count(*) from delivery where state = 'delivered'") == 4


async def test_a_slow_endpoint_holds_up_no_other(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    await listen(shop, receiver.url + "/slow")
    await listen(shop, receiver.url + "/quick")
    receiver.slow.add("/slow")
    for _ in range(30):
        await told(shop)
    await sender.send_due()
    await until(lambda: len(receiver.at("/quick")) == 30, seconds=10)
    assert receiver.under_way["/slow"] == receiver.most_at_once["/slow"] == 8
    receiver.slow.clear()
    await sender.finish()
    assert len(receiver.at("/slow")) == 30


async def test_who_fails_is_asked_one_at_a_time(shop: Shop) -> None:
    endpoint, _ = await listen(shop)
    for _ in range(10):
        await told(shop)
    await shop.pool.execute("update webhook_endpoint set failing_since = now()")
    assert len(await deliveries.claim(shop.pool, endpoint.id, most=8)) == 1
    await shop.pool.execute("update webhook_endpoint set failing_since = null")
    assert len(await deliveries.claim(shop.pool, endpoint.id, most=8)) == 8


async def test_several_senders_send_each_once(shop: Shop, receiver: Receiver) -> None:
    await listen(shop, receiver.url)
    for _ in range(40):
        await told(shop)
    senders = [Sender(shop.pool, Outside(private=True), sealer=shop.links.sealer) for _ in range(4)]
    await asyncio.gather(*(send(sender) for sender in senders))
    for sender in senders:
        await sender.close()
    assert set(Counter(seen.id for seen in receiver.seen).values()) == {1}
    assert len(receiver.seen) == 40


async def test_an_answer_heard_late_counts_and_a_failure_heard_late_does_not(shop: Shop) -> None:
    endpoint, _ = await listen(shop)
    await told(shop)
    [row] = await deliveries.claim(shop.pool, endpoint.id, most=8)
    late = Attempt(row["store_id"], row["id"], endpoint.id, row["lease_until"], 0)
    await shop.pool.execute("update delivery set lease_until = now()")
    assert await recover(shop.pool) == 1
    await deliveries.record(shop.pool, late, Outcome(status=500))
    assert ((await one(shop))["state"], (await one(shop))["attempts"]) == ("pending", 0)
    assert await shop.pool.fetchval("select failing_since is null from webhook_endpoint")
    await deliveries.record(shop.pool, late, Outcome(status=200))
    assert (await one(shop))["state"] == "delivered"


async def test_a_sender_told_to_stop_begins_nothing(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    await listen(shop, receiver.url)
    await told(shop)
    await sender.stop()
    await send(sender)
    assert receiver.seen == []
    assert (await one(shop))["state"] == "pending"


async def test_killed_between_sending_and_recording_it_comes_again_under_the_same_id(
    shop: Shop, worker: Start, receiver: Receiver
) -> None:
    _, secret = await listen(shop, receiver.url)
    receiver.slow.add("/")
    first = await worker(ALLOW_PRIVATE_WEBHOOKS="true")
    await shop.stock("tea", 5)
    await shop.hold("tea", 1, customer={"name": "Canari Jaune", "email": "canari@atelier.example"})
    await until(lambda: receiver.seen)
    await first.kill()
    receiver.slow.clear()
    await shop.pool.execute("update delivery set lease_until = now() where state = 'sending'")
    second = await worker(ALLOW_PRIVATE_WEBHOOKS="true")
    await until(lambda: shop.pool.fetchval("select state = 'delivered' from delivery"))
    assert await second.stop() == 0
    before, after = receiver.seen
    assert (before.id, before.body) == (after.id, after.body)
    assert after.verified(secret)
    assert "webhook_sent" in second.said()
    assert "canari" not in (first.said() + second.said() + str(receiver.seen)).lower()


async def test_sigterm_during_a_sending_finishes_it(shop: Shop, worker: Start, receiver: Receiver) -> None:
    await listen(shop, receiver.url)
    receiver.slow.add("/")
    running = await worker(ALLOW_PRIVATE_WEBHOOKS="true")
    await told(shop)
    await until(lambda: receiver.seen)
    stopping = asyncio.create_task(running.stop())
    await asyncio.sleep(0.5)
    receiver.slow.clear()
    assert await stopping == 0
    assert (await one(shop))["state"] == "delivered"
    assert len(receiver.seen) == 1
