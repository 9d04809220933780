"""OVHcloud through a local server that checks its signatures, and has a clock of its own."""

import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.messages.letters import write
from tests.service.test_messages import row, settings
from tests.workers.providers.exchange import TEXT, Asked, Exchange, exchange
from workers.providers.carrier import InDoubt, NotNow, Refused
from workers.providers.ovh import MOST_JOBS, Ovh

KEY, SECRET, CONSUMER = "k" * 16, "s" * 32, "c" * 32
NUMBER = "+33639980099"
AHEAD = 500  # seconds


class Books:
    """What OVHcloud would remember, and what it demands."""

    def __init__(self) -> None:
        self.sent: dict[int, str] = {}
        self.places: dict[int, str] = {}
        self.jobs: dict[int, dict[str, str]] = {}
        self.invalid: list[str] = []

    def usual(self, asked: Asked) -> Any:
        if asked.path == "/1.0/auth/time":
            return int(time.time()) + AHEAD
        self.check(asked)
        if asked.method == "POST":
            assert len(asked.json["tag"]) <= 20
            if not self.invalid:
                id = len(self.sent) + 100
                self.sent[id] = asked.json["tag"]
                self.places[id] = asked.path.removeprefix("/1.0/sms/sms-ab12345-1").removesuffix("/jobs")
            return {
                "ids": list(self.sent)[-1:],
                "invalidReceivers": self.invalid,
                "validReceivers": [] if self.invalid else asked.json["receivers"],
                "totalCreditsRemoved": 1,
                "tag": asked.json["tag"],
            }
        place, _, what = asked.path.removeprefix("/1.0/sms/sms-ab12345-1").rpartition("/")
        if place not in {"", f"/virtualNumbers/{NUMBER}", "/jobs", f"/virtualNumbers/{NUMBER}/jobs"}:
            return {"message": "This service does not exist"}
        if what == "outgoing":
            return [id for id, tag in self.sent.items() if (place, tag) == (self.places[id], asked.query["tag"])]
        if what == "jobs":
            return list(self.jobs)
        return self.jobs[int(asked.path.rpartition("/")[2])]

    @staticmethod
    def check(asked: Asked) -> None:
        headers = asked.headers
        stamp = headers["x-ovh-timestamp"]
        said = f"{SECRET}+{CONSUMER}+{asked.method}+{asked.url}+{asked.body.decode()}+{stamp}"
        assert headers["x-ovh-signature"] == "$1$" + hashlib.sha1(said.encode()).hexdigest()  # noqa: S324 -- theirs
        assert (headers["x-ovh-application"], headers["x-ovh-consumer"]) == (KEY, CONSUMER)
        assert abs(int(stamp) - time.time() - AHEAD) < 5


@pytest.fixture
async def books() -> Books:
    return Books()


@pytest.fixture
async def server(books: Books) -> AsyncIterator[Exchange]:
    async with exchange(books.usual) as server:
        yield server


def made(server: Exchange, *, replies: bool = False, number: str = "") -> Ovh:
    return Ovh(
        f"{server.url}/1.0",
        service="sms-ab12345-1",
        key=KEY,
        secret=SECRET,
        consumer=CONSUMER,
        replies=replies,
        number=number,
        seconds=0.5,
    )


@pytest.fixture
async def ovh(server: Exchange) -> AsyncIterator[Ovh]:
    carrier = made(server)
    yield carrier
    await carrier.close()


async def test_a_message_is_a_signed_job_without_a_stop_clause(ovh: Ovh, server: Exchange) -> None:
    assert await ovh.send(TEXT) == "100"
    job = server.sent[0].json
    assert (job["receivers"], job["sender"], job["message"]) == (["+33639981234"], "ATELIER", TEXT.text)
    assert (job["noStopClause"], job["coding"], job["senderForResponse"]) == (True, "7bit", False)
    assert await ovh.send(replace(TEXT, text="Prête ✓")) == "101"
    assert server.sent[1].json["coding"] == "8bit"
    assert [asked.path for asked in server.asked].count("/1.0/auth/time") == 1


async def test_who_wants_replies_sends_from_a_number(server: Exchange) -> None:
    carrier = made(server, replies=True)
    await carrier.send(TEXT)
    await carrier.close()
    assert server.sent[0].json["senderForResponse"] is True
    assert "sender" not in server.sent[0].json


async def test_a_link_goes_out_from_the_sender_since_the_number_may_carry_none(server: Exchange) -> None:
    carrier = made(server, replies=True)
    for kind in ("confirmed", "ready", "short", "cancelled"):
        await carrier.send(write(row(kind, "sms"), settings=settings()))
    await carrier.close()
    jobs = [asked.json for asked in server.sent]
    assert ["retrait.atelier-lumiere.fr/p/" in job["message"] for job in jobs] == [True, True, True, False]
    assert [job["senderForResponse"] for job in jobs] == [False, False, False, True]
    assert ["sender" in job for job in jobs] == [True, True, True, False]


async def test_from_a_virtual_number_everything_goes_out_and_can_be_replied_to(server: Exchange) -> None:
    carrier = made(server, number=NUMBER)
    for kind in ("ready", "cancelled"):
        await carrier.send(write(row(kind, "sms"), settings=settings()))
    await carrier.close()
    assert {asked.path for asked in server.sent} == {f"/1.0/sms/sms-ab12345-1/virtualNumbers/{NUMBER}/jobs"}
    described = {"message", "receivers", "charset", "coding", "class", "priority", "validityPeriod", "tag"}
    assert all(set(asked.json) == described for asked in server.sent)


async def test_a_doubt_is_cleared_wherever_it_was_sent_from(server: Exchange, books: Books) -> None:
    by_name, by_number = made(server), made(server, number=NUMBER)
    again = replace(TEXT, revivals=1)
    assert (await by_name.send(TEXT), await by_number.send(again)) == ("100", "101")
    assert (await by_number.look_up(TEXT), await by_number.look_up(again)) == ("100", "101")
    assert await by_name.look_up(again) is None
    books.jobs[7] = {"receiver": TEXT.recipient, "message": "another"}
    assert await by_number.look_up(replace(TEXT, text="another", revivals=2)) == "7"
    await by_name.close()
    await by_number.close()


async def test_a_number_that_is_none_is_refused(ovh: Ovh, books: Books) -> None:
    books.invalid = [TEXT.recipient]
    with pytest.raises(Refused, match="ovh_invalid_receiver"):
        await ovh.send(TEXT)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 500, 503])
async def test_what_can_be_mended_is_tried_again(ovh: Ovh, server: Exchange, status: int) -> None:
    server.answers = [(status, {"message": "This credential is not valid"})]
    with pytest.raises(NotNow):
        await ovh.send(TEXT)


async def test_a_doubt_is_cleared_by_the_tag_also_while_the_job_waits(ovh: Ovh, server: Exchange, books: Books) -> None:
    assert await ovh.look_up(TEXT) is None
    books.jobs[7] = {"receiver": TEXT.recipient, "message": TEXT.text}
    assert await ovh.look_up(TEXT) == "7"
    assert await ovh.look_up(replace(TEXT, text="another")) is None
    server.drop = True
    with pytest.raises(InDoubt):
        await ovh.send(TEXT)
    assert await ovh.look_up(TEXT) == "100"


async def test_what_is_sent_again_by_hand_is_not_taken_for_the_sending_before(ovh: Ovh, books: Books) -> None:
    await ovh.send(TEXT)
    since = datetime.now(UTC)
    again = replace(TEXT, revivals=1, doubted_since=since)
    assert await ovh.look_up(again) is None
    job = {"receiver": TEXT.recipient, "message": TEXT.text}
    books.jobs[7] = {**job, "creationDatetime": (since - timedelta(minutes=5)).isoformat()}
    assert await ovh.look_up(again) is None
    books.jobs[8] = {**job, "creationDatetime": since.isoformat()}
    assert await ovh.look_up(again) == "8"
    await ovh.send(again)
    assert await ovh.look_up(again) == "101"


async def test_an_answer_that_comes_in_pieces_is_one_answer(ovh: Ovh, server: Exchange) -> None:
    server.pause = 0.1
    assert await ovh.send(TEXT) == "100"
    assert await ovh.look_up(TEXT) == "100"


async def test_an_answer_that_is_not_understood_is_no_word_that_it_has_nothing(ovh: Ovh, server: Exchange) -> None:
    assert await ovh.look_up(TEXT) is None  # they have compared their clocks
    server.usual = lambda _: "<html>Busy</html>"
    with pytest.raises(NotNow, match="not_understood"):
        await ovh.look_up(TEXT)
    with pytest.raises(InDoubt, match="no_reference"):
        await ovh.send(TEXT)


async def test_who_does_not_tell_the_time_is_asked_another_time(ovh: Ovh, server: Exchange) -> None:
    server.usual = lambda _: '"noon"'
    with pytest.raises(NotNow, match="not_understood"):
        await ovh.send(TEXT)


async def test_behind_more_jobs_than_can_be_looked_at_nobody_knows(ovh: Ovh, books: Books) -> None:
    books.jobs = {n: {"receiver": "+33639980000", "message": "another"} for n in range(MOST_JOBS)}
    assert await ovh.look_up(TEXT) is None
    books.jobs[MOST_JOBS] = {"receiver": "+33639980000", "message": "another"}
    with pytest.raises(NotNow, match="ovh_jobs_wait"):
        await ovh.look_up(TEXT)
    books.jobs[MOST_JOBS] = {"receiver": TEXT.recipient, "message": TEXT.text}
    assert await ovh.look_up(TEXT) == str(MOST_JOBS)
