"""Every address of the service, one list per noun."""

import re
from collections.abc import Iterable
from pathlib import Path

from service.api import (
    audit,
    availability,
    board,
    callbacks,
    clerks,
    counter,
    devices,
    docs,
    events,
    health,
    history,
    imports,
    items,
    keys,
    message_policies,
    message_templates,
    notifications,
    privacy,
    replies,
    reports,
    reservations,
    steps,
    stock,
    stores,
    streams,
    survey,
    webhooks,
)
from service.api.endpoints import Endpoint
from service.screens import admin, customer, customer_forms, labels, opt_out, pairing, rendering
from service.screens import board as board_screen
from service.screens import counter as counter_screen

ENDPOINTS: tuple[Endpoint, ...] = (
    *stores.ENDPOINTS,
    *availability.ENDPOINTS,
    *reservations.ENDPOINTS,
    *counter.ENDPOINTS,
    *streams.ENDPOINTS,
    *board.ENDPOINTS,
    *board_screen.ENDPOINTS,
    *history.ENDPOINTS,
    *labels.ENDPOINTS,
    *steps.ENDPOINTS,
    *customer.ENDPOINTS,
    *customer_forms.ENDPOINTS,
    *opt_out.ENDPOINTS,
    *counter_screen.ENDPOINTS,
    *items.ENDPOINTS,
    *stock.ENDPOINTS,
    *imports.ENDPOINTS,
    *events.ENDPOINTS,
    *survey.ENDPOINTS,
    *keys.ENDPOINTS,
    *message_policies.ENDPOINTS,
    *message_templates.ENDPOINTS,
    *devices.ENDPOINTS,
    *clerks.ENDPOINTS,
    *audit.ENDPOINTS,
    *privacy.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *callbacks.ENDPOINTS,
    *notifications.ENDPOINTS,
    *replies.ENDPOINTS,
    *reports.ENDPOINTS,
    *pairing.ENDPOINTS,
    *admin.ENDPOINTS,
    *health.ENDPOINTS,
    *docs.ENDPOINTS,
)

STATIC: dict[str, Path] = {"/docs/static": docs.STATIC, "/static": rendering.STATIC}
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
