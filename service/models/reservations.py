"""Reservations as they travel in JSON: what a checkout asks, and what everybody is told."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from service.lifecycle import State
from service.models.fields import (
    MOST_LINES,
    Asked,
    Channel,
    Currency,
    Email,
    Locale,
    Moment,
    Money,
    Name,
    Note,
    OrderRef,
    Phone,
    Quantity,
    Sku,
    Told,
)

IfShort = Literal["take", "cancel", "ask"]


class Customer(Asked):
    """Who ordered; an e-mail address or a phone, so that they can be told."""

    name: Name
    email: Email | None = None
    phone: Phone | None = None
    locale: Locale | None = None
    customer_ref: OrderRef | None = None
    company: Name | None = None

    @model_validator(mode="after")
    def can_be_told(self) -> "Customer":
        """Refuse a customer whom nothing can reach."""
        if self.email is None and self.phone is None:
            raise ValueError("give an email or a phone, so that the customer can be told")
        return self


class Delegate(Asked):
    """Someone else who may collect."""

    name: Name
    phone: Phone | None = None


class LineAsked(Asked):
    """One sku and how many; the price of one, or of all."""

    sku: Sku
    quantity: Quantity
    name: Name | None = None
    unit_price: Money | None = None
    total: Money | None = None

    @model_validator(mode="after")
    def has_one_price(self) -> "LineAsked":
        """Refuse two prices that might disagree."""
        if self.unit_price is not None and self.total is not None:
            raise ValueError("give unit_price or total, not both")
        return self


class HoldBody(Asked):
    """An order to be collected in a store."""

    order_ref: OrderRef
    channel: Channel = "web"
    customer: Customer
    lines: Annotated[tuple[LineAsked, ...], Field(min_length=1, max_length=MOST_LINES)]
    currency: Currency | None = None
    pay_in_store: bool = False
    hold_seconds: Annotated[int, Field(ge=60, le=4 * 3600)] | None = None
    slot: Moment | None = None
    delegate: Delegate | None = None
    allow_partial: bool = False
    if_short: IfShort = "take"
    note: Note | None = None
    replaces: UUID | None = None

    @model_validator(mode="after")
    def prices_have_a_currency(self) -> "HoldBody":
        """Refuse an amount of nobody knows what, and lines that can't be summed."""
        priced = [line.unit_price is not None or line.total is not None for line in self.lines]
        if any(priced) and self.currency is None:
            raise ValueError("give the currency of the prices")
        if self.currency is not None and not all(priced):
            raise ValueError("with a currency, every line needs unit_price or total")
        prices: dict[str, int | None] = {}
        for line in self.lines:
            if prices.setdefault(line.sku, line.unit_price) != line.unit_price:
                raise ValueError(
                    f"the lines of sku {line.sku!r} have different prices: sum them into one, with a total"
                )
        return self


class CustomerTold(Told):
    """Who ordered; empty once forgotten."""

    name: str | None
    email: str | None
    phone: str | None
    locale: str
    customer_ref: str | None
    company: str | None


class DelegateTold(Told):
    """Someone else who may collect."""

    name: str
    phone: str | None


class Line(Told):
    """One sku of a reservation."""

    sku: str
    name: str
    asked: int
    quantity: int
    short: int
    collected: int
    refused: int
    returned: int
    unit_price: int | None
    total: int | None


class Applied(Told):
    """Who took a step first, and when."""

    by: str
    at: Moment


class Reservation(Told):
    """One customer's claim on items of one store, as it stands. PostgreSQL writes it: `reservation_json`."""

    id: UUID
    store: str
    order_ref: str
    channel: str
    state: State
    version: int
    applied: bool
    first_applied: Applied | None = None
    replaces: UUID | None
    customer: CustomerTold
    delegate: DelegateTold | None
    lines: list[Line]
    currency: str | None
    total: int | None
    amount_due: int | None
    paid: bool
    payment_ref: str | None
    pay_in_store: bool
    if_short: IfShort
    note: str | None
    pickup_code: str | None
    pickup_url: str | None
    slot: Moment | None
    hold_expires_at: Moment | None
    ready_by: Moment | None
    ready_at: Moment | None
    promise_kept: bool | None
    collect_by: Moment | None
    extended: bool
    answer_by: Moment | None
    shelf: str | None
    bags: int | None
    arrived_at: Moment | None
    confirmed_at: Moment | None
    collected_at: Moment | None
    checked_by: str | None
    put_back_at: Moment | None
    created_at: Moment
    updated_at: Moment
    possible_steps: list[str]
