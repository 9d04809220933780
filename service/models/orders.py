"""An order as its customer sees it, through a link that they may have shared: no address and no number of theirs."""

from typing import Literal

from service.lifecycle import CLAIMING, State
from service.models.fields import Asked, Moment, Told
from service.models.reservations import Reservation
from service.models.stores import Address, Instructions, Store


class AnswerBody(Asked):
    """What to do about an order that is short: take what is there, or cancel it all."""

    answer: Literal["take", "cancel"]


class StoreSeen(Told):
    """Where to go."""

    name: str
    time_zone: str
    address: Address | None
    phone: str | None
    instructions: Instructions | None

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
    state: State
    store: StoreSeen
    lines: list[LineSeen]
    pickup_code: str | None
    hold_expires_at: Moment | None
    ready_by: Moment | None
    collect_by: Moment | None
    slot: Moment | None
    answer_by: Moment | None
    currency: str | None
    amount_due: int | None
    delegate: str | None
    arrived: bool
    can: list[str]

    @classmethod
    def of(cls, order: Reservation, store: Store) -> "OrderSeen":
        """What of a reservation its customer needs."""
        return cls(
            order_ref=order.order_ref,
            state=order.state,
            store=StoreSeen(
                name=store.name,
                time_zone=store.time_zone,
                address=store.address,
                phone=store.phone,
                instructions=store.instructions,
            ),
            lines=[
                LineSeen(name=line.name, quantity=line.asked, missing=line.asked - line.quantity + line.short)
                for line in order.lines
            ],
            pickup_code=order.pickup_code if order.state in CLAIMING - {State.HELD} else None,
            hold_expires_at=order.hold_expires_at if order.state is State.HELD else None,
            ready_by=order.ready_by,
            collect_by=order.collect_by,
            slot=order.slot,
            answer_by=order.answer_by,
            currency=order.currency,
            amount_due=order.amount_due,
            delegate=order.delegate.name if order.delegate else None,
            arrived=order.arrived_at is not None,
            can=_can(order),
        )


def _can(order: Reservation) -> list[str]:
    if order.state not in CLAIMING:
        return []
    possible = {
        "answer": order.answer_by is not None and order.state is State.PICKING,
        "arrive": order.arrived_at is None and order.state is not State.HELD,
        "extend": order.state is State.READY and not order.extended,
        "delegate": order.state is not State.HELD,
        "cancel": True,
    }
    return [name for name, so in possible.items() if so]
