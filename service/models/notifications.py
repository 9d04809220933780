"""Notifications as they travel in JSON."""

from typing import Literal
from uuid import UUID

from service.models.fields import Moment, Told

Kind = Literal["held", "confirmed", "short", "ready", "reminder", "collected", "cancelled", "expired"]
By = Literal["email", "sms"]
Person = Literal["customer", "delegate"]


class NotificationRequested(Told):
    """What will be sent again, and how."""

    kind: Kind
    channels: list[By]


class Notification(Told):
    """One message to one person: what became of it. The address stays inside."""

    id: UUID
    kind: Kind
    channel: By
    person: Person
    state: Literal["pending", "sending", "accepted", "delivered", "unknown", "failed", "suppressed"]
    reason: str | None
    attempts: int
    created_at: Moment
    updated_at: Moment
