"""The board that customers see, as it travels in JSON."""

from pydantic import Field

from service.models.fields import Asked, Told


class BoardAsked(Asked):
    """Whether names are shown."""

    names: bool = Field(default=True, description="false: numbers only")


class BoardOrder(Told):
    """One order, so that its customer recognises it and nobody else learns who they are or what they bought."""

    number: str = Field(description="The last four symbols of the order reference")
    name: str | None = Field(description="First name and initial; none where names are not shown")


class Board(Told):
    """The orders being prepared, the next to be ready first; and those ready, the newest first."""

    preparing: list[BoardOrder]
    ready: list[BoardOrder]
