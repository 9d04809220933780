"""Imports as they travel: the lines of a file of stock or items, and what became of them."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, model_validator
from pydantic import StringConstraints as Text

from service.models.fields import Asked, Currency, Gtin, Moment, Money, Name, Sku, StoreId, Told
from service.models.items import ItemBody, Names, Url
from service.models.stock import Count, Movement


class Kind(StrEnum):
    """What a file is about."""

    STOCK = "stock"
    ITEMS = "items"


class Mode(StrEnum):
    """What the lines of a file of stock say."""

    ABSOLUTE = "absolute"  # what was counted
    DELTA = "delta"  # what came and left
    SNAPSHOT = "snapshot"  # what was counted, and that there is nothing else in the stores it names


class CountLine(Count):
    """A line of an absolute file or a snapshot."""

    store: StoreId


class MoveLine(Movement):
    """A line of a delta file."""

    store: StoreId


class ItemLine(Asked):
    """A line of a file of items."""

    sku: Sku
    name: Name
    name_fr: Name | None = None
    name_en: Name | None = None
    gtin: Gtin | None = None
    image_url: Url | None = None
    price: Money | None = None
    currency: Currency | None = None
    preparation_minutes: Annotated[int | None, Field(ge=0, le=60 * 24 * 60)] = None

    @model_validator(mode="after")
    def price_has_a_currency(self) -> "ItemLine":
        """Refuse an amount of nobody knows what."""
        if (self.price is None) != (self.currency is None):
            raise ValueError("give price and currency, or neither")
        return self

    def item(self, shelf: dict[str, Any] | None) -> ItemBody:
        """The item that this line describes, at the places where it lies already."""
        named = self.name_fr is not None or self.name_en is not None
        return ItemBody(
            name=self.name,
            names=Names(fr=self.name_fr, en=self.name_en) if named else None,
            gtin=self.gtin,
            image_url=self.image_url,
            price=self.price,
            currency=self.currency,
            preparation_minutes=self.preparation_minutes,
            shelf=shelf,
        )


Line = CountLine | MoveLine | ItemLine

WHOLE_NUMBERS = frozenset({"on_hand", "safety_stock", "delta", "price", "preparation_minutes"})
"""The columns that CSV spells as text and JSON as numbers."""


def line_model(kind: Kind, mode: Mode | None) -> type[Line]:
    """What a line of such a file is."""
    if kind is Kind.ITEMS:
        return ItemLine
    return MoveLine if mode is Mode.DELTA else CountLine


class LineError(Told):
    """What is wrong with one line of a file; the first one is line 1."""

    line: int
    code: str
    detail: str


class ImportReport(Told):
    """A file that was taken in. `lines` were read: each was applied, passed over (it said nothing new) or failed."""

    id: UUID
    kind: Kind
    mode: Mode | None
    dry_run: bool
    state: Annotated[str, Text(pattern="^(running|done|failed)$")]
    lines: int
    applied: int
    passed_over: int
    zeroed: Annotated[int, Field(description="positions that a snapshot did not name")]
    failed: int
    errors: Annotated[list[LineError], Field(description="the first thousand")]
    reason: Annotated[str | None, Field(description="why it failed as a whole")]
    created_at: Moment
    finished_at: Moment | None


class StockImportQuery(Asked):
    """What the lines of a file of stock say, and whether it is only tried."""

    mode: Mode = Mode.ABSOLUTE
    dry_run: bool = False


class ItemImportQuery(Asked):
    """Whether a file of items is only tried."""

    dry_run: bool = False
