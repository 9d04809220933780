"""Opting out: who said STOP is told nothing more on that channel, and nobody reads from the list whom it names."""

import pytest
from pydantic import SecretStr

from service import sendings
from service.database import connection
from service.opt_outs import OptOuts
from tests.service.test_notifications import BOTH, BY_PHONE, claim_all, states, tell
from tests.shop import Shop, settings_for

PHONE = "+33639980001"


@pytest.fixture
def opt_outs(shop: Shop) -> OptOuts:
    return OptOuts(shop.settings)


async def test_who_opted_out_is_out_of_that_channel_and_can_come_back(shop: Shop, opt_outs: OptOuts) -> None:
    async with connection(shop.pool) as db:
        assert not await opt_outs.is_out(db, "sms", PHONE)
        assert await opt_outs.add(db, "sms", PHONE, reason="stop", by="twilio")
        assert not await opt_outs.add(db, "sms", PHONE, reason="link", by="page")
        assert await opt_outs.is_out(db, "sms", PHONE)
        assert not await opt_outs.is_out(db, "email", PHONE)
        assert not await opt_outs.is_out(db, "sms", "+33639980009")
        assert await db.fetchval("select reason from opt_out") == "stop"
        assert await opt_outs.remove(db, "sms", PHONE)
        assert not await opt_outs.remove(db, "sms", PHONE)
        assert not await opt_outs.is_out(db, "sms", PHONE)


async def test_an_address_is_the_same_in_capitals(shop: Shop, opt_outs: OptOuts) -> None:
    async with connection(shop.pool) as db:
        await opt_outs.add(db, "email", "Camille@Atelier.example ", reason="link", by="page")
        assert await opt_outs.is_out(db, "email", "camille@atelier.example")


async def test_the_list_tells_nobody_whom_it_names(shop: Shop, opt_outs: OptOuts) -> None:
    async with connection(shop.pool) as db:
        await opt_outs.add(db, "sms", PHONE, reason="stop", by="twilio")
        kept = str([tuple(row) for row in await db.fetch("select * from opt_out")])
        assert PHONE not in kept
        assert "639980001" not in kept


async def test_a_new_key_forgets_nobody_and_carries_them_over(shop: Shop, database_url: str) -> None:
    before = OptOuts(settings_for(database_url))
    rotated = settings_for(database_url).model_copy(
        update={"token_keys": (SecretStr("n" * 40), *settings_for(database_url).token_keys)}
    )
    alone = rotated.model_copy(update={"token_keys": rotated.token_keys[:1]})
    async with connection(shop.pool) as db:
        await before.add(db, "sms", PHONE, reason="stop", by="twilio")
        assert not await OptOuts(alone).is_out(db, "sms", PHONE)
        assert await OptOuts(rotated).is_out(db, "sms", PHONE)  # met again: carried over
        assert await OptOuts(alone).is_out(db, "sms", PHONE)
        assert await OptOuts(rotated).remove(db, "sms", PHONE)
        assert await db.fetchval("select count(*) from opt_out") == 0


async def test_who_opted_out_is_sent_nothing_on_that_channel(shop: Shop, opt_outs: OptOuts) -> None:
    await shop.stock("tea", 5)
    await shop.ready("tea", 1, customer=BOTH)
    await tell(shop)
    async with connection(shop.pool) as db:
        await opt_outs.add(db, "sms", PHONE, reason="stop", by="twilio")
    assert await claim_all(shop, "sms") == []
    assert len(await claim_all(shop, "email")) == 2
    assert ("ready", "suppressed", "opted_out") in await states(shop.pool)


async def test_a_doubt_about_who_opted_out_remains_one(shop: Shop, opt_outs: OptOuts) -> None:
    await shop.stock("tea", 5)
    await shop.confirm(await shop.hold("tea", 1, customer=BY_PHONE))
    await tell(shop)
    [row] = await claim_all(shop, "sms")
    attempt = sendings.Attempt(row["store_id"], row["id"], row["attempts"])
    assert await sendings.begin(shop.pool, attempt, provider="smtp")
    await sendings.record(shop.pool, attempt, sendings.Fate("in_doubt", "timeout"), provider="smtp")
    async with connection(shop.pool) as db:
        await opt_outs.add(db, "sms", PHONE, reason="stop", by="twilio")
    await shop.pool.execute("update notification set next_attempt_at = now()")
    assert await claim_all(shop, "sms") == []
    assert await states(shop.pool) == [("confirmed", "unknown", "opted_out")]


async def test_who_wants_no_texts_is_written_to_once(shop: Shop, opt_outs: OptOuts) -> None:
    await shop.stock("tea", 5)
    await shop.cancel(await shop.hold("tea", 1, customer=BOTH))
    await tell(shop)
    await shop.pool.execute("delete from notification where channel = 'email'")  # as a policy without e-mail
    async with connection(shop.pool) as db:
        await opt_outs.add(db, "sms", PHONE, reason="stop", by="twilio")
    assert await claim_all(shop, "sms") == []
    [row] = await claim_all(shop, "email")
    assert (row["kind"], row["address"]) == ("cancelled", "camille@atelier.example")
    assert await claim_all(shop, "email") == []
    assert len(await states(shop.pool)) == 2
