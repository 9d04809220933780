"""What is asked and told of a person's data, as it travels in JSON."""

from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from service.lifecycle import State
from service.models.events import HistoryEvent
from service.models.fields import Asked, Email, OrderRef, Phone, Told
from service.models.notifications import Notification, Reply
from service.models.reservations import Reservation
from service.models.survey import SurveyAnswer


class PersonBody(Asked):
    """Whose data: by one of these."""

    order_ref: OrderRef | None = None
    customer_ref: OrderRef | None = None
    email: Email | None = None
    phone: Phone | None = None

    @model_validator(mode="after")
    def names_somebody(self) -> Self:
        """Refuse to guess who is meant."""
        if sum(one is not None for one in (self.order_ref, self.customer_ref, self.email, self.phone)) != 1:
            raise ValueError("give one of order_ref, customer_ref, email and phone")
        return self


class Known(Told):
    """One reservation of a person: how it stands, what happened to it, what they were told, wrote back and said."""

    reservation: Reservation
    events: list[HistoryEvent]
    messages: list[Notification]
    replies: list[Reply]
    survey: SurveyAnswer | None


class Exported(Told):
    """All that is known of a person, the newest first."""

    items: list[Known]
    complete: bool = Field(description="false where there is more: then ask for each order by its order_ref")


class ErasedOne(Told):
    """A reservation in which nothing personal of theirs is left."""

    store: str
    id: UUID
    order_ref: str


class WaitingOne(ErasedOne):
    """A reservation that is open: its people are forgotten within an hour or so of its end."""

    state: State


class Erased(Told):
    """What became of a request to be forgotten."""

    erased: list[ErasedOne]
    waiting: list[WaitingOne]
