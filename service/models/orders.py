"""An order as its customer sees it, through a link that they may have shared: no address and no number of theirs."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from service.lifecycle import CLAIMING, State
from service.models.fields import Asked, Moment, Told
from service.models.reservations import Reservation
from service.models.stores import Address, Instructions, Store
from service.models.survey import SurveyAnswer


class AnswerBody(Asked):
    """What to do about an order that is short: take what is there, or cancel it all."""

    answer: Literal["take", "cancel"]


class OpeningSeen(Told):
    """One opening."""

    starts_at: Moment
    ends_at: Moment


class HoursSeen(Told):
    """When the store is open today, in its own time zone, and whether it is now."""

    openings: list[OpeningSeen]
    open: bool
    opens_at: Moment | None = Field(description="When it opens next, while it is closed")


class StoreSeen(Told):
    """Where to go, and when."""

    name: str
    time_zone: str
    address: Address | None
    latitude: float | None
    longitude: float | None
    phone: str | None
    instructions: Instructions | None
    today: HoursSeen | None = Field(description="null: it never closes")

    def one_line(self) -> str:
        """The store and its address, for a map or a calendar."""
        where = self.address
        parts = [where.line1, where.line2, f"{where.postcode} {where.city}"] if where else []
        return ", ".join([self.name, *filter(None, parts)])


class LineSeen(Told):
    """Something that was ordered."""

    name: str
    quantity: int
    missing: int


class OrderSeen(Told):
    """Where the order is, by when, and what its customer can do about it now."""

    order_ref: str
    version: int
    state: State
    store: StoreSeen
    lines: list[LineSeen]
    pickup_code: str | None
    hold_expires_at: Moment | None
    ready_by: Moment | None
    ready_at: Moment | None
    collected_at: Moment | None
    collect_by: Moment | None
    extends_to: Moment | None = Field(description="Until when it would wait if its customer asked for more time")
    slot: Moment | None
    answer_by: Moment | None
    currency: str | None
    amount_due: int | None
    delegate: str | None
    arrived: bool
    can: list[str]

    @classmethod
    def of(
        cls,
        order: Reservation,
        store: Store,
        *,
        today: HoursSeen | None,
        extends_to: datetime | None,
        answer: SurveyAnswer | None,
    ) -> "OrderSeen":
        """What of a reservation its customer needs."""
        can = _can(order, answer)
        return cls(
            order_ref=order.order_ref,
            version=order.version,
            state=order.state,
            store=StoreSeen(
                **{name: getattr(store, name) for name in StoreSeen.model_fields if name != "today"}, today=today
            ),
            lines=[
                LineSeen(name=line.name, quantity=line.asked, missing=line.asked - line.quantity + line.short)
                for line in order.lines
            ],
            pickup_code=order.pickup_code if order.state in CLAIMING - {State.HELD} else None,
            hold_expires_at=order.hold_expires_at if order.state is State.HELD else None,
            ready_by=order.ready_by,
            ready_at=order.ready_at,
            collected_at=order.collected_at,
            collect_by=order.collect_by,
            extends_to=extends_to if "extend" in can else None,
            slot=order.slot,
            answer_by=order.answer_by,
            currency=order.currency,
            amount_due=order.amount_due,
            delegate=order.delegate.name if order.delegate else None,
            arrived=order.arrived_at is not None,
            can=can,
        )


def _can(order: Reservation, answer: SurveyAnswer | None) -> list[str]:
    possible = {
        "answer": order.answer_by is not None and order.state is State.PICKING,
        "arrive": order.arrived_at is None and order.state in CLAIMING - {State.HELD},
        "extend": order.state is State.READY and not order.extended,
        "delegate": order.state in CLAIMING - {State.HELD},
        "cancel": order.state in CLAIMING,
        "survey": order.state in {State.COLLECTED, State.RETURNED} and (answer is None or answer.may_change),
    }
    return [name for name, so in possible.items() if so]
