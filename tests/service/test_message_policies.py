"""Policy: what is told when and how, and that nobody is woken for what can wait."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service import events, message_policies, notifications, sendings
from service.database import Pool, transaction
from service.models.message_policies import MessagePolicyBody
from service.models.notifications import Kind
from service.opt_outs import OptOuts
from service.sendings import Attempt, Fate
from tests.shop import CLERK, Shop

BOTH = {"name": "Camille Durand", "email": "camille@atelier.example", "phone": "+33639980001"}
BY_PHONE = {"name": "Camille Durand", "phone": "+33639980001"}


ZONE = ZoneInfo("Indian/Reunion")
"""Another one than the server's, and without summer time: two hours are two on every night of the year."""

LATER = [{"kind": "ready", "channel": "sms", "delay_minutes": 20}]


async def say(shop: Shop, *, store: str = message_policies.DEPLOYMENT, **policy: Any) -> None:
    async with transaction(shop.pool) as db:
        asked = MessagePolicyBody.model_validate({"quiet_hours": {}} | policy)  # at any hour, unless said otherwise
        await message_policies.put(db, asked, store=store)


async def tell(shop: Shop) -> None:
    for store in await events.waiting_stores(shop.pool):
        await events.relay(shop.pool, store)


async def owed(shop: Shop, kind: Kind) -> list[str]:
    await tell(shop)
    rows = await shop.pool.fetch("select channel from notification where kind = $1 order by event_seq, channel", kind)
    return [row["channel"] for row in rows]


def around_now(later: timedelta = timedelta()) -> dict[str, str]:
    """Quiet hours in the midst of which we are, or will be later, by the store's clock."""
    now = datetime.now(UTC).astimezone(ZONE) + later
    return {"from": f"{now - timedelta(hours=2):%H:%M}", "to": f"{now + timedelta(hours=3):%H:%M}"}


async def waits(shop: Shop, kind: str = "ready", channel: str = "sms") -> timedelta:
    """How long from now until it goes out; until then it is not late."""
    await tell(shop)
    found = await shop.pool.fetchval(
        "select least(next_attempt_at, due_at) - now() from notification where kind = $1 and channel = $2"
        " order by event_seq desc",
        kind,
        channel,
    )
    assert isinstance(found, timedelta)
    return found


async def take(shop: Shop, channel: str = "sms") -> list[dict[str, Any]]:
    """What goes out now on a channel, in a sender's hands."""
    await tell(shop)
    due = await sendings.due(shop.pool, channel, 10, carrier="smtp", carriers=["smtp"])
    rows, _ = await sendings.claim(
        shop.pool, "lyon", due.get("lyon", []), links=shop.links, opt_outs=OptOuts(shop.settings)
    )
    return rows


async def goes_out(shop: Shop, channel: str = "sms") -> list[str]:
    return sorted(row["kind"] for row in await take(shop, channel))


HOURS = timedelta(hours=2)


@pytest.fixture
async def tea(shop: Shop) -> Shop:
    await shop.store(time_zone=ZONE.key)
    await shop.stock("tea", 50)
    return shop


@pytest.mark.parametrize(
    ("moment", "zone", "quiet", "morning"),
    [
        ("2026-11-25T20:30:00Z", "Europe/Paris", ("21:00", "08:00"), "2026-11-26T07:00:00Z"),
        ("2026-11-25T19:59:00Z", "Europe/Paris", ("21:00", "08:00"), "2026-11-25T19:59:00Z"),
        ("2026-11-25T20:00:00Z", "Europe/Paris", ("21:00", "08:00"), "2026-11-26T07:00:00Z"),
        ("2026-11-26T02:00:00Z", "Europe/Paris", ("21:00", "08:00"), "2026-11-26T07:00:00Z"),
        ("2026-11-26T07:00:00Z", "Europe/Paris", ("21:00", "08:00"), "2026-11-26T07:00:00Z"),
        ("2026-11-25T20:30:00Z", "America/Martinique", ("21:00", "08:00"), "2026-11-25T20:30:00Z"),
        ("2026-11-25T12:30:00Z", "Europe/Paris", ("13:00", "14:00"), "2026-11-25T13:00:00Z"),
        ("2026-11-25T13:30:00Z", "Europe/Paris", ("13:00", "14:00"), "2026-11-25T13:30:00Z"),
        (
            "2026-10-24T22:30:00Z",
            "Europe/Paris",
            ("23:00", "08:00"),
            "2026-10-25T07:00:00Z",
        ),  # the long night
        ("2026-03-28T22:30:00Z", "Europe/Paris", ("23:00", "08:00"), "2026-03-29T06:00:00Z"),  # the short one
        ("2026-11-25T23:30:00Z", "Europe/Paris", ("08:00", "08:00"), "2026-11-25T23:30:00Z"),
        ("2026-11-25T23:30:00Z", "Europe/Paris", (None, None), "2026-11-25T23:30:00Z"),
    ],
)
async def test_the_morning_is_that_of_the_store(
    pool: Pool, moment: str, zone: str, quiet: tuple[str | None, str | None], morning: str
) -> None:
    found = await pool.fetchval(
        "select decent($1::text::timestamptz, $2, $3::text::time, $4::text::time)", moment, zone, *quiet
    )
    assert found == datetime.fromisoformat(morning)


async def test_a_text_in_quiet_hours_waits_for_their_end_and_a_mail_does_not(tea: Shop) -> None:
    await say(tea, quiet_hours=around_now())
    await tea.ready("tea", 1, customer=BOTH)
    assert HOURS < await waits(tea) <= timedelta(hours=3)
    assert await waits(tea, channel="email") <= timedelta()


async def test_what_was_done_just_now_is_told_at_any_hour_and_not_hours_later(tea: Shop) -> None:
    """The carrier is away meanwhile. What the shop sends by hand then goes out all the same."""
    await say(tea, quiet_hours=around_now())
    await tea.collected("tea", 1, customer=BY_PHONE)
    assert await goes_out(tea) == ["collected", "confirmed"]
    await tea.pool.execute(
        "update notification set state = 'pending', next_attempt_at = now(), due_at = due_at - interval '16 minutes'"
        " where state = 'sending'"
    )
    assert await goes_out(tea) == []
    assert HOURS < await waits(tea, "collected") <= timedelta(hours=3)
    failed = await tea.pool.fetchval(
        "update notification set state = 'failed', next_attempt_at = null, due_at = now() - interval '1 day'"
        " where kind = 'collected' returning id"
    )
    async with transaction(tea.pool) as db:
        await notifications.resend(db, "lyon", failed)
    assert await goes_out(tea) == ["collected"]


async def test_a_message_asked_for_at_the_counter_does_not_wait(tea: Shop) -> None:
    await say(tea, quiet_hours=around_now())
    ready = await tea.ready("tea", 1, customer=BY_PHONE)
    assert await waits(tea) > HOURS
    async with transaction(tea.pool) as db:
        await notifications.request(db, "lyon", ready["id"], "sms", CLERK.credential)
    assert await goes_out(tea) == ["confirmed", "ready"]


async def test_a_message_to_who_stands_in_the_store_does_not_wait(tea: Shop) -> None:
    await say(tea, quiet_hours=around_now())
    ready = await tea.ready("tea", 1, customer=BY_PHONE)
    assert await waits(tea) > HOURS
    await tea.arrive(ready)
    assert await waits(tea) <= timedelta()
    early = await tea.confirm(await tea.hold("tea", 1, customer=BY_PHONE))
    await tea.arrive(early)
    await tell(tea)
    await tea.take("shelve", await tea.take("pick", early))
    assert await goes_out(tea) == ["confirmed", "confirmed", "ready", "ready"]


async def test_what_would_come_too_late_does_not_wait(tea: Shop) -> None:
    await say(tea, quiet_hours=around_now())
    await tea.ready("tea", 1, customer=BY_PHONE)
    await tea.pool.execute("update reservation set collect_by = now() + interval '1 hour'")
    assert await waits(tea) <= timedelta()


async def test_what_comes_due_late_waits_for_the_morning_after_all(tea: Shop) -> None:
    """The sender was away all day, and comes back at night."""
    await tea.ready("tea", 1, customer=BY_PHONE)
    await tell(tea)
    quiet = {end: datetime.strptime(at, "%H:%M").time() for end, at in around_now().items()}  # noqa: DTZ007 -- a clock
    await tea.pool.execute(
        "update notification set quiet_from = $1, quiet_to = $2, next_attempt_at = now() - interval '1 hour'"
        " where kind = 'ready'",
        quiet["from"],
        quiet["to"],
    )
    assert await goes_out(tea) == ["confirmed"]
    assert await waits(tea) > HOURS


async def test_a_message_may_go_out_later_than_its_event(tea: Shop) -> None:
    await say(tea, quiet_hours=around_now(later=timedelta(hours=12)), rules=LATER)
    await tea.ready("tea", 1, customer=BOTH)
    assert timedelta(minutes=19) < await waits(tea) <= timedelta(minutes=20)
    assert await waits(tea, channel="email") <= timedelta()


async def test_a_store_has_its_own_way_on_top_of_everybodys(tea: Shop) -> None:
    await tea.stock("tea", 5, store="nice")
    await say(tea, rules=[{"kind": "held", "channel": "email", "send": "always"}])
    await say(tea, store="nice", rules=[{"kind": "confirmed", "channel": "email", "send": "never"}])
    for store in ("lyon", "nice"):
        await tea.confirm(await tea.hold("tea", 1, store=store, customer=BOTH))
    await tell(tea)
    rows = await tea.pool.fetch("select store_id, kind from notification order by store_id, event_seq")
    assert [tuple(row) for row in rows] == [("lyon", "held"), ("lyon", "confirmed"), ("nice", "held")]


async def test_by_itself_nobody_is_told_of_a_hold(tea: Shop) -> None:
    await tea.hold("tea", 1, customer=BOTH)
    assert await owed(tea, "held") == []


async def test_a_channel_can_step_in_for_who_has_no_other(tea: Shop) -> None:
    await say(tea, rules=[{"kind": "ready", "channel": "email", "send": "instead"}])
    await tea.ready("tea", 1, customer=BOTH)
    await tea.ready("tea", 1, customer={"name": "Camille", "email": "c@atelier.example"})
    assert await owed(tea, "ready") == ["sms", "email"]


async def test_a_message_knows_which_channel_takes_over(tea: Shop) -> None:
    await say(tea, rules=[{"kind": "ready", "channel": "email", "fallback": "none"}])
    await tea.ready("tea", 1, customer=BOTH)
    await tell(tea)
    rows = await tea.pool.fetch("select kind, channel, fallback from notification order by event_seq, channel")
    assert [tuple(row) for row in rows] == [
        ("confirmed", "email", "sms"),
        ("ready", "email", None),
        ("ready", "sms", "email"),
    ]


async def test_what_was_never_wanted_can_still_be_asked_for(tea: Shop) -> None:
    await say(tea, rules=[{"kind": "ready", "channel": "sms", "send": "never"}])
    ready = await tea.ready("tea", 1, customer=BY_PHONE)
    assert await owed(tea, "ready") == []
    async with transaction(tea.pool) as db:
        await notifications.request(db, "lyon", ready["id"], "sms", CLERK.credential)
    assert await owed(tea, "ready") == ["sms"]


def test_comptoir_has_one_rule_for_every_kind_on_every_channel() -> None:
    told = [(rule.kind, rule.channel, rule.person) for rule in message_policies.BY_ITSELF.rules]
    every = [(kind, channel, "customer") for kind in message_policies.EVENTS for channel in ("email", "sms")]
    assert sorted(told) == sorted([*every, ("ready", "sms", "delegate")])
    for rule in message_policies.BY_ITSELF.rules:
        assert not (rule.channel == "email" and rule.quiet)  # a mail wakes nobody


INSTEAD = {"kind": "ready", "channel": "sms", "send": "instead"}


async def fail(shop: Shop, channel: str = "email", kind: str = "ready") -> None:
    """The message of this kind on a channel comes back."""
    [row] = [row for row in await take(shop, channel) if row["kind"] == kind]
    attempt = Attempt("lyon", row["id"], row["attempts"])
    await sendings.begin(shop.pool, attempt, provider="smtp")
    await sendings.record(shop.pool, attempt, Fate("failed", "bounced"), provider="smtp")


@pytest.mark.parametrize("kind", ["ready", "confirmed"])
async def test_a_mail_that_comes_back_at_night_wakes_nobody_by_a_text(tea: Shop, kind: str) -> None:
    """Not even by one that may go out at night by itself."""
    await say(tea, quiet_hours=around_now(), rules=[INSTEAD])
    await tea.ready("tea", 1, customer=BOTH)
    await fail(tea, kind=kind)
    assert HOURS < await waits(tea, kind) <= timedelta(hours=3)


async def test_a_mail_takes_over_from_a_text_at_any_hour(tea: Shop) -> None:
    await say(tea, quiet_hours=around_now(), rules=[{"kind": "ready", "channel": "email", "send": "instead"}])
    await tea.ready("tea", 1, customer=BOTH)
    await tell(tea)
    await tea.pool.execute("update notification set next_attempt_at = now(), quiet_from = null, quiet_to = null")
    await fail(tea, "sms")
    assert await waits(tea, channel="email") <= timedelta()


async def test_what_takes_over_does_not_wait_until_it_is_too_late(tea: Shop) -> None:
    await say(tea, quiet_hours=around_now(), rules=[INSTEAD])
    await tea.ready("tea", 1, customer=BOTH)
    await tea.pool.execute("update reservation set collect_by = now() + interval '1 hour'")
    await fail(tea)
    assert await waits(tea) <= timedelta()


@pytest.mark.parametrize(("ago", "told"), [("0 minutes", ["ready"]), ("16 minutes", [])])
async def test_what_takes_over_does_not_wait_for_who_has_just_come(tea: Shop, ago: str, told: list[str]) -> None:
    await say(tea, quiet_hours=around_now(), rules=[INSTEAD])
    await tea.arrive(await tea.ready("tea", 1, customer=BOTH))
    await tell(tea)
    await tea.pool.execute("update reservation set arrived_at = now() - $1::text::interval", ago)
    await fail(tea)
    assert await goes_out(tea) == told


async def test_a_channel_that_is_never_wanted_takes_over_from_none(tea: Shop) -> None:
    await say(tea, rules=[{**INSTEAD, "send": "never"}])
    await tea.ready("tea", 1, customer=BOTH)
    await fail(tea)
    assert await owed(tea, "ready") == ["email"]


async def test_what_comes_due_late_does_not_wait_for_a_morning_that_is_too_late(tea: Shop) -> None:
    """Its turn came after nine in the evening, and the answer is awaited before eight."""
    await say(tea, quiet_hours=around_now(later=timedelta(hours=12)))
    await tea.ready("tea", 1, customer=BY_PHONE)
    await tea.pool.execute("update reservation set collect_by = now() + interval '1 hour'")
    await tell(tea)
    hours = around_now()
    await tea.pool.execute(
        "update notification set quiet_from = $1::text::time, quiet_to = $2::text::time"
        " where kind = 'ready' and channel = 'sms'",
        hours["from"],
        hours["to"],
    )
    assert await goes_out(tea) == ["confirmed", "ready"]
