"""Writes a message: what is known of an order, in the words of its kind, its channel and the customer's language."""

import base64
import functools
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import segno
from asyncpg import Record
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from service.messages import gsm, spelling
from service.messages.spelling import Language
from service.settings import Settings

WORDS = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)

MOMENT = {
    "held": "hold_expires_at",
    "confirmed": "ready_by",
    "short": "answer_by",
    "ready": "collect_by",
    "reminder": "collect_by",
}
"""The moment that matters to each kind of message."""

WITH_CODE = frozenset({"confirmed", "ready", "reminder"})
WITH_QR = frozenset({"ready", "reminder"})
WITH_DUE = frozenset({"confirmed", "ready", "reminder"})
WITHOUT_LINK = frozenset({"cancelled", "expired"})
WITH_MISSING = frozenset({"short", "ready", "reminder"})

LONGEST_ORDER = 16  # symbols of an order's number that a text message names
SHORTEST = 10  # symbols that stay of a name that does not fit a text message


Row = Record | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, written: for a carrier to hand over as it is. `ref` stays the same when it is sent again."""

    id: UUID
    ref: str  # a Message-ID without its brackets
    store: str
    reservation: UUID
    kind: str
    channel: str
    language: Language
    sender: str
    sender_name: str
    recipient: str
    text: str
    subject: str | None = None
    html: str | None = None
    qr: bytes | None = None  # PNG, which the HTML names cid:qr

    def html_with_qr(self) -> str | None:
        """The HTML with its picture inside, for a page to show."""
        if self.html is None or self.qr is None:
            return self.html
        return self.html.replace("cid:qr", f"data:image/png;base64,{base64.b64encode(self.qr).decode()}")


def write(row: Row, *, settings: Settings) -> Letter:
    """Write the message of a row of `contents` in notifications.sql."""
    language = spelling.language(row["locale"], settings.default_locale)
    order = json.loads(row["reservation"])
    known = _known(row, order, language, settings)
    address = parseaddr(settings.email_from)[1]
    addressed = {
        "id": row["id"],
        "ref": f"{row['id']}@{address.partition('@')[2] or 'localhost'}",
        "store": row["store_id"],
        "reservation": row["reservation_id"],
        "kind": row["kind"],
        "channel": row["channel"],
        "language": language,
        "sender_name": _one_line(known["shop"]),
        "recipient": row["address"],
    }
    if row["channel"] == "sms":
        return Letter(**addressed, sender=settings.sms_sender, text=_text_message(row, known, language))
    folder, kind = language, row["kind"]
    subject = _one_line(_fill(f"{folder}/{kind}.subject.txt", known, language))
    known["subject"] = subject
    return Letter(
        **addressed,
        sender=address,
        subject=subject,
        text=_fill(f"{folder}/{kind}.txt", known, language).strip() + "\n",
        html=_fill(f"{folder}/{kind}.html", known, language),
        qr=qr(row["token"]) if known["qr"] else None,
    )


def _known(row: Row, order: dict[str, Any], language: Language, settings: Settings) -> dict[str, Any]:
    """What the templates may say, each in the customer's language; None where there is nothing to say."""
    kind = row["kind"]
    moment = order.get(MOMENT.get(kind, ""))
    local = datetime.fromisoformat(moment).astimezone(ZoneInfo(row["time_zone"])) if moment else None
    due = order["amount_due"] if kind in WITH_DUE else None
    facts = row["facts"] or {}
    return {
        "language": language,
        "shop": settings.retailer or row["store_name"],
        "store": row["store_name"],
        "address": _address(row["store_address"]),
        "phone": row["store_phone"],
        "instructions": (row["instructions"] or {}).get(language) if kind in WITH_QR else None,
        "name": order["customer"]["name"],
        "order_ref": order["order_ref"],
        "code": order["pickup_code"] if kind in WITH_CODE else None,
        "qr": kind in WITH_QR and row["token"] is not None,
        "link": None if kind in WITHOUT_LINK or row["token"] is None else order["pickup_url"],
        "moment": spelling.moment(local, language) if local else None,
        "brief_moment": spelling.brief_moment(local, language) if local else None,
        "due": spelling.money(due, order["currency"], language) if due else None,
        "lines": _lines(order, kind),
        "missing": _missing(order) if kind in WITH_MISSING else [],
        "extended": order["extended"],
        "paid": order["paid"],
        "out_of_stock": facts.get("cause") == "out_of_stock",
    }


def _address(address: dict[str, Any] | None) -> list[str]:
    known = address or {}
    town = " ".join(filter(None, (known.get("postcode"), known.get("city"))))
    return [line for line in (known.get("line1"), known.get("line2"), town) if line]


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


def _fill(name: str, known: dict[str, Any], language: Language) -> str:
    return spelling.typeset(WORDS.get_template(name).render(known), language)


def _one_line(text: str) -> str:
    """No line break and no control character gets into a header."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()


def _text_message(row: Row, known: dict[str, Any], language: Language) -> str:
    """The words for a phone, in one segment if names can be shortened to that."""
    delegate = row["person"] == "delegate"
    template = WORDS.get_template(f"{language}/{row['kind']}{'.delegate' if delegate else ''}.sms.txt")
    names = {
        "shop": gsm.spelled(known["shop"]),
        "place": gsm.spelled(known["store"]) if known["store"] != known["shop"] else "",
        "customer": gsm.spelled(known["name"] or "") if delegate else "",
    }
    said = {**known, "moment": known["brief_moment"], "link": (known["link"] or "").removeprefix("https://")}
    said["order"] = known["order_ref"] if len(known["order_ref"]) <= LONGEST_ORDER else ""
    while True:
        text = gsm.spelled(_one_line(template.render({**said, **names})))
        too_long = (gsm.septets(text) or 0) - gsm.SEGMENT
        longest = max(names, key=lambda name: len(names[name]))
        if too_long <= 0 or (said["due"] is None and len(names[longest]) <= SHORTEST):
            return text
        if said["due"] is not None:  # the page behind the link says it too
            said["due"] = None
        else:
            names[longest] = names[longest][: max(SHORTEST, len(names[longest]) - too_long)].rstrip()


@functools.lru_cache(maxsize=512)
def qr(token: str) -> bytes:
    """Draw the token as a PNG, dark on white with its quiet zone, so that it is read in dark mode too."""
    drawing = io.BytesIO()
    segno.make(token, error="m", micro=False).save(drawing, kind="png", scale=6, border=4)
    return drawing.getvalue()
