"""Brevo: text messages and e-mails by its API, and its receipts."""

import json
from typing import Any

from service.messages import gsm
from service.messages.letters import Letter
from service.receipts import Report
from service.replies import Written
from workers.providers.asking import SECONDS, Api, Said
from workers.providers.carrier import InDoubt, NotNow, OptedOut, Refused
from workers.providers.reading import sending_in

_ABOUT_THE_RECIPIENT = ("recipient", "phone", "mobile", "to is not valid", "email is not valid")

STATES = {
    "accepted": "accepted",
    "sent": "accepted",
    "request": "accepted",
    "delivered": "delivered",
    "hard_bounce": "failed",
    "soft_bounce": "failed",
    "invalid_email": "failed",
    "blocked": "failed",
    "error": "failed",
    "rejected": "failed",
    "skip": "failed",
    "blacklisted": "failed",
}
"""What its words mean for a message; those that are not here (opened, click, deferred, …) change nothing."""
OUT = frozenset({"unsubscribe", "unsubscribed", "spam", "complaint", "blacklisted"})
TAKEN = "duplicate_parameter"  # it has met this idempotencyKey within half an hour
MOST_EVENTS = 50  # that are looked at


class _Brevo:
    """What both have in common: the key, the tag by which a message is found again, and how Brevo refuses."""

    name = "brevo"
    can_tell = True
    doubt_seconds = 150.0
    _sending = ""
    _looking = ""

    def __init__(self, url: str, key: str, *, callback: str = "", seconds: float = SECONDS) -> None:
        self._api = Api(url, headers={"api-key": key}, seconds=seconds)
        self._callback = callback

    def _written(self, letter: Letter) -> dict[str, Any]:
        raise NotImplementedError

    async def send(self, letter: Letter) -> str:
        """Hand it over; Brevo's name for it."""
        said = await self._api.ask("POST", self._sending, json=self._written(letter))
        if not said.done:
            raise _refusal(said)
        return said.name_at("/messageId")

    async def look_up(self, letter: Letter) -> str | None:
        """What Brevo calls it, where anything has happened to a message with its tag, and not to another."""
        tag = letter.tag
        query = {"tags": tag, "limit": str(MOST_EVENTS)}
        said = await self._api.ask("GET", self._looking, params=query, looking=True)
        events = said.list_at("/events") if said.body != {} else []  # where there are none, it may say nothing of them
        found = (event["messageId"] for event in events if tag in _tags(event.get("tag") or tag))
        name = next(found, None)
        return None if name is None else str(name)

    async def close(self) -> None:
        """Hang up."""
        await self._api.close()


class BrevoSms(_Brevo):
    """A carrier for text messages."""

    _sending = "/transactionalSMS/send"
    _looking = "/transactionalSMS/statistics/events"

    def _written(self, letter: Letter) -> dict[str, Any]:
        message = {
            "sender": letter.sender,
            "recipient": letter.recipient.removeprefix("+"),
            "content": letter.text,
            "type": "transactional",
            "tag": letter.tag,
            "unicodeEnabled": gsm.septets(letter.text) is None,
        }
        return {**message, "webUrl": self._callback} if self._callback else message


class BrevoEmail(_Brevo):
    """A carrier for e-mails. Its API can't lay pictures inside a page: the QR stands in the page itself."""

    _sending = "/smtp/email"
    _looking = "/smtp/statistics/events"

    def _written(self, letter: Letter) -> dict[str, Any]:
        message = {
            "sender": {"name": letter.sender_name, "email": letter.sender},
            "to": [{"email": letter.recipient}],
            "subject": letter.subject or "",
            "textContent": letter.text,
            "headers": {"Auto-Submitted": "auto-generated", "idempotencyKey": letter.tag, **letter.unsubscribe},
            "tags": [letter.tag],
        }
        html = letter.html_with_qr()
        return {**message, "htmlContent": html} if html is not None else message


def _refusal(said: Said) -> NotNow | Refused | InDoubt:
    """What Brevo says of the recipient is for ever; of us, our key and our credits, it can be mended.

    What it has met before may have gone out, when its answer was lost.
    """
    code, words = said.at("/code") or f"http_{said.status}", str(said.at("/message") or "").lower()
    if code == TAKEN:
        return InDoubt(f"brevo_{code}")
    if "unsubscribed" in words or "blacklisted" in words or "blocklisted" in words:
        return OptedOut(f"brevo_{code}")
    forever = code == "invalid_parameter" and any(about in words for about in _ABOUT_THE_RECIPIENT)
    return Refused(f"brevo_{code}") if forever else NotNow(f"brevo_{code}")


def _tags(said: Any) -> list[str]:
    """The tags of a message: one alone, or a list of them, which may be spelt as JSON."""
    return [tag.strip(" \"'") for tag in str(said).strip("[]").split(",")]


def read(_query: str, body: str) -> Report | Written:
    """What Brevo called to say of a text message (`msg_status`) or an e-mail (`event`), or what a customer wrote."""
    said = json.loads(body)
    channel, status = ("sms", said["msg_status"]) if "msg_status" in said else ("email", said["event"])
    address = f"+{str(said['to']).lstrip('+')}" if channel == "sms" else said.get("email")
    if status == "replied":
        return Written("brevo", str(address), str(said.get("reply", "")))
    id, revival = sending_in(*_tags(said.get("tags") or said.get("tag") or ""))
    state = STATES.get(status)
    ref = said.get("messageId") or said.get("message-id")
    return Report(
        provider="brevo",
        carrier="brevo",
        status=status,
        id=id,
        revival=revival,
        ref=None if ref is None else str(ref),
        state=state,
        reason=f"brevo_{status}" if state == "failed" else None,
        opted_out=(channel, str(address)) if status in OUT and address else None,
        may_be_ours=id is not None or channel == "sms",  # its guide promises tags of e-mails only
    )
