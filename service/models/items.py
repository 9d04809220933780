"""Items as they travel in JSON: what is sold, and what a scanner reads on it."""

from typing import Annotated

from pydantic import Field, model_validator
from pydantic import StringConstraints as Text

from service.models.fields import Asked, Currency, Gtin, Moment, Money, Name, StoreId, Told

Place = Annotated[str, Text(min_length=1, max_length=64)]
Url = Annotated[
    str, Text(pattern=r"^https?://[!-~]+$", max_length=2000), Field(examples=["https://shop.example/tea.jpg"])
]


class Names(Asked):
    """The name in the customer's language."""

    fr: Name | None = None
    en: Name | None = None


class ItemBody(Asked):
    """An item, all of it: what is left out is not known."""

    name: Name
    names: Names | None = None
    gtin: Gtin | None = None
    image_url: Url | None = None
    price: Money | None = None
    currency: Currency | None = None
    preparation_minutes: Annotated[
        int | None, Field(ge=0, le=60 * 24 * 60, description="where it takes longer than the store's own")
    ] = None
    shelf: Annotated[dict[StoreId, Place] | None, Field(description="where it lies, per store")] = None

    @model_validator(mode="after")
    def price_has_a_currency(self) -> "ItemBody":
        """Refuse an amount of nobody knows what."""
        if (self.price is None) != (self.currency is None):
            raise ValueError("give price and currency, or neither")
        return self


class Item(Told):
    """An item as it stands."""

    sku: str
    version: int
    name: str
    names: Names | None
    gtin: str | None
    image_url: str | None
    price: int | None
    currency: str | None
    preparation_minutes: int | None
    shelf: dict[str, str] | None
    created_at: Moment
    updated_at: Moment
