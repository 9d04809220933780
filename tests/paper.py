"""Stores on paper, for the rules that need no database."""

from datetime import UTC, datetime
from typing import Any

from service.models.stores import Store, StoreBody

WEEK = ("mo", "tu", "we", "th", "fr", "sa", "su")
WEEKDAYS = WEEK[:5]


def a_store(**fields: Any) -> Store:
    """A store of Paris as PUT takes it: always open and ready in two hours unless said otherwise."""
    body = StoreBody.model_validate({"name": "Atelier", "time_zone": "Europe/Paris", **fields})
    now = datetime.now(UTC)
    return Store(id="lyon", number=1, version=1, **dict(body), created_at=now, updated_at=now)


def opening(opens: str, closes: str, *days: str) -> dict[str, Any]:
    """One line of opening hours; every day where none is named."""
    return {"days": days or WEEK, "opens": opens, "closes": closes}


def utc(text: str) -> datetime:
    """A moment, as `2026-11-23 18:30` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
