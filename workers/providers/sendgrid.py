"""SendGrid's reports on what `smtp` sends through it; the message is found by the Message-ID it had."""

import json

from service.receipts import Report
from workers.providers.reading import sending_in

STATES = {"processed": "accepted", "delivered": "delivered", "bounce": "failed", "dropped": "failed"}
OUT = frozenset({"spamreport", "unsubscribe"})
"""Who wants nothing from us. Who leaves a group wants no more newsletters; their orders they still hear of."""


def read(_query: str, body: str) -> Report:
    """What one report says of an e-mail."""
    said = json.loads(body)
    status = said["event"]
    state = STATES.get(status)
    id, revival = sending_in(said.get("smtp-id", ""))
    return Report(
        provider="sendgrid",
        carrier="smtp",
        status=status,
        id=id,
        revival=revival,
        state=state,
        reason=f"sendgrid_{status} {said.get('status', '')}".strip() if state == "failed" else None,
        opted_out=("email", said["email"]) if status in OUT else None,
        may_be_ours=id is not None,
    )
