"""What a message may say of an order, each thing in the customer's language; None where there is nothing to say."""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from asyncpg import Record

from service.messages import spelling
from service.settings import Settings

MOMENT = {
    "held": "hold_expires_at",
    "confirmed": "ready_by",
    "short": "answer_by",
    "ready": "collect_by",
    "reminder": "collect_by",
}
"""The moment that matters to each kind of message: by when, or until when."""

WITH_CODE = frozenset({"confirmed", "ready", "reminder"})
WITH_QR = frozenset({"ready", "reminder"})
WITH_DUE = frozenset({"confirmed", "ready", "reminder"})
WITHOUT_LINK = frozenset({"cancelled", "expired"})
WITH_MISSING = frozenset({"short", "ready", "reminder"})
WITH_REFUND = WITH_MISSING | {"cancelled"}
WITH_OPT_OUT = frozenset({"reminder"})
"""Kinds that nobody needs and some don't want: they tell how to have no more of them."""

Row = Record | Mapping[str, Any]


def gather(row: Row, language: str, *, settings: Settings, folder: Path = spelling.FOLDER) -> dict[str, Any]:
    """Everything that templates may name, of a row of `contents` in notifications.sql."""
    kind, order = row["kind"], json.loads(row["reservation"])
    moment = order.get(MOMENT.get(kind, ""))
    there = datetime.fromisoformat(moment).astimezone(ZoneInfo(row["time_zone"])) if moment else None
    local = there and spelling.deadline(there)
    due = order["amount_due"] if kind in WITH_DUE else None
    refund = _refund(order, kind) if kind in WITH_REFUND else None
    has_link, token = row["token"] is not None and row["person"] != "delegate", row["token"]
    return {
        "language": language,
        "shop": settings.retailer or row["store_name"],
        "store": row["store_name"],
        "address": _address(row["store_address"]),
        "phone": row["store_phone"],
        "phone_spelled": _phone(row["store_phone"]),
        "instructions": (row["instructions"] or {}).get(language) if kind in WITH_QR else None,
        "name": unlinked(order["customer"]["name"]),
        "order_ref": order["order_ref"],
        "code": order["pickup_code"] if kind in WITH_CODE else None,
        "qr": kind in WITH_QR and token is not None,
        "link": order["pickup_url"] if has_link and kind not in WITHOUT_LINK else None,
        "opt_out": opt_out_link(settings, token) if has_link and kind in WITH_OPT_OUT else None,
        "moment": spelling.moment(local, language, folder) if local else None,
        "brief_moment": spelling.brief_moment(local, language, folder) if local else None,
        "due": spelling.money(due, order["currency"], language, folder) if due else None,
        "refund": spelling.money(refund, order["currency"], language, folder) if refund else None,
        "lines": _lines(order, kind),
        "missing": _missing(order) if kind in WITH_MISSING else [],
        "extended": order["extended"],
        "paid": order["paid"],
        "out_of_stock": (row["facts"] or {}).get("cause") == "out_of_stock",
    }


NAMES = frozenset({
    "language", "shop", "store", "address", "phone", "phone_spelled", "instructions", "name", "order_ref", "code", "qr",
    "link", "opt_out", "moment", "brief_moment", "due", "refund", "lines", "missing", "extended", "paid",
    "out_of_stock", "subject",
})  # fmt: skip
"""What `gather` knows, and the subject of the e-mail."""

NAMES_IN_TEXTS = (NAMES | {"place", "customer", "order"}) - {"subject"}
"""In text messages: `place` is the store unless that is the shop's name, `order` a short enough order number."""


def opt_out_link(settings: Settings, token: str) -> str:
    """Where the customer of an order says that they want no more reminders."""
    return f"{str(settings.public_url).rstrip('/')}/o/{token}"


def one_line(text: str) -> str:
    """No line break and no control character gets into a header or a text message."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()


def unlinked(name: str | None) -> str | None:
    """A name without what a phone or a mail program makes a link of: who typed it need not be who is written to."""
    return name and re.sub(r"(://|[.@](?=\w\w))+", " ", unicodedata.normalize("NFKC", name))


def _address(address: dict[str, Any] | None) -> list[str]:
    known = address or {}
    town = " ".join(filter(None, (known.get("postcode"), known.get("city"))))
    return [line for line in (known.get("line1"), known.get("line2"), town) if line]


@lru_cache(maxsize=2000)
def _phone(number: str | None) -> str | None:
    """+33 4 78 00 00 00, in one line."""
    if number is None:
        return None
    spelled = phonenumbers.format_number(phonenumbers.parse(number, None), phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return str(spelled).replace(" ", spelling.FIXED)


def _lines(order: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    lines = [{"units": _units(line, kind), "name": line["name"]} for line in order["lines"]]
    return [line for line in lines if line["units"]]


def _units(line: dict[str, Any], kind: str) -> int:
    """What was handed over, what the order held, or what it still holds."""
    if kind == "collected":
        return int(line["collected"])
    if kind in WITHOUT_LINK:
        return int(line["quantity"])
    return int(line["quantity"] - line["short"] - line["refused"])


def _missing(order: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"units": line["short"], "name": line["name"]} for line in order["lines"] if line["short"]]


def _refund(order: dict[str, Any], kind: str) -> int | None:
    """What who has paid gets back, in minor units: all of a cancelled order, else what is missing of it.

    None where the order has no prices.
    """
    if not order["paid"] or order["currency"] is None:
        return None
    if kind == "cancelled":
        return int(order["total"])
    return sum(
        _price(line, line["quantity"]) - _price(line, line["quantity"] - line["short"]) for line in order["lines"]
    )


def _price(line: dict[str, Any], units: int) -> int:
    """As `line_price` of the database has it: of a line's total, its share, rounded half up."""
    if line["unit_price"] is not None:
        return int(line["unit_price"] * units)
    return int((2 * line["total"] * units + line["asked"]) // (2 * line["asked"]))
