"""Sending: one round of a sender against carriers that misbehave in every way."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest

from service import events, sendings
from service.messages.letters import Letter
from tests.shop import Shop
from tests.workers.conftest import MailServer, orders
from workers.notifications import AT_ONCE, Sender, recover
from workers.providers.capture import Capture
from workers.providers.carrier import Carrier, InDoubt, NotNow, Refused
from workers.providers.smtp import Smtp


@dataclass
class Moody:
    """A carrier that answers as it is told, and remembers what it was given."""

    answers: list[Exception | None]
    found: bool | None = None  # what it says when asked; None: it can't tell
    name: str = "moody"
    doubt_seconds: float = 30
    given: list[str] = field(default_factory=list)
    asked: int = 0
    can_tell: bool = field(init=False)

    def __post_init__(self) -> None:
        self.can_tell = self.found is not None

    async def send(self, letter: Letter) -> str:
        self.given.append(letter.ref)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return "taken"

    async def look_up(self, letter: Letter) -> str | None:
        assert letter.ref in self.given
        self.asked += 1
        return "found" if self.found else None

    async def close(self) -> None: ...


async def tell(shop: Shop) -> None:
    for store in await events.waiting_stores(shop.pool):
        await events.relay(shop.pool, store)


async def send(shop: Shop, carrier: Carrier, rounds: int = 1) -> None:
    """So many rounds, in each of which everything that waits is due."""
    sender = Sender(shop.pool, shop.settings, "email", carrier)
    for _ in range(rounds):
        await shop.pool.execute("update notification set next_attempt_at = now() where next_attempt_at is not null")
        while await sender.send_due():
            pass


async def fate(shop: Shop) -> tuple[str, str | None]:
    row = await shop.pool.fetchrow("select state, reason from notification")
    assert row is not None
    return row["state"], row["reason"]


async def test_a_busy_carrier_is_asked_again(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    carrier = Moody([NotNow("busy"), NotNow("busy"), None])
    await send(shop, carrier)
    assert await fate(shop) == ("pending", "busy")
    await send(shop, carrier, 2)
    assert await fate(shop) == ("accepted", None)
    assert len(carrier.given) == 3


async def test_a_refusal_is_final(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    carrier = Moody([Refused("no_such_address")])
    await send(shop, carrier, 3)
    assert await fate(shop) == ("failed", "no_such_address")
    assert len(carrier.given) == 1


async def test_a_doubt_is_cleared_by_asking_where_the_carrier_can_tell(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    carrier = Moody([InDoubt("no answer")], found=True)
    await send(shop, carrier)
    assert await fate(shop) == ("unknown", "no answer")
    await send(shop, carrier)
    assert await fate(shop) == ("accepted", None)
    assert (len(carrier.given), carrier.asked) == (1, 1)


@dataclass
class Endless(Moody):
    """Asked, it never comes to an end."""

    async def look_up(self, letter: Letter) -> str | None:
        await super().look_up(letter)
        return await asyncio.Future()


async def test_a_doubt_that_its_carrier_is_slow_to_clear_remains_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.notifications.LOOKING_SECONDS", 0.02)
    await orders(shop, 1)
    await tell(shop)
    carrier = Endless([InDoubt("no answer")], found=True)
    await send(shop, carrier, 2)
    assert await fate(shop) == ("unknown", "slow_to_tell")
    assert (len(carrier.given), carrier.asked) == (1, 1)


async def test_what_the_carrier_never_got_is_sent(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    carrier = Moody([InDoubt("no answer"), InDoubt("no answer"), InDoubt("no answer")], found=False)
    await send(shop, carrier, 4)
    assert await fate(shop) == ("accepted", None)
    assert (len(carrier.given), carrier.asked) == (4, 3)


async def test_who_stood_still_after_the_beginning_leaves_it_to_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await orders(shop, 1)
    await tell(shop)
    slow, quick = Moody([], found=False), Moody([], found=False)
    with monkeypatch.context() as still:
        still.setattr("workers.notifications.PROMPT_SECONDS", -1.0)
        await send(shop, slow)
    assert (await fate(shop), slow.given) == (("sending", None), [])
    await shop.pool.execute("update notification set lease_until = now()")
    assert await recover(shop.pool) == 1
    quick.given = await shop.pool.fetchval("select array[id || '@localhost.example'] from notification")
    await send(shop, quick)
    assert (await fate(shop), quick.given[1:]) == (("accepted", None), quick.given[:1])


async def test_where_nobody_can_tell_it_is_sent_once_more_and_the_same(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    carrier = Moody([InDoubt("no answer"), None])
    await send(shop, carrier, 2)
    assert await fate(shop) == ("accepted", None)
    assert len(carrier.given) == 2
    assert len(set(carrier.given)) == 1


async def test_two_doubts_are_left_to_the_shop(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    carrier = Moody([InDoubt("no answer")] * 5)
    await send(shop, carrier, 5)
    assert await fate(shop) == ("unknown", "no_answer_twice")
    assert len(carrier.given) == 2
    assert await shop.events("notification.failed") == ["notification.failed"]


async def test_a_carrier_that_breaks_leaves_a_doubt_and_holds_up_nobody(shop: Shop) -> None:
    await orders(shop, 3)
    await tell(shop)
    carrier = Moody([RuntimeError("a bug")])
    await send(shop, carrier)
    states = await shop.pool.fetch("select state, reason from notification order by state")
    assert [tuple(row) for row in states] == [("accepted", None), ("accepted", None), ("unknown", "RuntimeError")]


async def test_words_that_cannot_be_written_wait_for_better_ones(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await orders(shop, 1)
    await tell(shop)
    carrier = Moody([])
    with monkeypatch.context() as broken:
        broken.setattr("service.messages.facts.MOMENT", None)
        await send(shop, carrier)
    assert await fate(shop) == ("pending", "unwritable")
    await send(shop, carrier)
    assert await fate(shop) == ("accepted", None)


async def test_a_store_that_breaks_holds_up_no_other(shop: Shop) -> None:
    await orders(shop, 1)
    await shop.stock("tea", 5, store="nice")
    await shop.confirm(await shop.hold("tea", 1, store="nice"))
    await tell(shop)
    await shop.pool.execute("update store set time_zone = 'Nowhere/Land' where id = 'lyon'")
    await send(shop, Moody([]))
    states = await shop.pool.fetch("select store_id, state from notification where channel = 'email' order by 1")
    assert [tuple(row) for row in states] == [("lyon", "pending"), ("nice", "accepted")]


async def test_what_cannot_be_claimed_stands_before_no_other(shop: Shop) -> None:
    """More of them than a sender takes at once, all older, and two of their store that can be claimed."""
    await orders(shop, AT_ONCE + 4)
    await shop.stock("tea", 5, store="nice")
    await shop.confirm(await shop.hold("tea", 1, store="nice"))
    await tell(shop)
    await shop.pool.execute("update store set time_zone = 'Nowhere/Land' where id = 'lyon'")
    await shop.pool.execute(
        "update notification set quiet = true, quiet_from = '03:00', quiet_to = '03:01' where store_id = 'lyon'"
        " and id not in (select id from notification where store_id = 'lyon' order by id limit 2)"
    )
    await shop.pool.execute("update notification set next_attempt_at = '2026-01-01' where store_id = 'lyon'")
    sender = Sender(shop.pool, shop.settings, "email", Moody([]))
    async with asyncio.timeout(20):
        while await sender.send_due():
            pass
    told = await shop.pool.fetch(
        "select store_id, state, coalesce(reason, ''), count(*) from notification where channel = 'email'"
        " group by 1, 2, 3 order by 1, 4"
    )
    assert [tuple(row) for row in told] == [
        ("lyon", "pending", "unwritable", 2),
        ("lyon", "pending", "", AT_ONCE + 2),
        ("nice", "accepted", "", 1),
    ]


async def test_a_sender_told_to_stop_gives_back_what_it_has_not_begun(shop: Shop) -> None:
    await orders(shop, 2)
    await tell(shop)
    carrier = Moody([])
    sender = Sender(shop.pool, shop.settings, "email", carrier)
    sender.stop()
    await sender.send_due()
    rows = await shop.pool.fetch("select state, attempts from notification")
    assert [tuple(row) for row in rows] == [("pending", 0), ("pending", 0)]
    assert carrier.given == []


async def test_capture_keeps_a_message_once_and_counts_how_often_it_came(shop: Shop) -> None:
    await orders(shop, 1)
    await tell(shop)
    await send(shop, Capture(shop.pool))
    await shop.pool.execute("update notification set state = 'sending', lease_until = now(), begun_at = now()")
    assert await recover(shop.pool) == 1
    await send(shop, Capture(shop.pool))  # it looks it up, and sends nothing
    [row] = await shop.pool.fetch("select * from captured_message")
    assert row["sendings"] == 1
    assert row["recipient"] == "c0@atelier.example"
    assert row["message_ref"] == f"{await shop.pool.fetchval('select id from notification')}@localhost.example"
    assert await fate(shop) == ("accepted", None)


async def test_capture_shows_the_picture_in_the_page(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await tell(shop)
    await send(shop, Capture(shop.pool))
    html = await shop.pool.fetchval("select body_html from captured_message where kind = 'ready'")
    assert "data:image/png;base64," in html


async def test_sixty_mails_through_a_server_that_falters_arrive_once_each(shop: Shop, mail: MailServer) -> None:
    await orders(shop, 60)
    await tell(shop)
    carrier = Smtp(mail.url)
    mail.mailbox.at_rcpt = "451 4.7.1 greylisted"
    await send(shop, carrier)
    assert mail.mailbox.taken == []
    mail.mailbox.at_rcpt = ""
    mail.mailbox.at_data = "452 4.2.2 full"
    await send(shop, carrier)
    mail.mailbox.at_data = ""
    while len(mail.mailbox.taken) < 60:  # what a machine that paused kept from being begun is anybody's after its lease
        await shop.pool.execute("update notification set lease_until = now() where state = 'sending'")
        await sendings.release_abandoned(shop.pool)
        await send(shop, carrier)
    assert set(Counter(mail.mailbox.refs).values()) == {1}
    assert len(mail.mailbox.taken) == 60
