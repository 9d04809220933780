"""Who changed what, as it travels in JSON."""

from typing import Annotated, Any

from pydantic import Field

from service.models.fields import Asked, Moment, Told


class AuditAsked(Asked):
    """Which part of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None


class AuditEntry(Told):
    """One change: who made it, what it was, of what."""

    store: str | None = Field(description="null where it is about no store, or several")
    actor: str
    action: str = Field(examples=["key.created"])
    subject: str = Field(description="the id of what was changed")
    facts: dict[str, Any] | None
    at: Moment
    sealed: bool = Field(description="whether a seal covers it: from then on a change of it would show")


class AuditPage(Told):
    """Some changes, the newest first, and where the older ones begin."""

    items: list[AuditEntry]
    next_cursor: str | None
