"""Twilio through a local server that speaks its API: forms, basic authentication, codes of refusal, lists."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from demo.servers import LOOPBACK, free_port
from tests.workers.providers.exchange import TEXT, Asked, Exchange, exchange
from workers.providers.carrier import InDoubt, NotNow, OptedOut, Refused
from workers.providers.twilio import Twilio

ACCOUNT, TOKEN = "AC" + "a" * 32, "t" * 32
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


class Books:
    """What Twilio would remember."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []

    def usual(self, asked: Asked) -> Any:
        assert asked.path == PATH
        assert asked.headers["authorization"] == "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if asked.method == "GET":
            return {"messages": [m for m in reversed(self.messages) if m["to"] == asked.query["To"]]}
        form = asked.form
        self.messages.append(
            {
                "sid": f"SM{len(self.messages)}",
                "to": form["To"],
                "body": form["Body"],
                "status": "queued",
                "date_created": format_datetime(datetime.now(UTC)),
            }
        )
        return self.messages[-1]


@pytest.fixture
async def books() -> Books:
    return Books()


@pytest.fixture
async def server(books: Books) -> AsyncIterator[Exchange]:
    async with exchange(books.usual) as server:
        yield server


@pytest.fixture
async def twilio(server: Exchange) -> AsyncIterator[Twilio]:
    carrier = Twilio(
        server.url, ACCOUNT, TOKEN, sender="", callback="https://shop.example/callbacks/twilio", seconds=0.5
    )
    yield carrier
    await carrier.close()


async def test_a_message_is_handed_over_as_twilio_wants_it(twilio: Twilio, server: Exchange) -> None:
    assert await twilio.send(replace(TEXT, revivals=1)) == "SM0"
    assert server.sent[0].form == {
        "To": "+33639981234",
        "From": "ATELIER",
        "Body": TEXT.text,
        "StatusCallback": f"https://shop.example/callbacks/twilio?id={TEXT.id}.1",
    }


async def test_a_messaging_service_sends_in_its_own_name(server: Exchange) -> None:
    carrier = Twilio(server.url, ACCOUNT, TOKEN, sender="MG1", callback="")
    await carrier.send(TEXT)
    await carrier.close()
    assert server.sent[0].form["MessagingServiceSid"] == "MG1"
    assert "From" not in server.sent[0].form


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        (400, 21610, OptedOut),
        (400, 21211, Refused),
        (400, 21614, Refused),
        (401, 20003, NotNow),
        (400, 21401, NotNow),
        (400, 21606, NotNow),
        (429, 20429, NotNow),
        (500, None, NotNow),
        (503, None, NotNow),
        (301, None, NotNow),
        (302, None, NotNow),
        (502, None, InDoubt),
        (504, None, InDoubt),
    ],
)
async def test_never_not_now_and_nobody_knows_are_told_apart(
    twilio: Twilio, server: Exchange, status: int, code: int | None, problem: type[Exception]
) -> None:
    server.answers = [(status, {"code": code, "message": "about +33639981234", "status": status})]
    with pytest.raises(problem) as told:
        await twilio.send(TEXT)
    assert type(told.value) is problem
    assert "33639981234" not in str(told.value)


async def test_an_answer_that_never_comes_leaves_a_doubt(twilio: Twilio, server: Exchange) -> None:
    server.hang = True
    with pytest.raises(InDoubt, match="timeout"):
        await twilio.send(TEXT)
    assert await twilio.look_up(TEXT) is None  # it is not on its books


async def test_an_answer_that_is_lost_is_found_again(twilio: Twilio, server: Exchange, books: Books) -> None:
    server.drop = True
    with pytest.raises(InDoubt, match="hung_up"):
        await twilio.send(TEXT)
    assert await twilio.look_up(TEXT) == "SM0"
    assert await twilio.look_up(replace(TEXT, text="another")) is None
    assert await twilio.look_up(replace(TEXT, recipient="+33639980000")) is None
    books.messages[0]["status"] = "failed"
    assert await twilio.look_up(TEXT) is None


async def test_the_same_words_from_before_the_doubt_are_another_message(twilio: Twilio, books: Books) -> None:
    since = datetime.now(UTC)
    await twilio.send(TEXT)
    books.messages[0]["date_created"] = format_datetime(since - timedelta(minutes=5))
    assert await twilio.look_up(replace(TEXT, doubted_since=since)) is None
    assert await twilio.look_up(replace(TEXT, doubted_since=since - timedelta(minutes=10))) == "SM0"
    assert await twilio.look_up(TEXT) == "SM0"
    await twilio.send(TEXT)
    assert await twilio.look_up(replace(TEXT, doubted_since=since)) == "SM1"
    for unreadable in ("", "soon", "soon, or later", "2026-11-24"):
        books.messages[1]["date_created"] = unreadable
        assert await twilio.look_up(replace(TEXT, doubted_since=since)) == "SM1"


async def test_who_is_not_there_has_nothing() -> None:
    carrier = Twilio(f"http://{LOOPBACK}:{free_port()}", ACCOUNT, TOKEN, sender="", callback="", seconds=0.5)
    with pytest.raises(NotNow, match="unreachable"):
        await carrier.send(TEXT)
    with pytest.raises(NotNow):
        await carrier.look_up(TEXT)
    await carrier.close()


async def test_a_slow_answer_is_an_answer(twilio: Twilio, server: Exchange) -> None:
    server.delay = 0.2
    assert await twilio.send(TEXT) == "SM0"


async def test_an_answer_that_comes_in_pieces_is_one_answer(twilio: Twilio, server: Exchange) -> None:
    server.pause = 0.1
    assert await twilio.send(TEXT) == "SM0"
    assert await twilio.look_up(TEXT) == "SM0"


@pytest.mark.parametrize("said", ["<html>Busy</html>", '{"messages": [', "{}", "[]", "null", '"' + "x" * 300_000 + '"'])
async def test_an_answer_that_is_not_understood_is_no_word_that_it_has_nothing(
    twilio: Twilio, server: Exchange, said: str
) -> None:
    server.usual = lambda _: said
    with pytest.raises(NotNow, match="not_understood"):
        await twilio.look_up(TEXT)
    with pytest.raises(InDoubt, match="no_reference"):
        await twilio.send(TEXT)
