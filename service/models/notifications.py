"""Notifications as they travel in JSON."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from pydantic import StringConstraints as Text

from service.models.fields import Asked, Moment, StoreId, Told

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
    kind: Kind | Literal["opted_out"]
    channel: By
    person: Person
    state: Literal["pending", "sending", "accepted", "delivered", "unknown", "failed", "suppressed"]
    reason: str | None
    attempts: int
    created_at: Moment
    updated_at: Moment


class SentNotification(Notification):
    """One message, its store and order, and who was handed it last."""

    store: str = Field(validation_alias="store_id")
    reservation: UUID = Field(validation_alias="reservation_id")
    provider: str | None


class Receipt(Told):
    """What a provider reported about a message, in its own word."""

    provider: str
    status: str
    reason: str | None
    received_at: Moment


class NotificationHistory(SentNotification):
    """One message, and what was reported about it."""

    receipts: list[Receipt]


class DeadAsked(Asked):
    """Which messages that will not go out by themselves any more; and which part of the list."""

    state: Annotated[str, Text(pattern="^(failed|unknown)(,(failed|unknown))?$")] = "failed,unknown"
    store: StoreId | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: UUID | None = None


class DeadNotifications(Told):
    """Some of them, the newest first."""

    items: list[SentNotification]
    next_cursor: str | None


class Reply(Told):
    """What a customer or their delegate wrote back; `stop`: they want no more messages on this channel."""

    id: UUID
    channel: By
    person: Person
    body: str | None
    stop: bool
    received_at: Moment


class Replies(Told):
    """What was written back about a reservation, the newest first."""

    items: list[Reply]


class OpenReply(Reply):
    """What a customer wrote back about an order that is still open."""

    reservation: UUID


class OpenReplies(Told):
    """What was written back about the open orders of a store, the newest first."""

    items: list[OpenReply]
