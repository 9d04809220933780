"""The shop's own words, and what they look like, as they travel in JSON."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic import StringConstraints as Text

from service.models.fields import Asked, Locale, Moment, StoreId, Told
from service.models.notifications import By, Kind, Person

Part = Annotated[str, Text(min_length=1, max_length=60_000, strip_whitespace=False)]
Subject = Annotated[str, Text(min_length=1, max_length=500)]
OF_CHANNEL = {"email": ("subject", "text", "html"), "sms": ("text", "delegate_text")}


class MessageTemplateBody(Asked):
    """Words in Jinja; a part that is left out stays ours. `html`: a page, MJML, or blocks of our own layout."""

    subject: Annotated[Subject | None, Field(description="of an e-mail")] = None
    text: Annotated[Part | None, Field(description="of a text message, or of an e-mail as plain text")] = None
    html: Annotated[Part | None, Field(description="of an e-mail")] = None
    delegate_text: Annotated[Part | None, Field(description="of a text message to who collects instead")] = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        """Refuse a template without words."""
        if not self.parts:
            raise ValueError("give at least one part")
        return self

    @property
    def parts(self) -> dict[str, str]:
        """What was given."""
        return self.model_dump(exclude_none=True)


class MessageTemplate(Told):
    """A template as it stands, and whether it failed when it was to be filled (ours went out then)."""

    kind: Kind
    channel: By
    locale: str
    version: int
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    delegate_text: str | None = None
    failures: int
    failed_at: Moment | None
    failure: str | None
    created_at: Moment
    updated_at: Moment


class MessageTemplates(Told):
    """Every template of the shop."""

    items: list[MessageTemplate]


class MessagePreviewBody(Asked):
    """Which message to show, in the words in force or in those given here."""

    kind: Kind
    channel: By
    locale: Locale = "fr"
    person: Person = "customer"
    store: Annotated[StoreId | None, Field(description="whose name, address and clock; none: an invented one")] = None
    template: MessageTemplateBody | None = None

    @model_validator(mode="after")
    def can_be(self) -> Self:
        """Refuse a message that there is not."""
        if self.person == "delegate" and (self.kind, self.channel) != ("ready", "sms"):
            raise ValueError("a delegate is told by sms when the order is ready, and nothing else")
        return self


class MessagePreview(Told):
    """A message about an invented order, as its customer would get it, and what sending it costs."""

    language: str
    own_words: bool
    subject: str | None
    text: str
    html: str | None
    alphabet: Annotated[Literal["gsm7", "ucs2"] | None, Field(description="none for an e-mail")]
    septets: Annotated[int | None, Field(description="of 160 in one text message; none outside of GSM-7")]
    segments: int | None
    cost_class: Annotated[
        Literal["free", "one_segment", "several_segments"], Field(description="how many text messages are paid for")
    ]
