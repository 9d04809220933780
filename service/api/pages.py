"""Long lists, a page at a time: where the next one begins, spelled so that callers pass it back as it is."""

import base64
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from service.api.endpoints import Answer
from service.models.fields import Told
from service.models.reservations import Reservation


def _cursor(value: str | None) -> str | None:
    if value is not None:
        read_cursor(value)
    return value


def cursor(id: UUID) -> str:
    """Spell the place where the next page begins; callers pass it back as it is."""
    return base64.urlsafe_b64encode(id.bytes).decode().rstrip("=")


def read_cursor(value: str) -> UUID:
    """The place that a cursor stands for. Raises ValueError."""
    try:
        return UUID(bytes=base64.urlsafe_b64decode(value + "=="))
    except ValueError:
        raise ValueError("take the cursor from next_cursor, as it is") from None


Cursor = Annotated[str | None, AfterValidator(_cursor)]
Limit = Annotated[int, Field(ge=1, le=200)]


class Page(Told):
    """Some reservations, and where the next ones begin."""

    items: list[Reservation]
    next_cursor: str | None


def page(rows: list[tuple[str, UUID]], limit: int) -> Answer:
    """Some reservations as PostgreSQL wrote them, one more than `limit` where there is another page."""
    following = f'"{cursor(rows[limit - 1][1])}"' if len(rows) > limit else "null"
    return Answer(f'{{"items":[{",".join(body for body, _ in rows[:limit])}],"next_cursor":{following}}}')
