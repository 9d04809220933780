"""Brevo through a local server that speaks its API: keys, tags, codes of refusal, events."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from service.messages.letters import qr
from tests.workers.providers.exchange import TEXT, Asked, Exchange, exchange
from workers.providers.brevo import BrevoEmail, BrevoSms
from workers.providers.carrier import InDoubt, NotNow, OptedOut, Refused

KEY = "xkeysib-" + "k" * 32
LETTER = replace(
    TEXT,
    channel="email",
    sender="commandes@atelier.example",
    recipient="camille@atelier.example",
    subject="Votre commande est prête",
    html='<html><img src="cid:qr"></html>',
    qr=qr("2222H7K3F2BCDFGHJKNPRSTV"),
)


class Books:
    """What Brevo would remember."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def usual(self, asked: Asked) -> Any:
        assert asked.headers["api-key"] == KEY
        if asked.method == "GET":
            return {"events": [event for event in self.events if event["tag"] == asked.query["tags"]]}
        body = asked.json
        tag = body.get("tag") or body["tags"][0]
        id = 1511882900176220 if "tag" in body else "<202611@smtp-relay.mailin.fr>"
        self.events.append({"messageId": str(id), "tag": tag, "event": "requests"})
        return {"messageId": id}


@pytest.fixture
async def server() -> AsyncIterator[Exchange]:
    async with exchange(Books().usual) as server:
        yield server


@pytest.fixture
async def sms(server: Exchange) -> AsyncIterator[BrevoSms]:
    carrier = BrevoSms(server.url, KEY, callback="https://shop.example/callbacks/brevo/x", seconds=0.5)
    yield carrier
    await carrier.close()


@pytest.fixture
async def mail(server: Exchange) -> AsyncIterator[BrevoEmail]:
    carrier = BrevoEmail(server.url, KEY, seconds=0.5)
    yield carrier
    await carrier.close()


async def test_a_text_message_is_transactional_and_tagged(sms: BrevoSms, server: Exchange) -> None:
    assert await sms.send(TEXT) == "1511882900176220"
    assert server.sent[0].path == "/transactionalSMS/send"
    assert server.sent[0].json == {
        "sender": "ATELIER",
        "recipient": "33639981234",
        "content": TEXT.text,
        "type": "transactional",
        "tag": str(TEXT.id),
        "unicodeEnabled": False,
        "webUrl": "https://shop.example/callbacks/brevo/x",
    }


async def test_an_e_mail_has_both_its_forms_and_its_id(mail: BrevoEmail, server: Exchange) -> None:
    assert await mail.send(LETTER) == "<202611@smtp-relay.mailin.fr>"
    body = server.sent[0].json
    assert server.sent[0].path == "/smtp/email"
    assert body["sender"] == {"name": "Atelier Lumière", "email": "commandes@atelier.example"}
    assert body["to"] == [{"email": "camille@atelier.example"}]
    assert body["textContent"] == LETTER.text
    assert "data:image/png;base64," in body["htmlContent"]
    assert body["headers"] == {"Auto-Submitted": "auto-generated", "idempotencyKey": str(LETTER.id)}


async def test_a_reminder_has_the_button_of_the_mail_program(mail: BrevoEmail, server: Exchange) -> None:
    await mail.send(replace(LETTER, kind="reminder", opt_out="https://shop.example/o/T"))
    headers = server.sent[0].json["headers"]
    assert headers["List-Unsubscribe"] == "<https://shop.example/o/T>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    ("status", "code", "words", "problem"),
    [
        (400, "invalid_parameter", "Invalid telephone number of recipient", Refused),
        (400, "invalid_parameter", "email is not valid in to", Refused),
        (400, "invalid_parameter", "Sender is invalid / inactive", NotNow),
        (400, "invalid_parameter", "recipient is blacklisted", OptedOut),
        (401, "unauthorized", "Key not found", NotNow),
        (402, "not_enough_credits", "SMS credits are not enough", NotNow),
        (400, "duplicate_parameter", "idempotencyKey is duplicated", InDoubt),
        (429, "too_many_requests", "", NotNow),
        (500, "", "", NotNow),
        (302, "", "", NotNow),
        (504, "", "", InDoubt),
    ],
)
async def test_never_not_now_and_nobody_knows_are_told_apart(
    sms: BrevoSms, server: Exchange, status: int, code: str, words: str, problem: type[Exception]
) -> None:
    server.answers = [(status, {"code": code, "message": words})]
    with pytest.raises(problem) as told:
        await sms.send(TEXT)
    assert type(told.value) is problem


async def test_a_doubt_is_cleared_by_the_tag(sms: BrevoSms, mail: BrevoEmail, server: Exchange) -> None:
    for carrier, letter, name in (
        (sms, TEXT, "1511882900176220"),
        (mail, replace(LETTER, id=LETTER.reservation), "<202611@smtp-relay.mailin.fr>"),
    ):
        assert await carrier.look_up(letter) is None
        server.drop = True
        with pytest.raises(InDoubt):
            await carrier.send(letter)
        assert await carrier.look_up(letter) == name


async def test_what_is_sent_again_by_hand_is_not_taken_for_the_sending_before(
    sms: BrevoSms, mail: BrevoEmail, server: Exchange
) -> None:
    for carrier, letter in ((sms, TEXT), (mail, replace(LETTER, id=LETTER.reservation))):
        await carrier.send(letter)
        again = replace(letter, revivals=1)
        assert await carrier.look_up(again) is None
        await carrier.send(again)
        assert await carrier.look_up(again) is not None
    assert server.sent[-1].json["headers"]["idempotencyKey"] == f"{LETTER.reservation}.1"
    server.usual = lambda _: {"events": [{"messageId": "1", "tag": f"{TEXT.id}.1", "event": "sent"}]}
    assert await sms.look_up(TEXT) is None


async def test_what_happened_to_others_clears_no_doubt(sms: BrevoSms, server: Exchange) -> None:
    server.usual = lambda _: {"events": [{"messageId": "1", "tag": "another", "event": "sent"}]}
    assert await sms.look_up(TEXT) is None


async def test_an_answer_that_comes_in_pieces_is_one_answer(sms: BrevoSms, server: Exchange) -> None:
    server.pause = 0.1
    assert await sms.send(TEXT) == "1511882900176220"
    assert await sms.look_up(TEXT) == "1511882900176220"


@pytest.mark.parametrize("said", ["{}", '{"events": []}'])
async def test_no_events_are_none(sms: BrevoSms, server: Exchange, said: str) -> None:
    server.usual = lambda _: said
    assert await sms.look_up(TEXT) is None


@pytest.mark.parametrize("said", ["<html>Busy</html>", '{"message": "soon"}', "[]"])
async def test_an_answer_that_is_not_understood_is_no_word_that_it_has_nothing(
    sms: BrevoSms, server: Exchange, said: str
) -> None:
    server.usual = lambda _: said
    with pytest.raises(NotNow, match="not_understood"):
        await sms.look_up(TEXT)
    with pytest.raises(InDoubt, match="no_reference"):
        await sms.send(TEXT)
