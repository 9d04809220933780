"""What each step of a reservation's life needs to be told, as it travels in JSON."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from service.models.fields import MOST_LINES, Asked, Email, Locale, Name, Note, Phone, Quantity, Sku, Units
from service.models.hours import Reachable
from service.models.reservations import Delegate

ShortReason = Literal["not_found", "damaged", "sold"]
Shelf = Annotated[str, Field(min_length=1, max_length=32)]


class Nothing(Asked):
    """What a step asks that needs no more than its address."""


class Deed(Asked):
    """What is done at a counter, and may be told later: when it was done, and by whom."""

    happened_at: Annotated[Reachable | None, Field(description="left out: now")] = None
    clerk: Annotated[
        UUID | None,
        Field(
            description="who worked at this device when it was done; null: nobody did, as where they are found not to"
            " have. Left out: who works there now"
        ),
    ] = None


class ConfirmBody(Asked):
    """The customer has paid, or promised to."""

    payment_ref: Name | None = None
    paid: bool = True


class CancelBody(Asked):
    """Why."""

    reason: Note | None = None


class ExtendBody(Asked):
    """How long a hold is to last from now; nothing: the collect-by date, once."""

    hold_seconds: Annotated[int, Field(ge=60, le=4 * 3600)] | None = None


class ChangeBody(Asked):
    """What can be changed of a reservation without a step: who is told, who may collect, a note."""

    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    locale: Locale | None = None
    delegate: Delegate | None = None
    note: Note | None = None


class FoundLine(Asked):
    """How many of a line were found; what is missing has a reason."""

    sku: Sku
    found: Units
    reason: ShortReason | None = None


class ShelveBody(Deed):
    """What was found (no lines: everything) and where it waits."""

    lines: tuple[FoundLine, ...] = ()
    shelf: Shelf | None = None
    bags: Annotated[int, Field(ge=1, le=99)] | None = None


class TakenLine(Asked):
    """How many of a line the collector takes; the rest is refused."""

    sku: Sku
    taken: Units


class CollectBody(Deed):
    """How the collector was recognised: a code, a token, or by whom and how; and what they took (no lines: all)."""

    code: Annotated[str, Field(max_length=32)] | None = None
    token: Annotated[str, Field(max_length=64)] | None = None
    checked_by: Name | None = None
    lines: tuple[TakenLine, ...] = ()

    @model_validator(mode="after")
    def recognises_the_collector(self) -> "CollectBody":
        """Refuse to hand over to nobody knows whom."""
        if sum(proof is not None for proof in (self.code, self.token, self.checked_by)) != 1:
            raise ValueError("give one of code, token and checked_by")
        return self


class UndoBody(Deed):
    """Why the handover is taken back."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


class ReturnedLine(Asked):
    """How many of a line came back, and whether they can be sold again."""

    sku: Sku
    quantity: Quantity
    sellable: bool


class ReturnBody(Asked):
    """What the customer brought back."""

    lines: Annotated[tuple[ReturnedLine, ...], Field(min_length=1, max_length=MOST_LINES)]


class NotifyBody(Asked):
    """Which channel the current message is to be sent again on; none: every channel the customer has."""

    channel: Literal["email", "sms"] | None = None
