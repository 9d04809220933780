"""Every address of the service, one list per noun."""

import re
from collections.abc import Iterable
from pathlib import Path

from service.api import (
    availability,
    board,
    callbacks,
    counter,
    docs,
    events,
    health,
    imports,
    items,
    keys,
    message_policies,
    notifications,
    replies,
    reservations,
    steps,
    stock,
    stores,
    streams,
    webhooks,
)
from service.api.endpoints import Endpoint
from service.screens import customer

ENDPOINTS: tuple[Endpoint, ...] = (
    *stores.ENDPOINTS,
    *availability.ENDPOINTS,
    *reservations.ENDPOINTS,
    *counter.ENDPOINTS,
    *streams.ENDPOINTS,
    *board.ENDPOINTS,
    *steps.ENDPOINTS,
    *customer.ENDPOINTS,
    *items.ENDPOINTS,
    *stock.ENDPOINTS,
    *imports.ENDPOINTS,
    *events.ENDPOINTS,
    *keys.ENDPOINTS,
    *message_policies.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *callbacks.ENDPOINTS,
    *notifications.ENDPOINTS,
    *replies.ENDPOINTS,
    *health.ENDPOINTS,
    *docs.ENDPOINTS,
)

STATIC: dict[str, Path] = {"/docs/static": docs.STATIC, "/static": customer.STATIC}
"""Folders whose files anybody may read."""

_PART = re.compile(r"\{(\w+)\}")


def pattern(path: str) -> str:
    """Spell a path for aiohttp: a part holds anything but a slash, curly brackets too."""
    return _PART.sub(r"{\1:[^/]+}", path)


def check(endpoints: Iterable[Endpoint]) -> None:
    """Refuse to start with an endpoint that lets nobody in by mistake, or with two at the same address.

    Raises RuntimeError.
    """
    seen: set[tuple[str, str]] = set()
    for endpoint in endpoints:
        place = (endpoint.method, _PART.sub("{}", endpoint.path))
        if endpoint.scopes is not None and not endpoint.scopes:
            raise RuntimeError(f"{endpoint.method} {endpoint.path} declares no scope.")
        if place in seen:
            raise RuntimeError(f"{endpoint.method} {endpoint.path} is declared twice.")
        seen.add(place)
