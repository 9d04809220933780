"""What providers called to say, read by the worker: receipts find their message, replies their store."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from service import callbacks, replies, sendings
from service.database import transaction
from service.messages.letters import write
from service.opt_outs import OptOuts
from service.sendings import Fate
from tests.service.test_message_policies import ZONE, around_now
from tests.service.test_notifications import BOTH, attempt_of, claim_all, states, tell
from tests.shop import Shop
from workers.callbacks import Reader

PHONE = "+33639980001"


async def call(shop: Shop, provider: str, body: Any, *, event: str = "e1", query: str = "") -> str:
    """A provider calls, the worker reads; what came of it."""
    text = body if isinstance(body, str) else json.dumps(body)
    async with transaction(shop.pool) as db:
        await callbacks.keep(db, provider, {event: text}, query=query)
    await Reader(shop.pool, shop.settings).read_waiting()
    outcome = await shop.pool.fetchval("select outcome from callback where event_id = $1", event)
    return str(outcome)


@pytest.fixture
async def told(shop: Shop) -> dict[str, UUID]:
    """An order that is ready; its e-mail and its text message are with their carriers. Their ids, by channel."""
    await shop.stock("tea", 5)
    await shop.ready("tea", 1, customer=BOTH)
    await tell(shop)
    ids = {}
    for channel, carrier in (("email", "smtp"), ("sms", "twilio")):
        for row in await claim_all(shop, channel):
            await sendings.begin(shop.pool, attempt_of(row), provider=carrier)
            await sendings.record(shop.pool, attempt_of(row), Fate("accepted", ref=f"{channel}-1"), provider=carrier)
            ids[channel] = row["id"]
    return ids


async def state(shop: Shop, id: UUID) -> tuple[str, str | None]:
    row = await shop.pool.fetchrow("select state, reason from notification where id = $1", id)
    assert row is not None
    return row["state"], row["reason"]


async def test_twilio_s_receipt_finds_the_message_by_the_id_in_its_address(shop: Shop, told: dict[str, UUID]) -> None:
    form = urlencode({"MessageSid": "sms-1", "MessageStatus": "delivered", "To": PHONE})
    assert await call(shop, "twilio", form, query=f"id={told['sms']}") == "receipt"
    assert await state(shop, told["sms"]) == ("delivered", None)


@pytest.mark.parametrize(
    ("provider", "body", "channel", "expected"),
    [
        ("ovh", {"id": "sms-1", "ptt": "4", "description": "1"}, "sms", ("delivered", None)),
        ("ovh", {"id": "sms-1", "ptt": "3", "description": "0"}, "sms", ("accepted", None)),
        ("ovh", {"id": "sms-1", "ptt": "29", "description": "2"}, "sms", ("failed", "ovh_29")),
        ("ovh", {"id": "sms-1", "ptt": "6"}, "sms", ("accepted", None)),
        ("ovh", {"id": "sms-1", "ptt": "0", "dlr": "1", "description": "Success"}, "sms", ("delivered", None)),
        ("ovh", {"id": "sms-1", "ptt": "5", "description": "Failed"}, "sms", ("failed", "ovh_5")),
    ],
)
async def test_ovh_s_receipt_finds_it_by_its_own_number(
    shop: Shop, told: dict[str, UUID], provider: str, body: dict[str, str], channel: str, expected: tuple[str, str]
) -> None:
    await shop.pool.execute("update notification set provider = 'ovh' where channel = 'sms'")
    assert await call(shop, provider, "", query=urlencode(body)) == "receipt"
    assert await state(shop, told[channel]) == expected


async def test_ovh_posts_what_a_customer_wrote(shop: Shop, told: dict[str, UUID]) -> None:
    form = {
        "id": "9",
        "keyword": "X1",
        "message": "STOP",
        "senderid": PHONE,
        "shortcode": "38069",
        "tag": str(told["sms"]),
    }
    assert await call(shop, "ovh", urlencode(form)) == "reply"
    async with transaction(shop.pool) as db:
        assert await OptOuts(shop.settings).is_out(db, "sms", PHONE)


@pytest.mark.parametrize("spelt", ["{}", '["{}"]', ["{}"]])
async def test_brevo_spells_a_tag_alone_or_in_a_list(shop: Shop, told: dict[str, UUID], spelt: str | list[str]) -> None:
    tag = json.loads(json.dumps(spelt).replace("{}", str(told["sms"])))
    assert await call(shop, "brevo", {"to": PHONE[1:], "msg_status": "delivered", "tag": tag}) == "receipt"
    assert await state(shop, told["sms"]) == ("delivered", None)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"msg_status": "delivered"}, ("delivered", None)),
        ({"msg_status": "hard_bounce"}, ("failed", "brevo_hard_bounce")),
        ({"msg_status": "sent"}, ("accepted", None)),
    ],
)
async def test_brevo_s_receipt_finds_a_text_message_by_its_tag(
    shop: Shop, told: dict[str, UUID], said: dict[str, str], expected: tuple[str, str]
) -> None:
    await shop.pool.execute("update notification set provider = 'brevo', provider_ref = '77' where channel = 'sms'")
    body = {"to": PHONE[1:], "messageId": 77, "tag": str(told["sms"]), **said}
    assert await call(shop, "brevo", body) == "receipt"
    assert await state(shop, told["sms"]) == expected


@pytest.mark.parametrize(
    ("provider", "said", "expected"),
    [
        ("sendgrid", {"event": "delivered"}, ("delivered", None)),
        ("sendgrid", {"event": "bounce", "status": "5.1.1"}, ("failed", "sendgrid_bounce 5.1.1")),
        ("sendgrid", {"event": "open"}, ("accepted", None)),
        ("sendgrid", {"event": "group_unsubscribe"}, ("accepted", None)),
        ("ses", {"eventType": "Delivery"}, ("delivered", None)),
        (
            "ses",
            {"notificationType": "Bounce", "bounce": {"bounceType": "Permanent"}},
            ("failed", "ses_bounce permanent"),
        ),
        ("ses", {"eventType": "DeliveryDelay"}, ("accepted", None)),
    ],
)
async def test_reports_on_smtp_find_an_e_mail_by_its_message_id(
    shop: Shop, told: dict[str, UUID], provider: str, said: dict[str, Any], expected: tuple[str, str]
) -> None:
    ref = f"{told['email']}@localhost.example"
    body: dict[str, Any] = {**said, "smtp-id": f"<{ref}>", "email": BOTH["email"]}
    if provider == "ses":
        message = {**said, "mail": {"messageId": "0100", "commonHeaders": {"messageId": f"<{ref}>"}}}
        body = {"Type": "Notification", "Message": json.dumps(message)}
    await shop.pool.execute("update notification set provider_ref = null where channel = 'email'")
    assert await call(shop, provider, body) == "receipt"
    assert await state(shop, told["email"]) == expected
    assert await shop.pool.fetchval("select count(*) from opt_out") == 0


async def test_ses_tells_our_message_id_among_the_headers(shop: Shop, told: dict[str, UUID]) -> None:
    ours = {"name": "Message-ID", "value": f"<{told['email']}@localhost.example>"}
    mail = {
        "messageId": "0100",
        "headers": [{"name": "To", "value": "x"}, ours],
        "commonHeaders": {"messageId": "0100"},
    }
    body = {"Type": "Notification", "Message": json.dumps({"eventType": "Delivery", "mail": mail})}
    assert await call(shop, "ses", body) == "receipt"
    assert await state(shop, told["email"]) == ("delivered", None)


TAKEN = [
    ("sms", "twilio", lambda _: urlencode({"MessageSid": "sms-1", "MessageStatus": "sent", "To": PHONE})),
    ("sms", "brevo", lambda tag: json.dumps({"to": PHONE[1:], "messageId": 7, "msg_status": "sent", "tag": tag})),
    ("email", "sendgrid", lambda tag: json.dumps({"event": "processed", "smtp-id": f"<{tag}@shop.example>"})),
    ("email", "ses", lambda tag: by_sns({"eventType": "Send"}, tag)),
]
"""What carriers say when they have taken a message, which they were handed with this tag."""


def by_sns(said: dict[str, Any], tag: str) -> str:
    mail = {"commonHeaders": {"messageId": f"<{tag}@shop.example>"}}
    return json.dumps({"Type": "Notification", "Message": json.dumps({**said, "mail": mail})})


@pytest.mark.parametrize(("channel", "provider", "taken"), TAKEN)
async def test_what_is_late_of_the_sending_before_takes_none_for_sent_that_goes_by_hand(
    shop: Shop, told: dict[str, UUID], channel: str, provider: str, taken: Callable[[str], str]
) -> None:
    id = told[channel]
    await shop.pool.execute(
        "update notification set state = 'pending', provider = null, provider_ref = null, revivals = 1,"
        " next_attempt_at = now() where id = $1",
        id,
    )
    for tag, expected in ((f"{id}", "pending"), (f"{id}.1", "accepted")):
        assert await call(shop, provider, taken(tag), event=tag, query=f"id={tag}") == "receipt"
        assert await state(shop, id) == (expected, None)


async def test_a_receipt_that_comes_before_its_message_is_known_waits_for_it(shop: Shop, told: dict[str, UUID]) -> None:
    form = urlencode({"MessageSid": "later", "MessageStatus": "delivered", "To": PHONE})
    assert await call(shop, "twilio", form) == "None"
    for waited, until in ((600, 1200), (2400, 3600)):  # seconds; each time as long again, and an hour in all
        await shop.pool.execute(
            "update callback set received_at = now() - make_interval(secs => $1), look_at = now()", waited
        )
        await Reader(shop.pool, shop.settings).read_waiting()
        again = await shop.pool.fetchval("select extract(epoch from look_at - received_at)::float8 from callback")
        assert until - 1 < again <= 3600
    await shop.pool.execute("update notification set provider_ref = 'later' where channel = 'sms'")
    await shop.pool.execute("update callback set look_at = now()")
    await Reader(shop.pool, shop.settings).read_waiting()
    assert await state(shop, told["sms"]) == ("delivered", None)


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("sendgrid", json.dumps({"event": "delivered", "smtp-id": "<news.1@shop.example>"})),
        ("ses", by_sns({"eventType": "Delivery"}, "news.1")),
        ("brevo", json.dumps({"event": "delivered", "message-id": "<7@mailin.fr>", "tags": ["news"]})),
    ],
)
async def test_other_mail_of_the_same_account_is_not_waited_for(shop: Shop, provider: str, body: str) -> None:
    assert await call(shop, provider, body) == "no_such_message"


async def test_a_receipt_of_nobody_s_message_is_given_up(shop: Shop) -> None:
    form = urlencode({"MessageSid": "never", "MessageStatus": "delivered", "To": PHONE})
    await call(shop, "twilio", form)
    await shop.pool.execute("update callback set received_at = now() - interval '2 hours', look_at = now()")
    await Reader(shop.pool, shop.settings).read_waiting()
    assert await shop.pool.fetchval("select outcome from callback") == "no_such_message"


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("twilio", "x=1"),
        ("twilio", urlencode({"From": PHONE, "Body": "a\0b"})),
        ("brevo", "7"),
        ("brevo", '{"event": null}'),
        ("sendgrid", "{}"),
        ("ses", '{"Type": "Notification", "Message": "no json"}'),
        ("sendgrid", '{"event": "\\ud800"}'),
    ],
)
async def test_what_nobody_understands_is_kept_and_stops_nothing(shop: Shop, provider: str, body: str) -> None:
    assert await call(shop, provider, body) in {"not_understood", "no_such_message"}
    form = urlencode({"From": "+33639980077", "Body": "bonjour", "MessageSid": "SM2"})
    assert await call(shop, "twilio", form, event="e2") == "nobody_s_reply"


async def test_what_breaks_its_reader_stands_before_no_other(shop: Shop, told: dict[str, UUID]) -> None:
    async with transaction(shop.pool) as db:
        body = json.dumps({"event": 7, "tag": str(told["email"])})
        await callbacks.keep(db, "brevo", {"e0": body})
    assert await call(shop, "twilio", urlencode({"From": PHONE, "Body": "bonjour", "MessageSid": "SM2"})) == "reply"
    kept = await shop.pool.fetchrow("select outcome, body from callback where event_id = 'e0'")
    assert kept is not None
    assert tuple(kept) == ("not_understood", body)


async def test_what_was_understood_is_not_kept(shop: Shop, told: dict[str, UUID]) -> None:
    await call(shop, "twilio", urlencode({"From": PHONE, "Body": "Je viens samedi", "MessageSid": "SM2"}))
    assert await shop.pool.fetchval("select body from callback") is None


async def replied(shop: Shop, text: str, **others: str) -> str:
    form = urlencode({"From": PHONE, "To": "+33700000000", "Body": text, "MessageSid": f"SM-{text}"} | others)
    return await call(shop, "twilio", form, event=f"SM-{text}")


async def test_a_reply_reaches_the_store_of_the_newest_open_order(shop: Shop, told: dict[str, UUID]) -> None:
    assert await replied(shop, "Je peux venir à 20 h ?") == "reply"
    event = await shop.pool.fetchrow("select * from event where type = 'reply.received'")
    assert event is not None
    assert "20 h" not in json.dumps(event["data"])  # ids only
    [order] = await shop.pool.fetch("select id from reservation")
    assert event["reservation_id"] == order["id"]
    async with transaction(shop.pool) as db:
        [reply] = await replies.of_reservation(db, "lyon", order["id"], links=shop.links)
    assert (reply.body, reply.stop) == ("Je peux venir à 20 h ?", False)
    assert "20 h" not in str(await shop.pool.fetchval("select body from reply"))  # sealed


async def test_stop_opts_out_and_is_confirmed_once(shop: Shop, told: dict[str, UUID]) -> None:
    for word in ("Stop", "STOP", "Arret"):
        assert await replied(shop, word) == "reply"
    async with transaction(shop.pool) as db:
        assert await OptOuts(shop.settings).is_out(db, "sms", PHONE)
    [row] = await claim_all(shop, "sms")
    assert (row["kind"], row["address"]) == ("opted_out", PHONE)
    assert [found for found in await states(shop.pool) if found[0] == "opted_out"] == [("opted_out", "sending", None)]


@pytest.mark.parametrize(("minutes", "expected"), [(5, 1), (60, 0)])
async def test_stop_is_confirmed_at_night_unless_it_is_heard_late(
    shop: Shop, told: dict[str, UUID], minutes: int, expected: int
) -> None:
    policy = "update message_policy set policy = jsonb_build_object('quiet_hours', $1::jsonb)"
    await shop.pool.execute(policy, around_now())
    await shop.pool.execute("update store set time_zone = $1", str(ZONE))
    async with transaction(shop.pool) as db:
        form = urlencode({"From": PHONE, "Body": "STOP", "MessageSid": "SM1"})
        await callbacks.keep(db, "twilio", {"SM1": form}, query="")
        await db.execute("update callback set received_at = now() - make_interval(mins => $1)", minutes)
    await Reader(shop.pool, shop.settings).read_waiting()
    assert len(await claim_all(shop, "sms")) == expected
    await shop.pool.execute("update notification set next_attempt_at = now(), quiet_from = null, quiet_to = null")
    assert len(await claim_all(shop, "sms")) == 1 - expected


async def test_stop_that_twilio_has_confirmed_is_not_confirmed_again(shop: Shop, told: dict[str, UUID]) -> None:
    await replied(shop, "STOP", OptOutType="STOP")
    assert await claim_all(shop, "sms") == []


async def test_start_takes_it_back(shop: Shop, told: dict[str, UUID]) -> None:
    await replied(shop, "STOP")
    await replied(shop, "Start")
    async with transaction(shop.pool) as db:
        assert not await OptOuts(shop.settings).is_out(db, "sms", PHONE)


async def test_stop_of_somebody_unknown_counts(shop: Shop) -> None:
    assert await replied(shop, "STOP") == "nobody_s_reply"
    async with transaction(shop.pool) as db:
        assert await OptOuts(shop.settings).is_out(db, "sms", PHONE)


DELEGATE = {"name": "Noé Martin", "phone": "+33639980078"}


@pytest.fixture
async def named(shop: Shop) -> UUID:
    """An order that a delegate was told to collect, who has had one of their own before."""
    await shop.stock("tea", 5)
    await shop.collected("tea", 1, customer={"name": "Noé Martin", "phone": DELEGATE["phone"]})
    ready = await shop.ready("tea", 1, customer=BOTH, delegate=DELEGATE)
    await tell(shop)
    return UUID(ready["id"])


async def test_a_delegate_s_words_reach_the_store_of_the_order_they_are_to_collect(shop: Shop, named: UUID) -> None:
    assert await replied(shop, "J'arrive dans une heure", From=DELEGATE["phone"]) == "reply"
    async with transaction(shop.pool) as db:
        [reply] = await replies.of_reservation(db, "lyon", named, links=shop.links)
    assert (reply.person, reply.body) == ("delegate", "J'arrive dans une heure")
    event = await shop.pool.fetchval("select data from event where type = 'reply.received'")
    assert event == {"reply": str(reply.id), "channel": "sms", "person": "delegate", "stop": False}
    assert await replied(shop, "Merci", From=BOTH["phone"]) == "reply"
    async with transaction(shop.pool) as db:
        written = await replies.of_open_orders(db, "lyon", links=shop.links)
    assert [(one.reservation, one.person) for one in written] == [(named, "customer"), (named, "delegate")]


async def test_a_delegate_s_stop_opts_their_number_out_and_is_confirmed_to_them(shop: Shop, named: UUID) -> None:
    assert await replied(shop, "STOP", From=DELEGATE["phone"]) == "reply"
    confirmed = [row for row in await claim_all(shop, "sms") if row["kind"] == "opted_out"]
    assert [(row["person"], row["address"]) for row in confirmed] == [("delegate", DELEGATE["phone"])]
    assert write(confirmed[0], settings=shop.settings).text.startswith("Atelier lyon : c'est noté")
    kept = await shop.pool.fetchval("select address from notification where kind = 'opted_out'")
    assert "980078" not in kept  # sealed, as all that is known of delegates
    async with transaction(shop.pool) as db:
        assert await OptOuts(shop.settings).among(db, "sms", [DELEGATE["phone"], BOTH["phone"]]) == {DELEGATE["phone"]}


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("STOP", True), (" stop. ", True), ("Stop SMS", True), ("STOP 36184", True), ("Arrêt", True), ("arrêter", True),
        ("opt-out", True), ("OPT OUT", True), ("unsubscribe", True), ("STOPALL", True), ("cancel", True), ("end", True),
        ("quit", True), ("Remove", True), ("Revoke", True), ("TD", True),
        ("", False), ("Je ne peux pas m'arrêter avant 19 h", False), ("please cancel my order", False),
        ("stop at the bakery first, then I come", False), ("weekend?", False), ("👍", False),
    ],
)  # fmt: skip
def test_stop_and_its_sisters_are_understood(text: str, out: bool) -> None:  # noqa: FBT001
    assert replies.wants_out(text) is out
