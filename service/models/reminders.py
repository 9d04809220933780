"""Whether somebody wants reminders, as it travels in JSON."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.models.fields import Asked, Told


class RemindersBody(Asked):
    """Whether to be reminded. Mail programs send a field of their own when their button is pressed (RFC 8058)."""

    model_config = ConfigDict(validate_by_name=False)

    reminders: bool = False
    one_click: Annotated[Literal["One-Click"] | None, Field(alias="List-Unsubscribe")] = None


class RemindersSeen(Told):
    """Whether the customer is reminded."""

    reminders: bool
