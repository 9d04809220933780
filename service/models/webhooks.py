"""Webhook endpoints and deliveries as they travel in JSON."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from pydantic import StringConstraints as Text

from service.models.fields import Asked, Moment, StoreId, Told

EventType = Literal[
    "reservation.held",
    "reservation.confirmed",
    "reservation.picking",
    "reservation.ready",
    "reservation.arrived",
    "reservation.short",
    "reservation.collected",
    "reservation.collect_undone",
    "reservation.returned",
    "reservation.cancelled",
    "reservation.expired",
    "reservation.uncollected",
    "reservation.extended",
    "reservation.changed",
    "reservation.reminder_due",
    "stock.shortfall",
    "stock.low",
    "stock.out",
    "notification.requested",
    "notification.delivered",
    "notification.failed",
    "reply.received",
    "webhook.disabled",
]
Format = Literal["standard", "cloudevents"]
CustomerField = Literal["name", "email", "phone", "locale", "customer_ref", "company"]
State = Literal["pending", "sending", "delivered", "dead"]


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    """Named in another order, or twice, they are the same."""
    return tuple(sorted(set(values)))


class WebhookEndpointBody(Asked):
    """Where to send what, and how: no events named is all of them, no stores named is all of the key's."""

    url: Annotated[str, Text(min_length=1, max_length=2000), Field(examples=["https://shop.example/hooks"])]
    description: Annotated[str, Text(max_length=200)] = ""
    format: Format = "standard"
    fields: Annotated[tuple[CustomerField, ...], Field(max_length=20), AfterValidator(_sorted)] = Field(
        default=(), description="What is told of the customer; nothing unless named"
    )
    events: Annotated[tuple[EventType, ...], Field(max_length=100), AfterValidator(_sorted)] = ()
    stores: Annotated[tuple[StoreId, ...], Field(max_length=1000), AfterValidator(_sorted)] = ()
    active: bool = True


class WebhookEndpoint(Told):
    """An endpoint as it stands. Its secret is told when it is made and when it is changed, and never again."""

    id: UUID
    version: int
    url: str
    description: str
    format: Format
    fields: list[str] = Field(description="What it is told of the customer")
    events: list[str]
    stores: list[str] | None = Field(description="null: every store, also those to come")
    active: bool
    failing_since: Moment | None = Field(description="The first failure since it last took anything")
    disabled_at: Moment | None = Field(description="When it was switched off for failing; PUT it to switch it on again")
    disabled_reason: Literal["gone", "failing"] | None
    old_secret_until: Moment | None = Field(description="Until then, the secret before signs beside the new one")
    created_at: Moment
    updated_at: Moment


class WebhookEndpointMade(WebhookEndpoint):
    """An endpoint with its new secret: told once, null when the request is repeated."""

    secret: str | None


class WebhookEndpointsAsked(Asked):
    """Which part of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: UUID | None = None


class WebhookEndpoints(Told):
    """Some endpoints, in the order they were made."""

    items: list[WebhookEndpoint]
    next_cursor: str | None


class RotateBody(Asked):
    """For how many hours the secret before goes on signing beside the new one."""

    keep_hours: Annotated[int, Field(ge=0, le=168)] = 24


class Delivery(Told):
    """One webhook about one event: what became of it."""

    id: UUID
    message_id: UUID = Field(description="`webhook-id`: the id of the event, the same at every attempt")
    type: str
    store: str | None = Field(validation_alias="store_id", description="null for a ping")
    state: State
    attempts: int
    last_status: int | None
    reason: str | None = Field(description="Why the last attempt failed, in one word")
    next_attempt_at: Moment | None
    created_at: Moment
    delivered_at: Moment | None


class DeliveriesAsked(Asked):
    """Which deliveries: in one state, or all; and which part of the list."""

    state: State | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: UUID | None = None


class Deliveries(Told):
    """Some deliveries, the newest first."""

    items: list[Delivery]
    next_cursor: str | None


class ReplayBody(Asked):
    """What to send again: one delivery, or those made from one moment to another, in one state or in all."""

    delivery: UUID | None = None
    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None = Field(default=None, alias="to")
    state: State | None = None

    @model_validator(mode="after")
    def one_or_a_time(self) -> Self:
        """One delivery by its id, or all of a time: both ends of it."""
        moments = [moment for moment in (self.since, self.until) if moment is not None]
        if len(moments) != (0 if self.delivery else 2):
            raise ValueError("name a delivery, or give both `from` and `to`")
        if self.since and self.until and self.until < self.since:
            raise ValueError("`to` must not lie before `from`")
        return self


class Replayed(Told):
    """How many deliveries will be sent again."""

    queued: int
