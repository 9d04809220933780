"""OVHcloud: text messages by its signed API, its receipts, and replies."""

import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import parse_qs

from service.messages import gsm
from service.messages.letters import Letter
from service.receipts import Report
from service.replies import Written
from workers.providers.asking import SECONDS, Api, Said, is_earlier
from workers.providers.carrier import NotNow, Refused

VALID_MINUTES = 2880
CLOCK_SECONDS = 3600.0  # for how long the difference between their clock and ours is believed
MOST_JOBS = 20  # that are looked at one by one

UNDER_WAY = frozenset({"0", "1", "2", "3", "6"})  # ptt; of 6 nobody can tell
ARRIVED = "4"
SUCCESS = "1"  # the code of the receipt
FAILURES = frozenset({"2", "16"})


class Ovh:
    """A carrier for text messages. Each has a tag made of its id, by which it can be asked for."""

    name = "ovh"
    can_tell = True
    doubt_seconds = 150.0

    def __init__(
        self,
        url: str,
        *,
        service: str,
        key: str,
        secret: str,
        consumer: str,
        replies: bool = False,
        number: str = "",
        seconds: float = SECONDS,
    ) -> None:
        self._api = Api(url, headers={"X-Ovh-Application": key, "X-Ovh-Consumer": consumer}, seconds=seconds)
        self._secret = secret
        self._consumer = consumer
        self._service = f"/sms/{service}"
        self._number = f"{self._service}/virtualNumbers/{number}" if number else ""
        self._replies = replies
        self._ahead = 0  # seconds that their clock is ahead of ours
        self._compared_at = -CLOCK_SECONDS

    async def send(self, letter: Letter) -> str:
        """Hand it over as a job of its own; OVHcloud's number for it."""
        said = await self._ask("POST", f"{self._number or self._service}/jobs", self._job(letter))
        if not said.done:  # of us, of our rights and credits: it can be mended
            raise NotNow(f"ovh_{said.status}")
        if said.at("/invalidReceivers"):
            raise Refused("ovh_invalid_receiver")
        return said.name_at("/ids/0")

    def _job(self, letter: Letter) -> dict[str, Any]:
        """What it is to do. From a virtual number everything goes out, and everybody can reply.

        From its short number OVHcloud blocks links: with `replies`, what holds one goes out from the sender.
        """
        job: dict[str, Any] = {
            "message": letter.text,
            "receivers": [letter.recipient],
            "charset": "UTF-8",
            "coding": "7bit" if gsm.septets(letter.text) is not None else "8bit",
            "class": "phoneDisplay",
            "priority": "high",
            "validityPeriod": VALID_MINUTES,
            "tag": _tag(letter),
        }
        if self._number:
            return job
        job["noStopClause"] = True  # nothing here is advertising
        job["senderForResponse"] = self._replies and not letter.has_link
        if not job["senderForResponse"]:
            job["sender"] = letter.sender
        return job

    async def look_up(self, letter: Letter) -> str | None:
        """Its number, among what was sent with its tag, and among the jobs that have not left yet.

        Both from the service and from its virtual number: the setting may have changed since. Where more of them wait
        than can be looked at, nobody knows yet.
        """
        for place in filter(None, (self._number, self._service)):
            ref = await self._look_up(place, letter)
            if ref is not None:
                return ref
        return None

    async def _look_up(self, place: str, letter: Letter) -> str | None:
        said = await self._ask("GET", f"{place}/outgoing?tag={_tag(letter)}")
        for sent in said.list_at(""):
            return str(sent)
        said = await self._ask("GET", f"{place}/jobs")
        jobs = said.list_at("")
        for job in jobs[-MOST_JOBS:]:
            waiting = await self._ask("GET", f"{place}/jobs/{job}")
            same = waiting.at("/receiver") == letter.recipient and waiting.at("/message") == letter.text
            if same and not is_earlier(waiting.at("/creationDatetime"), letter):
                return str(job)
        if len(jobs) > MOST_JOBS:
            raise NotNow("ovh_jobs_wait")
        return None

    async def close(self) -> None:
        """Hang up."""
        await self._api.close()

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Said:
        """Ask with a signature over secret, consumer, method, address, body, and their time."""
        if time.monotonic() - self._compared_at >= CLOCK_SECONDS:
            theirs = (await self._api.ask("GET", "/auth/time", looking=True)).body
            if not isinstance(theirs, int):
                raise NotNow("not_understood")
            self._ahead, self._compared_at = theirs - int(time.time()), time.monotonic()
        written = json.dumps(body) if body is not None else ""
        now = str(int(time.time()) + self._ahead)
        signed = "+".join((self._secret, self._consumer, method, self._api.url + path, written, now))
        headers = {
            "X-Ovh-Timestamp": now,
            "X-Ovh-Signature": "$1$" + hashlib.sha1(signed.encode()).hexdigest(),  # noqa: S324 -- theirs to choose
        }
        if written:
            headers["Content-Type"] = "application/json"
        return await self._api.ask(
            method, path, data=written.encode() or None, headers=headers, looking=method == "GET"
        )


def _tag(letter: Letter) -> str:
    """Ours in 19 characters: OVHcloud keeps 20 of a tag, and by half of one nothing is found. Nobody reads it back."""
    return base64.urlsafe_b64encode(hashlib.sha256(letter.tag.encode()).digest()[:14]).decode().rstrip("=")


def read(query: str, body: str) -> Report | Written:
    """What OVHcloud called to say: a receipt, in the query (`ptt` says where it is), or what a customer wrote, posted.

    Receipts are as in its guide to SMS users, where `description` is the receipt's code; RaspiSMS reads it from `dlr`.
    Replies are in no guide, and as Aidants Connect took them: id, message, senderid, shortcode, tag.
    """
    said = {name: values[0] for name, values in parse_qs(query or body, keep_blank_values=True).items()}
    if "ptt" not in said:
        phone = said.get("sender") or said["senderid"]
        return Written("ovh", phone if phone.startswith("+") else f"+{phone.removeprefix('00')}", said["message"])
    ptt = said["ptt"]
    code = next((code for code in (said.get("description", ""), said.get("dlr", "")) if code.isdecimal()), None)
    if ptt == ARRIVED or code == SUCCESS:
        state = "delivered"
    elif code in FAILURES or (ptt not in UNDER_WAY and code is None):
        state = "failed"
    else:
        state = "accepted"
    reason = f"ovh_{ptt}" if state == "failed" else None
    return Report("ovh", "ovh", f"ptt_{ptt}", ref=said["id"], state=state, reason=reason)
