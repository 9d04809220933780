"""Receipts: in any order, any number of times, they move a message forward and never back."""

import itertools
from typing import Any
from uuid import UUID

import pytest

from service import receipts, sendings
from service.database import transaction
from service.errors import NotFound
from service.opt_outs import OptOuts
from service.receipts import Report
from service.sendings import Fate
from tests.service.test_notifications import BOTH, BY_PHONE, attempt_of, claim_all, expire_leases, states, tell
from tests.shop import Shop


@pytest.fixture
async def sent(shop: Shop) -> Shop:
    """One text message, of which Twilio has said that it took it."""
    await shop.stock("tea", 5)
    await shop.confirm(await shop.hold("tea", 1, customer=BY_PHONE))
    await tell(shop)
    [row] = await claim_all(shop, "sms")
    await sendings.begin(shop.pool, attempt_of(row), provider="twilio")
    await sendings.record(shop.pool, attempt_of(row), Fate("accepted", ref="SM1"), provider="twilio")
    return shop


async def report(shop: Shop, status: str, state: str | None, **others: Any) -> bool:
    async with transaction(shop.pool) as db:
        said = Report(
            **{"provider": "twilio", "carrier": "twilio", "status": status, "ref": "SM1", "state": state, **others}
        )
        return await receipts.note(db, said, OptOuts(shop.settings))


async def message(shop: Shop) -> UUID:
    id = await shop.pool.fetchval("select id from notification order by event_seq, channel limit 1")
    assert isinstance(id, UUID)
    return id


SAID = {"queued": None, "sent": "accepted", "delivered": "delivered"}


async def test_shuffled_and_said_three_times_the_furthest_one_counts(sent: Shop) -> None:
    for order in itertools.permutations(SAID):
        await sent.pool.execute("update notification set state = 'accepted'")
        for status in order * 3:
            assert await report(sent, status, SAID[status])
        assert await states(sent.pool) == [("confirmed", "delivered", None)]
    async with transaction(sent.pool) as db:
        told = await receipts.history(db, "lyon", await message(sent))
    assert sorted(one.status for one in told.receipts) == sorted(SAID)
    assert set(await sent.events("notification.delivered")) == {"notification.delivered"}


async def test_a_delivery_outweighs_a_failure_and_not_the_other_way_round(sent: Shop) -> None:
    await report(sent, "undelivered", "failed", reason="twilio_30003")
    assert await states(sent.pool) == [("confirmed", "failed", "twilio_30003")]
    await report(sent, "delivered", "delivered")
    await report(sent, "failed", "failed", reason="twilio_30005")
    assert await states(sent.pool) == [("confirmed", "delivered", None)]
    assert await sent.events() == [
        *(type for type in await sent.events() if type.startswith("reservation.")),
        "notification.failed",
        "notification.delivered",
    ]


async def test_a_failure_of_an_earlier_sending_is_not_one_of_the_last(sent: Shop) -> None:
    await report(sent, "failed", "failed", ref="SM0", id=await message(sent))
    await sent.pool.execute("update notification set provider_ref = null, revivals = 1")
    await report(sent, "failed", "failed", id=await message(sent), revival=0)
    assert await states(sent.pool) == [("confirmed", "accepted", None)]
    await report(sent, "delivered", "delivered", id=await message(sent), revival=0)
    assert await states(sent.pool) == [("confirmed", "delivered", None)]


async def test_a_receipt_clears_a_doubt(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.confirm(await shop.hold("tea", 1, customer=BY_PHONE))
    await tell(shop)
    [row] = await claim_all(shop, "sms")
    await sendings.begin(shop.pool, attempt_of(row), provider="twilio")
    await expire_leases(shop)
    assert await states(shop.pool) == [("confirmed", "unknown", "sender_died")]
    assert await report(shop, "delivered", "delivered", id=await message(shop))
    assert await states(shop.pool) == [("confirmed", "delivered", None)]
    assert await shop.pool.fetchval("select provider_ref from notification") == "SM1"
    assert await claim_all(shop, "sms") == []


async def test_a_receipt_that_is_quicker_than_the_answer_stands(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.confirm(await shop.hold("tea", 1, customer=BY_PHONE))
    await tell(shop)
    [row] = await claim_all(shop, "sms")
    await sendings.begin(shop.pool, attempt_of(row), provider="twilio")
    await report(shop, "delivered", "delivered", id=await message(shop), ref=None)
    await sendings.record(shop.pool, attempt_of(row), Fate("accepted", ref="SM1"), provider="twilio")
    assert await states(shop.pool) == [("confirmed", "delivered", None)]
    assert await shop.pool.fetchval("select provider_ref from notification") == "SM1"


async def test_what_is_reported_as_failed_falls_back_once(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.confirm(await shop.hold("tea", 1, customer=BOTH))
    await tell(shop)
    [row] = await claim_all(shop)
    await sendings.begin(shop.pool, attempt_of(row), provider="smtp")
    await sendings.record(shop.pool, attempt_of(row), Fate("accepted"), provider="smtp")
    for _ in range(3):
        await report(shop, "bounce", "failed", reason="sendgrid_bounce 5.1.1", carrier="smtp", id=row["id"], ref=None)
    assert [row["kind"] for row in await claim_all(shop, "sms")] == ["confirmed"]
    assert len(await states(shop.pool)) == 2


async def test_who_complains_is_written_to_no_more(sent: Shop) -> None:
    await report(sent, "failed", "failed", reason="twilio_21610", opted_out=("sms", "+33639980001"))
    async with transaction(sent.pool) as db:
        assert await OptOuts(sent.settings).is_out(db, "sms", "+33639980001")


async def test_a_report_of_nobody_s_message_changes_nothing(sent: Shop) -> None:
    assert not await report(sent, "delivered", "delivered", ref="SM9")
    assert not await report(sent, "delivered", "delivered", id=UUID(int=1))
    assert await states(sent.pool) == [("confirmed", "accepted", None)]
    async with transaction(sent.pool) as db:
        with pytest.raises(NotFound):
            await receipts.history(db, "lyon", UUID(int=1))
