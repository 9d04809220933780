"""Reports of Amazon SES on what `smtp` sends through it, brought by SNS; and the one question that SNS asks first."""

import json
from typing import Any, NamedTuple

import aiohttp

from service import signatures
from service.receipts import Report
from workers.providers.reading import sending_in

STATES = {
    "send": "accepted",
    "delivery": "delivered",
    "bounce": "failed",
    "reject": "failed",
    "rendering failure": "failed",
}
SECONDS = 5


class Confirmation(NamedTuple):
    """SNS asks whether these reports are wanted: asking at this address says yes."""

    url: str


def read(_query: str, body: str) -> Report | Confirmation:
    """What SNS brought: a report on an e-mail, or its question."""
    envelope = json.loads(body)
    if envelope["Type"] == "SubscriptionConfirmation":
        return Confirmation(envelope["SubscribeURL"])
    said = json.loads(envelope["Message"])
    kind = str(said.get("eventType") or said["notificationType"])
    state = STATES.get(kind.lower())
    bounce = said.get("bounce", {}).get("bounceType", "")
    complained = said.get("complaint", {}).get("complainedRecipients") or [{}]
    address = complained[0].get("emailAddress")
    id, revival = sending_in(*_names_of(said["mail"]))
    return Report(
        provider="ses",
        carrier="smtp",
        status=f"{kind} {bounce}".strip(),
        id=id,
        revival=revival,
        state=state,
        reason=f"ses_{kind} {bounce}".strip().lower() if state == "failed" else None,
        opted_out=("email", address) if address else None,
        may_be_ours=id is not None,
    )


def _names_of(mail: dict[str, Any]) -> list[str]:
    """Its Message-IDs, first as we wrote it: SES sends under its own, and may name that one instead of ours."""
    names = [header["value"] for header in mail.get("headers", []) if header["name"].lower() == "message-id"]
    names.append(mail.get("commonHeaders", {}).get("messageId", ""))
    return [str(name) for name in names]


async def confirm(confirmation: Confirmation) -> bool:
    """Say yes to SNS, where the address is one of Amazon's; whether it heard."""
    if not signatures.may_confirm(confirmation.url):
        return False
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(confirmation.url, allow_redirects=False) as answer,
        ):
            return answer.status == 200  # noqa: PLR2004 -- OK
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
