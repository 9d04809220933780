"""What somebody wants to be told, as it travels in JSON."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.models.fields import Asked, Told


class RemindersBody(Asked):
    """What is to come from now on; what is not named stays. Nothing named: no more reminders.

    Mail programs send a field of their own when their button is pressed (RFC 8058).
    """

    model_config = ConfigDict(validate_by_name=False)

    reminders: bool | None = None
    email: bool | None = None
    sms: bool | None = None
    one_click: Annotated[Literal["One-Click"] | None, Field(alias="List-Unsubscribe")] = None


class RemindersSeen(Told):
    """What the customer is told: reminders, and anything at all by e-mail and text message."""

    reminders: bool
    email: bool | None = Field(description="null: they gave no address")
    sms: bool | None = Field(description="null: they gave no phone")
