"""Invented orders, for trying out words: the usual one, and each of those that templates stumble over."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from service.settings import Settings

TOKEN = "2222H7K3F2BCDFGHJKNPRSTV"  # noqa: S105 -- it opens nothing
CODE = "7K3F9P"

STORE: dict[str, Any] = {
    "store_name": "Lyon Bellecour",
    "time_zone": "Europe/Paris",
    "store_address": {"line1": "12 rue de la République", "postcode": "69002", "city": "Lyon"},
    "store_phone": "+33478000000",
    "instructions": {"fr": "Comptoir au fond à gauche.", "en": "Counter at the back, left."},
}


def _line(sku: str, name: str, units: int, short: int = 0) -> dict[str, Any]:
    taken = {"asked": units, "quantity": units, "short": short, "collected": units - short, "refused": 0}
    return {"sku": sku, "name": name, **taken, "unit_price": 2790 if sku == "a" else 300, "total": None}


ORDER: dict[str, Any] = {
    "customer": {"name": "Camille Durand"},
    "order_ref": "WEB-104233",
    "pickup_code": CODE,
    "currency": "EUR",
    "amount_due": 3990,
    "paid": False,
    "extended": False,
    "hold_expires_at": "2026-11-24T10:15:00.000000Z",
    "ready_by": "2026-11-24T16:00:00.000000Z",
    "answer_by": "2026-11-24T18:30:00.000000Z",
    "collect_by": "2026-11-25T18:30:00.000000Z",
    "total": 6780,
    "lines": [_line("a", "Lampe de bureau Lucie", 2, short=1), _line("b", "Ampoule E27", 4)],
}
_PLAIN = [_line("b", "Ampoule E27", 1)]
_MANY = [{**_PLAIN[0], "name": f"Ampoule <{n}> & co.", "short": n % 2, "quantity": 2} for n in range(500)]
_LONG = {"store_name": "Grande Halle de la Création Artisanale du Vieux-Port de Marseille Nord"}

STUMBLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the usual order": ({}, {}),
    "nothing missing, nothing to pay": ({"lines": _PLAIN, "amount_due": 0, "paid": True, "extended": True}, {}),
    "paid, and something is missing": ({"amount_due": 0, "paid": True}, {}),
    "no price": ({"amount_due": None, "currency": None}, {}),
    "a customer without a name": ({"customer": {"name": None}}, {}),
    "no link": ({}, {"token": None}),
    "no code any more": ({"pickup_code": None}, {"token": None}),
    "a store without address and phone": ({}, {"store_address": None, "store_phone": None, "instructions": None}),
    "long names": (
        {"customer": {"name": "Marie-Antoinette de La Rochefoucauld-Montmorency"}, "order_ref": "9" * 64},
        _LONG,
    ),
    "five hundred lines": ({"lines": _MANY}, {}),
    "out of stock": ({}, {"facts": {"cause": "out_of_stock"}}),
}
"""By name: what is otherwise about the order, and about the rest."""


def row(
    kind: str, channel: str, locale: str, *, settings: Settings, person: str = "customer", **changes: Any
) -> dict[str, Any]:
    """What `contents` in notifications.sql would say of the usual order; `order` changes parts of it."""
    url = f"{str(settings.public_url).rstrip('/')}/p/{TOKEN}"
    order = {**ORDER, "pickup_url": url, **changes.pop("order", {})}
    return {
        "id": UUID(int=1),
        "store_id": "example",
        "reservation_id": UUID(int=1),
        "kind": kind,
        "channel": channel,
        "person": person,
        "address": "camille@atelier.example" if channel == "email" else "+33639980001",
        "locale": locale,
        "reservation": json.dumps(order),
        "token": TOKEN,
        "facts": None,
        **STORE,
        **changes,
    }


def rows(
    kind: str, channel: str, locale: str, *, settings: Settings, person: str = "customer"
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every invented order that this message could be about, by its name."""
    for name, (order, rest) in STUMBLES.items():
        yield name, row(kind, channel, locale, settings=settings, person=person, order=order, **rest)
