"""Events as they travel in JSON."""

from typing import Any
from uuid import UUID

from pydantic import Field

from service.models.fields import Asked, Moment, StoreId, Told


class EventsAsked(Asked):
    """Which store's events (none: all that the key may see), since where, and how many at most."""

    store: StoreId | None = None
    after: str | None = Field(default=None, max_length=100_000, description="`next` of the last answer")
    limit: int = Field(default=100, ge=1, le=1000)


class EventData(Told):
    """Ids, state, version and order reference; nothing personal. Only what the event has."""

    id: UUID | None = Field(default=None, description="The reservation")
    version: int | None = None
    state: str | None = None
    order_ref: str | None = None
    sku: str | None = None
    on_hand: int | None = None
    reserved: int | None = None
    shortfall: int | None = None
    notification: UUID | None = None
    kind: str | None = None
    channel: str | None = None
    endpoint: UUID | None = Field(default=None, description="The webhook endpoint that was switched off")
    reason: str | None = Field(default=None, description="Why: `gone` or `failing`")


class Event(Told):
    """One thing that happened, at its place in its store's stream."""

    id: UUID
    type: str
    at: Moment
    store: str
    position: int
    data: EventData


class Events(Told):
    """What happened, and where to read on; `next` is there even when nothing is new."""

    items: list[Event]
    next: str


class HistoryEvent(Told):
    """One thing that happened to a reservation: the step it was, who did it, what they said."""

    id: UUID
    type: str
    at: Moment
    happened_at: Moment
    store: str
    position: int | None = Field(description="Its place in the store's stream; none for a moment after it happened")
    actor: str
    action: str | None
    source: str | None
    target: str | None
    facts: dict[str, Any] | None
    data: EventData


class History(Told):
    """All that happened to a reservation, in order."""

    items: list[HistoryEvent]
    next_cursor: None = None
