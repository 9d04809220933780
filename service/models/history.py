"""The counter's history as it travels in JSON: what left the shop, what goes back to the shelves, who came before."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from service.lifecycle import State
from service.models.fields import Asked, Moment, Told
from service.models.notifications import Notification
from service.models.reservations import Reservation


class HistoryAsked(Asked):
    """From which moment backwards (none: from now), and how many."""

    before: Annotated[Moment | None, Field(description="`next_before` of the last answer")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Ended(Told):
    """What left the shop's hands, the newest first, and where the earlier ones begin."""

    items: list[Reservation]
    next_before: Moment | None


class ToPutBack(Told):
    """What lies on the pickup shelf for nobody any more."""

    items: list[Reservation]


class EarlierOrder(Told):
    """One more order of a customer."""

    id: UUID
    store: str
    store_name: str
    order_ref: str
    channel: str
    state: State
    units: int
    created_at: Moment
    ended_at: Moment | None


class Earlier(Told):
    """A customer's other orders, the newest first."""

    items: list[EarlierOrder]


class Sent(Told):
    """What a customer was told, the newest first."""

    items: list[Notification]
