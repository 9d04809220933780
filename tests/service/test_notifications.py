"""Messages: who is told what, when it is still true, and how an attempt ends."""

import asyncio
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import pytest

from service import changes, events, message_policies, notifications, sendings
from service.callers import CUSTOMER
from service.database import Pool, transaction
from service.errors import NothingToSend, UnknownReservation
from service.models.notifications import Kind
from service.models.steps import ChangeBody
from service.opt_outs import OptOuts
from service.sendings import Attempt, Fate
from tests.shop import Shop

BOTH = {"name": "Camille Durand", "email": "camille@atelier.example", "phone": "+33639980001"}
BY_MAIL = {"name": "Camille Durand", "email": "camille@atelier.example"}
BY_PHONE = {"name": "Camille Durand", "phone": "+33639980001"}


async def tell(shop: Shop) -> list[str]:
    """Relay what happened; the messages that are owed, in words."""
    while stores := await events.waiting_stores(shop.pool):  # while anybody else, like a worker, is at it
        for store in stores:
            await events.relay(shop.pool, store)
    rows = await shop.pool.fetch("select kind, channel, person from notification order by event_seq, channel, person")
    return [f"{row['kind']} {row['channel']} {row['person']}" for row in rows]


async def claim_all(shop: Shop, channel: str = "email") -> list[dict[str, Any]]:
    """Take everything that is due on a channel."""
    rows = []
    for store, ids in (await sendings.due(shop.pool, channel, 100, carrier="smtp", carriers=["smtp"])).items():
        claimed, _ = await sendings.claim(shop.pool, store, ids, links=shop.links, opt_outs=OptOuts(shop.settings))
        rows += claimed
    return rows


def attempt_of(row: dict[str, Any]) -> Attempt:
    return Attempt(row["store_id"], row["id"], row["attempts"])


async def states(pool: Pool) -> list[tuple[str, str, str | None]]:
    rows = await pool.fetch("select kind, state, reason from notification order by event_seq, channel, person")
    return [tuple(row) for row in rows]


@pytest.fixture
async def tea(shop: Shop) -> Shop:
    await shop.stock("tea", 50)
    return shop


async def test_a_customer_with_both_gets_every_mail_and_a_text_for_what_cannot_wait(tea: Shop) -> None:
    await tea.collected("tea", 1, customer=BOTH)
    assert await tell(tea) == [
        "confirmed email customer",
        "ready email customer",
        "ready sms customer",
        "collected email customer",
    ]


async def test_a_customer_without_mail_gets_everything_as_text(tea: Shop) -> None:
    await tea.collected("tea", 1, customer=BY_PHONE)
    assert await tell(tea) == ["confirmed sms customer", "ready sms customer", "collected sms customer"]


async def test_a_customer_without_phone_gets_mail_only(tea: Shop) -> None:
    await tea.cancel(await tea.hold("tea", 1, customer=BY_MAIL))
    assert await tell(tea) == ["cancelled email customer"]


async def test_the_delegate_is_told_when_it_is_ready(tea: Shop) -> None:
    await tea.ready("tea", 1, customer=BY_MAIL, delegate={"name": "Noé", "phone": "+33639980002"})
    assert await tell(tea) == ["confirmed email customer", "ready email customer", "ready sms delegate"]
    ready = [row for channel in ("email", "sms") for row in await claim_all(tea, channel) if row["kind"] == "ready"]
    assert [(row["person"], row["address"]) for row in ready] == [
        ("customer", "camille@atelier.example"),
        ("delegate", "+33639980002"),
    ]


async def test_who_is_no_longer_to_collect_it_gets_no_code(tea: Shop) -> None:
    noe = {"name": "Noé", "phone": "+33639980002"}
    same, other, nobody = [await tea.ready("tea", 1, customer=BY_MAIL, delegate=noe) for _ in range(3)]
    await tell(tea)
    for ready, delegate in (
        (same, noe | {"name": "Noé Martin"}),
        (other, noe | {"phone": "+33639980003"}),
        (nobody, None),
    ):
        async with transaction(tea.pool) as db:
            body = ChangeBody.model_validate({"delegate": delegate})
            await changes.change(db, "lyon", UUID(ready["id"]), body, caller=CUSTOMER, links=tea.links)
    assert [(row["reservation_id"], row["address"]) for row in await claim_all(tea, "sms")] == [
        (UUID(same["id"]), noe["phone"])
    ]
    assert [found for found in await states(tea.pool) if found[1] == "suppressed"] == [
        ("ready", "suppressed", "delegate_changed")
    ] * 2


async def test_what_waits_goes_where_its_customer_is_reached_by_then(tea: Shop) -> None:
    moved, left, doubted = [await tea.confirm(await tea.hold("tea", 1, customer=BY_MAIL)) for _ in range(3)]
    await tell(tea)
    await tea.pool.execute(
        "update notification set doubts = 1, state = 'unknown' where reservation_id = $1", UUID(doubted["id"])
    )
    new, away = {"email": "neuf@atelier.example"}, {"email": None, "phone": "+33639980003"}
    for order, named in ((moved, new), (left, away), (doubted, new)):
        async with transaction(tea.pool) as db:
            body = ChangeBody.model_validate(named)
            await changes.change(db, "lyon", UUID(order["id"]), body, caller=CUSTOMER, links=tea.links)
    mails, texts = await claim_all(tea), await claim_all(tea, "sms")
    assert {(str(row["reservation_id"]), row["address"]) for row in (*mails, *texts)} == {
        (moved["id"], "neuf@atelier.example"),
        (left["id"], "+33639980003"),
        (doubted["id"], BY_MAIL["email"]),  # it may have gone there, and is looked up there
    }


async def test_relaying_again_owes_nothing_twice(tea: Shop) -> None:
    await tea.ready("tea", 1, customer=BOTH)
    first = await tell(tea)
    await tea.pool.execute("update event set position = null")
    await tea.pool.execute("update stream set position = 0")
    assert await tell(tea) == first


async def test_the_customer_is_asked_about_a_short_line(tea: Shop) -> None:
    held = await tea.hold("tea", 2, customer=BOTH, if_short="ask")
    for action in ("confirm", "pick"):
        held = await tea.take(action, held)
    await tea.take("shelve", held, lines=[{"sku": "tea", "found": 1}])
    assert (await tell(tea))[1:] == ["short email customer", "short sms customer"]


async def test_a_message_is_claimed_by_one_sender(tea: Shop) -> None:
    for _ in range(20):
        await tea.ready("tea", 1, customer=BY_MAIL)
    await tell(tea)
    claimed = await asyncio.gather(*(claim_all(tea) for _ in range(5)))
    ids = [row["id"] for rows in claimed for row in rows]
    assert len(ids) == len(set(ids)) == 40


async def test_what_its_words_are_made_of_comes_with_the_claim(tea: Shop) -> None:
    ready = await tea.ready("tea", 2, customer=BY_MAIL)
    await tell(tea)
    row = (await claim_all(tea))[1]
    assert (row["kind"], row["address"], row["attempts"]) == ("ready", "camille@atelier.example", 1)
    assert ready["pickup_code"] in row["reservation"]


@pytest.mark.parametrize(
    ("action", "reason"), [("cancel", "order_cancelled"), ("lapse", "order_uncollected"), ("unshelve", "order_picking")]
)
async def test_a_ready_message_is_not_sent_once_it_is_no_longer_true(tea: Shop, action: str, reason: str) -> None:
    ready = await tea.ready("tea", 1, customer=BY_PHONE)
    await tell(tea)
    await tea.take(action, ready)
    await claim_all(tea, "sms")
    assert ("ready", "suppressed", reason) in await states(tea.pool)


@pytest.mark.parametrize("kind", ["confirmed", "ready"])
async def test_a_message_to_who_has_collected_goes_out_at_once_or_never(tea: Shop, kind: str) -> None:
    await tea.collected("tea", 1, customer=BY_PHONE)
    await tell(tea)
    await tea.pool.execute("update event set at = at - interval '11 minutes' where type = 'reservation.' || $1", kind)
    await tea.collected("tea", 1, customer=BY_PHONE)
    await tell(tea)
    await claim_all(tea, "sms")
    told = [state for told, state, _ in await states(tea.pool) if told == kind]
    assert sorted(told) == ["sending", "suppressed"]


async def test_the_newer_of_two_ready_messages_goes_out(tea: Shop) -> None:
    ready = await tea.ready("tea", 1, customer=BY_PHONE)
    await tea.take("shelve", await tea.take("unshelve", ready))
    await tell(tea)
    await claim_all(tea, "sms")
    assert [found for found in await states(tea.pool) if found[0] == "ready"] == [
        ("ready", "suppressed", "told_anew"),
        ("ready", "sending", None),
    ]


async def test_a_forgotten_customer_is_told_nothing(tea: Shop) -> None:
    await tea.ready("tea", 1, customer=BY_PHONE)
    await tell(tea)
    await tea.pool.execute("update notification set address = null")
    assert await claim_all(tea, "sms") == []
    assert {state for _, state, _ in await states(tea.pool)} == {"suppressed"}


async def test_an_acceptance_is_the_end(tea: Shop) -> None:
    await tea.ready("tea", 1, customer=BY_PHONE)
    await tell(tea)
    for row in await claim_all(tea, "sms"):
        assert await sendings.begin(tea.pool, attempt_of(row), provider="smtp")
        await sendings.record(tea.pool, attempt_of(row), Fate("accepted", ref="x1"), provider="capture")
    assert {state for _, state, _ in await states(tea.pool)} == {"accepted"}
    assert await claim_all(tea, "sms") == []


async def test_a_busy_carrier_is_asked_later_and_later_and_then_given_up(tea: Shop) -> None:
    await tea.confirm(await tea.hold("tea", 1, customer=BY_PHONE))
    await tell(tea)
    waits = []
    for _ in range(11):
        [row] = await claim_all(tea, "sms")
        await sendings.record(tea.pool, attempt_of(row), Fate("pending", "smtp_421"), provider="smtp")
        waits.append(
            await tea.pool.fetchval("select extract(epoch from next_attempt_at - updated_at)::float from notification")
        )
        await tea.pool.execute("update notification set next_attempt_at = now() where state = 'pending'")
    for wait, planned in zip(waits, sendings.DELAYS, strict=False):
        assert planned * 0.79 < wait < planned * 1.21
    assert await states(tea.pool) == [("confirmed", "failed", "gave_up smtp_421")]
    assert await tea.events("notification.failed") == ["notification.failed"]


async def test_a_refusal_is_told_to_the_shop(tea: Shop) -> None:
    held = await tea.confirm(await tea.hold("tea", 1, customer=BY_PHONE))
    await tell(tea)
    [row] = await claim_all(tea, "sms")
    await sendings.record(tea.pool, attempt_of(row), Fate("failed", "smtp_550 5.1.1"), provider="smtp")
    event = await tea.pool.fetchrow("select * from event where type = 'notification.failed'")
    assert event is not None
    assert (event["reservation_id"], event["notification_id"]) == (UUID(held["id"]), row["id"])
    assert event["data"] == {"kind": "confirmed", "channel": "sms", "reason": "smtp_550 5.1.1"}
    assert await states(tea.pool) == [("confirmed", "failed", "smtp_550 5.1.1")]


async def expire_leases(shop: Shop) -> int:
    await shop.pool.execute(
        "update notification set lease_until = now(), next_attempt_at = now() where state = 'sending'"
    )
    return await sendings.release_abandoned(shop.pool)


async def test_who_dies_before_handing_over_leaves_no_doubt(tea: Shop) -> None:
    await tea.confirm(await tea.hold("tea", 1, customer=BY_PHONE))
    await tell(tea)
    [row] = await claim_all(tea, "sms")
    assert await sendings.release_abandoned(tea.pool) == 0  # its lease lasts
    assert await expire_leases(tea) == 1
    assert await states(tea.pool) == [("confirmed", "pending", None)]
    assert not await sendings.begin(tea.pool, attempt_of(row), provider="smtp")  # it wakes up, and is too late
    [again] = await claim_all(tea, "sms")
    assert (again["doubts"], again["attempts"]) == (0, 2)


async def test_who_dies_after_handing_over_leaves_a_doubt(tea: Shop) -> None:
    await tea.confirm(await tea.hold("tea", 1, customer=BY_PHONE))
    await tell(tea)
    [row] = await claim_all(tea, "sms")
    assert await sendings.begin(tea.pool, attempt_of(row), provider="smtp")
    assert await expire_leases(tea) == 1
    assert await states(tea.pool) == [("confirmed", "unknown", "sender_died")]
    [again] = await claim_all(tea, "sms")
    assert again["doubts"] == 1
    await sendings.record(tea.pool, attempt_of(again), Fate("pending", "smtp_421"), provider="smtp")
    assert await states(tea.pool) == [("confirmed", "unknown", "smtp_421")]  # a doubt stays one


async def test_a_doubt_left_by_the_dead_is_looked_into_when_its_carrier_wants_it(tea: Shop) -> None:
    """A receipt has the time that it has when an answer is lost."""
    await tea.confirm(await tea.hold("tea", 1, customer=BY_PHONE))
    await tell(tea)
    [row] = await claim_all(tea, "sms")
    assert await sendings.begin(tea.pool, attempt_of(row), provider="smtp", doubt_seconds=150)
    await tea.pool.execute("update notification set lease_until = now()")
    assert await sendings.release_abandoned(tea.pool) == 1
    assert await states(tea.pool) == [("confirmed", "unknown", "sender_died")]
    assert await claim_all(tea, "sms") == []
    waits = await tea.pool.fetchval("select next_attempt_at - now() from notification")
    assert timedelta(seconds=140) < waits <= timedelta(seconds=150)


async def test_who_wakes_up_too_late_does_not_hand_over(tea: Shop) -> None:
    await tea.confirm(await tea.hold("tea", 1, customer=BY_PHONE))
    await tell(tea)
    [row] = await claim_all(tea, "sms")
    await tea.pool.execute("update notification set lease_until = now()")
    assert not await sendings.begin(
        tea.pool, attempt_of(row), provider="smtp"
    )  # its time is up, though nobody has noticed
    await sendings.release_abandoned(tea.pool)
    [again] = await claim_all(tea, "sms")
    assert not await sendings.begin(tea.pool, attempt_of(row), provider="smtp")  # it is another's now
    assert await sendings.begin(tea.pool, attempt_of(again), provider="smtp")


async def test_an_acceptance_heard_late_still_counts(tea: Shop) -> None:
    await tea.confirm(await tea.hold("tea", 1, customer=BY_PHONE))
    await tell(tea)
    [row] = await claim_all(tea, "sms")
    await sendings.begin(tea.pool, attempt_of(row), provider="smtp")
    await expire_leases(tea)
    await sendings.record(tea.pool, attempt_of(row), Fate("accepted"), provider="smtp")
    assert await states(tea.pool) == [("confirmed", "accepted", None)]


async def test_the_word_of_an_earlier_attempt_is_void(tea: Shop) -> None:
    await tea.confirm(await tea.hold("tea", 1, customer=BY_PHONE))
    await tell(tea)
    [row] = await claim_all(tea, "sms")
    await expire_leases(tea)
    await claim_all(tea, "sms")
    for fate in (Fate("failed", "x"), Fate("pending", "x"), Fate("in_doubt", "x"), Fate("accepted")):
        await sendings.record(tea.pool, attempt_of(row), fate, provider="smtp")
        assert await states(tea.pool) == [("confirmed", "sending", None)]


async def test_a_message_can_be_asked_for_again(tea: Shop) -> None:
    ready = await tea.ready("tea", 1, customer=BOTH)
    await tell(tea)
    async with transaction(tea.pool) as db:
        told = await notifications.request(db, "lyon", UUID(ready["id"]), "sms", "key:clerk")
    assert (told.kind, told.channels) == ("ready", ["sms"])
    async with transaction(tea.pool) as db:
        await notifications.request(db, "lyon", UUID(ready["id"]), None, "key:clerk")
    assert (await tell(tea))[3:] == ["ready sms customer", "ready email customer", "ready sms customer"]
    assert len(await claim_all(tea, "sms")) == 3


async def test_nothing_to_send_is_said(tea: Shop) -> None:
    held = await tea.hold("tea", 1, customer=BY_PHONE)
    lapsed = await tea.take("lapse", await tea.ready("tea", 1))
    async with transaction(tea.pool) as db:
        with pytest.raises(NothingToSend, match="can't be reached by email"):
            await notifications.request(db, "lyon", UUID(held["id"]), "email", "key:clerk")
        with pytest.raises(NothingToSend, match="uncollected"):
            await notifications.request(db, "lyon", UUID(lapsed["id"]), None, "key:clerk")
        with pytest.raises(UnknownReservation):
            await notifications.request(db, "lyon", UUID(int=1), None, "key:clerk")


async def test_what_was_told_is_listed_without_addresses(tea: Shop) -> None:
    ready = await tea.ready("tea", 1, customer=BOTH)
    await tell(tea)
    async with transaction(tea.pool) as db:
        told = await notifications.of_reservation(db, "lyon", UUID(ready["id"]))
    assert [(one.kind, one.channel, one.state) for one in told] == [
        ("ready", "email", "pending"),
        ("ready", "sms", "pending"),
        ("confirmed", "email", "pending"),
    ]
    assert "camille" not in told[0].model_dump_json()


def test_every_kind_owed_can_be_true_and_says_so() -> None:
    assert set(get_args(Kind)) == {row.kind for row in notifications.STILL_TRUE} == set(message_policies.EVENTS)
    assert set(notifications.CURRENT.values()) < set(get_args(Kind))


async def test_another_channel_takes_over_once_from_one_that_failed_for_good(tea: Shop) -> None:
    await tea.confirm(await tea.hold("tea", 1, customer=BOTH))
    await tell(tea)
    [row] = await claim_all(tea)
    await sendings.begin(tea.pool, attempt_of(row), provider="smtp")
    for _ in range(2):  # recorded again, after an answer of PostgreSQL was lost
        await sendings.record(tea.pool, attempt_of(row), Fate("failed", "smtp_550"), provider="smtp")
    [instead] = await claim_all(tea, "sms")
    assert (instead["kind"], instead["address"]) == ("confirmed", "+33639980001")
    await sendings.record(tea.pool, attempt_of(instead), Fate("failed", "twilio_21211"), provider="twilio")
    assert await states(tea.pool) == [("confirmed", "failed", "smtp_550"), ("confirmed", "failed", "twilio_21211")]


@pytest.mark.parametrize("fate", [Fate("unknown", "no_answer_twice"), Fate("pending", "x"), Fate("in_doubt", "x")])
async def test_what_may_still_arrive_is_not_said_twice(tea: Shop, fate: Fate) -> None:
    await tea.confirm(await tea.hold("tea", 1, customer=BOTH))
    await tell(tea)
    [row] = await claim_all(tea)
    await sendings.record(tea.pool, attempt_of(row), fate, provider="smtp")
    assert len(await states(tea.pool)) == 1
