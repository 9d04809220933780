"""The board that customers see, as it travels in JSON."""

from pydantic import Field

from service.models.fields import Asked, Moment, Told


class BoardAsked(Asked):
    """Whether names are shown."""

    names: bool | None = Field(default=None, description="false: numbers only; left out: as the store has set")


class BoardBody(Asked):
    """How a store's board is shown."""

    names: bool = Field(default=True, description="First names and initials; false: numbers only")
    renew: bool = Field(default=False, description="Close the links that were given out, and make a new one")


class BoardLink(Told):
    """How a store's board is shown, and the link that opens it on a television; it opens nothing else."""

    names: bool
    url: str


class BoardKey(Asked):
    """What a board's link carries."""

    key: str = Field(default="", max_length=64)
    lang: str = Field(default="", max_length=8)


class BoardOrder(Told):
    """One order, so that its customer recognises it and nobody else learns who they are or what they bought."""

    number: str = Field(description="The last four symbols of the order reference")
    name: str | None = Field(description="First name and initial; none where names are not shown")
    ready_at: Moment | None = Field(description="When it became ready")


class Board(Told):
    """The orders being prepared, the next to be ready first; and those ready, the newest first."""

    preparing: list[BoardOrder]
    ready: list[BoardOrder]
