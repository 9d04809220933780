"""Twilio: text messages by its REST API, its receipts, and the replies of customers."""

from urllib.parse import parse_qs

import aiohttp

from service.messages.letters import Letter
from service.receipts import Report
from service.replies import Written
from workers.providers.asking import SECONDS, Api, Said, is_earlier
from workers.providers.carrier import NotNow, OptedOut, Refused
from workers.providers.reading import sending_in

STOPPED = 21610  # the recipient replied STOP to this sender
NO_SUCH_NUMBER = frozenset({21211, 21214, 21265, 21612, 21614, 21635})
"""What is wrong with the recipient, for ever; whatever else Twilio says of us can be mended meanwhile."""
NOT_SENT = frozenset({"failed", "undelivered", "canceled"})

STATES = {
    "sent": "accepted",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
"""What its words mean for a message; the others (queued, sending, …) change nothing."""


class Twilio:
    """A carrier for text messages. It can be asked for what went to a number: the same words are the same message."""

    name = "twilio"
    can_tell = True
    doubt_seconds = 150.0

    def __init__(
        self, url: str, account: str, token: str, *, sender: str, callback: str, seconds: float = SECONDS
    ) -> None:
        """`callback`: where Twilio reports; the message's tag is added: a receipt finds a lost answer."""
        authorization = aiohttp.encode_basic_auth(account, token)
        self._api = Api(url, headers={"Authorization": authorization}, seconds=seconds)
        self._path = f"/2010-04-01/Accounts/{account}/Messages.json"
        self._sender = sender
        self._callback = callback

    async def send(self, letter: Letter) -> str:
        """Hand it over; Twilio's SID."""
        sender = self._sender or letter.sender
        form = {
            "To": letter.recipient,
            "MessagingServiceSid" if sender.startswith("MG") else "From": sender,
            "Body": letter.text,
            "StatusCallback": f"{self._callback}?id={letter.tag}",
        }
        said = await self._api.ask("POST", self._path, data=form)
        if not said.done:
            raise _refusal(said)
        return said.name_at("/sid")

    async def look_up(self, letter: Letter) -> str | None:
        """The SID of the newest message to this number with its words; none that failed or is from before the doubt."""
        query = {"To": letter.recipient, "PageSize": "50"}
        said = await self._api.ask("GET", self._path, params=query, looking=True)
        for message in said.list_at("/messages"):
            same = message.get("body") == letter.text and message.get("status") not in NOT_SENT
            if same and not is_earlier(message.get("date_created"), letter):
                return str(message["sid"])
        return None

    async def close(self) -> None:
        """Hang up."""
        await self._api.close()


def _refusal(said: Said) -> NotNow | Refused:
    code = said.at("/code")
    if code == STOPPED:
        return OptedOut(f"twilio_{code}")
    reason = f"twilio_{code or said.status}"
    return Refused(reason) if code in NO_SUCH_NUMBER else NotNow(reason)


def read(query: str, body: str) -> Report | Written:
    """What Twilio called to say: a receipt, with our tag in the query that it was given, or what a customer wrote."""
    said = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
    if "MessageStatus" not in said:
        return Written("twilio", said["From"], said.get("Body", ""), confirmed="OptOutType" in said)
    code = said.get("ErrorCode")
    id, revival = sending_in(parse_qs(query).get("id", [""])[0])
    return Report(
        provider="twilio",
        carrier="twilio",
        status=said["MessageStatus"],
        id=id,
        revival=revival,
        ref=said["MessageSid"],
        state=STATES.get(said["MessageStatus"]),
        reason=f"twilio_{code}" if code else None,
        opted_out=("sms", said["To"]) if code == str(STOPPED) else None,
    )
