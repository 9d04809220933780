"""Several carriers: who takes over from whom, with whom a doubt stays, and what survives the death of a worker."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from service import carriers, notifications, sendings
from service.carriers import Standing
from service.database import connection
from tests.service.test_notifications import BY_PHONE
from tests.shop import Shop
from tests.workers.conftest import MailServer, Start, count, orders, until
from tests.workers.providers.exchange import Exchange, exchange
from tests.workers.providers.test_twilio import ACCOUNT, TOKEN, Books
from tests.workers.test_notifications import Moody, tell
from workers.notifications import Sender
from workers.providers.carrier import InDoubt, NotNow, NotYet, Refused
from workers.providers.twilio import Twilio


class Pair:
    """Two carriers of e-mails, the first one preferred."""

    def __init__(self, shop: Shop, first: Moody, second: Moody) -> None:
        self.shop = shop
        first.name, second.name = "first", "second"
        names = [first.name, second.name]
        self.senders = [Sender(shop.pool, shop.settings, "email", one, names) for one in (first, second)]

    async def send(self, rounds: int = 1) -> None:
        """So many rounds, in each of which everything that waits is due."""
        for _ in range(rounds):
            await self.shop.pool.execute(
                "update notification set next_attempt_at = now() where next_attempt_at is not null"
            )
            for sender in self.senders:
                while await sender.send_due():
                    pass


async def providers(shop: Shop) -> Counter[tuple[str, str]]:
    rows = await shop.pool.fetch("select provider, state from notification")
    return Counter((row["provider"], row["state"]) for row in rows)


async def test_while_the_first_does_well_the_second_has_nothing_to_do(shop: Shop) -> None:
    await orders(shop, 5)
    await tell(shop)
    first, second = Moody([]), Moody([])
    await Pair(shop, first, second).send()
    assert (len(first.given), len(second.given)) == (5, 0)


async def test_one_that_fails_often_is_rested_and_the_next_takes_over(shop: Shop) -> None:
    await orders(shop, 12)
    await tell(shop)
    first, second = Moody([NotNow("away")] * 100), Moody([])
    await Pair(shop, first, second).send(3)
    assert await providers(shop) == {("second", "accepted"): 12}
    assert len(first.given) < 24  # it was left alone
    async with connection(shop.pool) as db:
        assert 0 < (await carriers.resting(db))["email/first"] <= carriers.SHORTEST_REST


async def test_a_lone_message_that_two_attempts_could_not_hand_over_goes_to_the_next(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    first, second = Moody([NotNow("away")] * 100), Moody([NotNow("away"), None])
    pair = Pair(shop, first, second)
    tries = []
    for _ in range(5):
        await pair.send()
        tries.append((len(first.given), len(second.given)))
    assert tries == [(1, 0), (2, 0), (2, 1), (3, 1), (3, 2)]
    assert await providers(shop) == {("second", "accepted"): 1}
    assert await shop.pool.fetchval("select count(*) from carrier where rested_until > now()") == 0


async def test_a_message_waits_for_no_carrier_that_rests(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    first, second = Moody([NotNow("away")] * 3), Moody([])
    await shop.pool.execute("insert into carrier values ('email', 'second', 10, 1, now() + interval '1 minute')")
    await Pair(shop, first, second).send(4)
    assert (len(first.given), len(second.given)) == (4, 0)
    assert await providers(shop) == {("first", "accepted"): 1}


async def test_after_its_rest_it_is_tried_and_rests_twice_as_long_or_is_back(shop: Shop) -> None:
    standing = Standing(shop.pool, "email", "first")
    rests = []
    for _ in range(3):
        while not await standing.failed("away"):
            pass
        async with connection(shop.pool) as db:
            rests.append(round((await carriers.resting(db))["email/first"]))
        await shop.pool.execute("update carrier set rested_until = now()")
    assert rests == [15, 30, 60]
    for _ in range(carriers.LIMIT):
        await standing.succeeded()
    for _ in range(carriers.LIMIT // carriers.WEIGHT - 1):
        assert not await standing.failed("away")
    assert await standing.failed("away")
    async with connection(shop.pool) as db:
        assert round((await carriers.resting(db))["email/first"]) == 15


async def test_what_is_wrong_with_messages_says_nothing_of_their_carrier(shop: Shop) -> None:
    await orders(shop, 12)
    await tell(shop)
    first, second = Moody([Refused("no_such_address")] * 6 + [NotYet("mailbox_full")] * 6), Moody([])
    await Pair(shop, first, second).send()
    assert second.given == []
    assert await shop.pool.fetchval("select count(*) from carrier where rested_until > now()") == 0


async def test_a_doubt_is_settled_where_it_arose_and_sent_by_nobody_else_before(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    first, second = Moody([InDoubt("timeout")], found=False), Moody([], found=True)
    pair = Pair(shop, first, second)
    await pair.send()
    await shop.pool.execute(
        "insert into carrier values ('email', 'first', 10, 1, now() + interval '1 minute')"
        " on conflict (channel, name) do update set rested_until = now() + interval '1 minute'"
    )
    await pair.send(3)
    assert (second.given, second.asked, first.asked) == ([], 0, 0)
    assert await count(shop.pool, "unknown") == 1
    await shop.pool.execute("update carrier set rested_until = now()")
    first.answers = [NotNow("away")]
    await pair.send()  # it never had it, and can't now: it is nobody's any more
    assert first.asked == 1
    await shop.pool.execute("update carrier set rested_until = now() + interval '1 minute'")
    await pair.send()
    assert await providers(shop) == {("second", "accepted"): 1}
    assert second.asked == 0


async def test_a_doubt_with_a_carrier_that_is_gone_is_left_to_the_shop(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    first, second = Moody([InDoubt("timeout")], found=True), Moody([], found=True)
    await Pair(shop, first, second).send()
    alone = Sender(shop.pool, shop.settings, "email", second)
    await shop.pool.execute("update notification set next_attempt_at = now()")
    await alone.send_due()
    row = await shop.pool.fetchrow("select state, reason from notification")
    assert row is not None
    assert tuple(row) == ("unknown", "carrier_gone")
    assert second.given == []


@pytest.fixture
async def books() -> Books:
    return Books()


@pytest.fixture
async def server(books: Books) -> AsyncIterator[Exchange]:
    async with exchange(books.usual) as server:
        yield server


def by_twilio(server: Exchange) -> dict[str, str]:
    return {
        "SMS_PROVIDERS": '["twilio"]',
        "TWILIO_ACCOUNT": ACCOUNT,
        "TWILIO_TOKEN": TOKEN,
        "TWILIO_URL": server.url,
    }


async def test_half_an_hour_of_errors_and_timeouts_and_each_message_arrives_once(
    shop: Shop, server: Exchange, books: Books
) -> None:
    await orders(shop, 20, customer=BY_PHONE)
    await tell(shop)
    server.answers = [(500, {}), (503, {}), (502, {}), (429, {"code": 20429}), (504, {})] * 6
    carrier = Twilio(server.url, ACCOUNT, TOKEN, sender="", callback="", seconds=0.5)
    sender = Sender(shop.pool, shop.settings, "sms", carrier)
    for _ in range(8):
        await shop.pool.execute("update notification set next_attempt_at = now() where next_attempt_at is not null")
        await shop.pool.execute("update carrier set rested_until = now()")
        server.drop = _ == 4
        while await sender.send_due():
            pass
    await carrier.close()
    assert await count(shop.pool, "accepted") == 20
    assert len(books.messages) == 20


async def test_killed_after_twilio_took_them_the_next_worker_finds_them_there(
    shop: Shop, worker: Start, server: Exchange, books: Books
) -> None:
    await orders(shop, 3, customer=BY_PHONE)
    server.delay = 60
    one = await worker(**by_twilio(server))
    await until(lambda: len(books.messages) == 3)
    await one.kill()
    server.delay = 0
    await shop.pool.execute(
        "update notification set lease_until = now(), next_attempt_at = now() where state = 'sending'"
    )
    await worker(**by_twilio(server))
    await until(lambda: all_accepted(shop, 3))
    assert len(books.messages) == 3
    refs = await shop.pool.fetch("select provider_ref from notification order by 1")
    assert [row["provider_ref"] for row in refs] == ["SM0", "SM1", "SM2"]


async def all_accepted(shop: Shop, number: int) -> bool:
    return await count(shop.pool, "accepted") == number


async def test_a_slow_carrier_holds_up_no_other_channel(
    shop: Shop, worker: Start, server: Exchange, mail: MailServer
) -> None:
    await orders(shop, 60, customer=BY_PHONE)
    await orders(shop, 60)
    server.delay = 60
    await worker(**by_twilio(server), EMAIL_PROVIDERS='["smtp"]', SMTP_URL=mail.url)
    await until(lambda: len(mail.mailbox.taken) == 60, seconds=20)
    assert (
        await shop.pool.fetchval("select count(*) from notification where channel = 'sms' and state = 'accepted'") == 0
    )


async def test_what_never_works_is_given_up_seen_and_sent_again_by_hand(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    carrier = Moody([NotNow("away")] * 11)
    sender = Sender(shop.pool, shop.settings, "email", carrier)
    for _ in range(12):
        await shop.pool.execute("update notification set next_attempt_at = now() where next_attempt_at is not null")
        await shop.pool.execute("update carrier set rested_until = now()")
        await sender.send_due()
    assert len(carrier.given) == len(sendings.DELAYS) + 1
    row = await shop.pool.fetchrow("select state, reason from notification where channel = 'email'")
    assert row is not None
    assert tuple(row) == ("failed", "gave_up away")


async def test_what_is_sent_again_by_hand_is_another_sending_to_its_carrier(
    shop: Shop, server: Exchange, books: Books
) -> None:
    """The first one was refused by the network; of the second the answer is lost, and it never went out."""
    await orders(shop, 1, customer=BY_PHONE)
    await tell(shop)
    carrier = Twilio(server.url, ACCOUNT, TOKEN, sender="", callback="", seconds=0.5)
    sender = Sender(shop.pool, shop.settings, "sms", carrier)
    await sender.send_due()
    books.messages[0]["date_created"] = "Tue, 24 Nov 2020 10:15:00 +0000"
    await shop.pool.execute("update notification set state = 'failed'")
    id = await shop.pool.fetchval("select id from notification")
    async with connection(shop.pool) as db:
        await notifications.resend(db, "lyon", id)
    server.answers = [(504, {})]
    await sender.send_due()
    assert await count(shop.pool, "unknown") == 1
    await shop.pool.execute("update notification set next_attempt_at = now()")
    await sender.send_due()
    await carrier.close()
    assert await count(shop.pool, "accepted") == 1
    assert len(books.messages) == 2
    row = await shop.pool.fetchrow("select revivals, provider_ref from notification")
    assert row is not None
    assert tuple(row) == (1, "SM1")


def test_secrets_of_carriers_are_not_in_settings_as_text(shop: Shop) -> None:
    settings = shop.settings.model_copy(update={"twilio_token": SecretStr("quiet"), "brevo_key": SecretStr("quiet")})
    assert "quiet" not in repr(settings)
