"""Keys as they travel in JSON."""

from typing import Annotated

from pydantic import AfterValidator, Field

from service.callers import Scope
from service.models.fields import Asked, Moment, Name, StoreId, Told


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    """Named in another order, or twice, they are the same."""
    return tuple(sorted(set(values)))


class KeyBody(Asked):
    """A key to be made: what it may do, and in which stores; none named: in every store."""

    name: Name
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=100), AfterValidator(_sorted)]
    stores: Annotated[tuple[StoreId, ...], Field(min_length=1, max_length=1000), AfterValidator(_sorted)] | None = None


class Key(Told):
    """Who may call. The secret is known to its owner only."""

    id: str
    name: str
    scopes: list[Scope]
    stores: list[str] | None
    created_at: Moment
    revoked_at: Moment | None
    last_used_at: Moment | None


class KeyMade(Key):
    """A new key. `key` is what goes behind `Bearer`: told once, null when the request is repeated."""

    key: str | None


class KeyListing(Asked):
    """Which part of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{12}$")] | None = None


class KeyPage(Told):
    """Some keys, in the order they were made."""

    items: list[Key]
    next_cursor: str | None
