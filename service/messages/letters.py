"""Writes a message: what is known of an order, in the words of its kind, its channel and the customer's language."""

import base64
import functools
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parseaddr
from typing import Any
from uuid import UUID

import segno
from jinja2 import TemplateError

from service.messages import facts, gsm
from service.messages.facts import Row, one_line
from service.messages.own_words import OwnWords
from service.messages.words import WORDS, Words
from service.settings import Settings

LONGEST_ORDER = 16  # symbols of an order's number that a text message names
SAID_TO_ALL = frozenset({"opted_out"})  # in the same words to customers and delegates
SHORTEST = 10  # symbols that stay of a name that does not fit a text message
LONGEST_SUBJECT = 200

_LINK = re.compile(r"://|\bwww\.|\b[\w-]+\.[a-z]{2,}(?::\d+)?/", re.IGNORECASE)
"""What a telephone makes a link of; a shop's own words may hold others than ours, whose https:// is left out."""

Fill = Callable[[str, Mapping[str, Any]], str]
"""Fills a part: subject.txt, txt, html, sms.txt, delegate.sms.txt."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, written: for a carrier to hand over as it is. `ref` stays the same when it is tried again."""

    id: UUID
    ref: str  # a Message-ID without its brackets
    store: str
    reservation: UUID
    kind: str
    channel: str
    language: str
    sender: str
    sender_name: str
    recipient: str
    text: str
    subject: str | None = None
    html: str | None = None
    qr: bytes | None = None  # PNG, which the HTML names cid:qr
    has_link: bool = False  # of a text message: some numbers may carry none
    opt_out: str | None = None  # where a POST ends messages like this one (RFC 8058)
    doubted_since: datetime | None = None  # when it was first handed over, of all the times that are in doubt
    revivals: int = 0  # how often it was sent again by hand
    own_failed: str | None = None  # why the shop's own words could not be used, and ours were

    @property
    def tag(self) -> str:
        """What carriers are to know it by: our id, and another name each time that it is sent again by hand."""
        return _tag(self.id, self.revivals)

    @property
    def unsubscribe(self) -> dict[str, str]:
        """Headers for the mail program's own button (RFC 8058), where there is something that one may do without."""
        if not self.opt_out:
            return {}
        return {"List-Unsubscribe": f"<{self.opt_out}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}

    def html_with_qr(self) -> str | None:
        """The HTML with its picture inside, for a page to show."""
        if self.html is None or self.qr is None:
            return self.html
        return self.html.replace("cid:qr", f"data:image/png;base64,{base64.b64encode(self.qr).decode()}")


def _tag(id: UUID, revivals: int) -> str:
    return f"{id}.{revivals}" if revivals else str(id)


def language(locale: str, settings: Settings, words: Words = WORDS) -> str:
    """The language we write to someone of this locale."""
    return words.language(locale, settings.default_locale)


def write(row: Row, *, settings: Settings, own: OwnWords | None = None, words: Words = WORDS) -> Letter:
    """Write the message of a row of `contents` in notifications.sql.

    In the shop's own words where there are such; where those fail in spite of all, in ours: no message is kept back.
    """
    if own is not None:
        try:
            return _written(row, settings, words, own)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the customer hears of their order
            said = f": {error.message}" if isinstance(error, TemplateError) else ""  # names of things, and no values
            return replace(_written(row, settings, words), own_failed=f"{type(error).__name__}{said}"[:200])
    return _written(row, settings, words)


def _written(row: Row, settings: Settings, words: Words, own: OwnWords | None = None) -> Letter:
    speaks = language(row["locale"], settings, words)
    known = facts.gather(row, speaks, settings=settings, folder=words.folder)

    def fill(part: str, known: Mapping[str, Any]) -> str:
        if own is not None and own.has(part):
            return own.fill(part, known)
        return words.fill(speaks, f"{row['kind']}.{part}", known)

    address = _sender(settings.email_from)
    addressed = {
        "id": row["id"],
        "ref": f"{_tag(row['id'], row.get('revivals', 0))}@{address.partition('@')[2] or 'localhost'}",
        "store": row["store_id"],
        "reservation": row["reservation_id"],
        "kind": row["kind"],
        "channel": row["channel"],
        "language": speaks,
        "sender_name": one_line(known["shop"]),
        "recipient": row["address"],
        "doubted_since": row.get("doubted_since"),
        "revivals": row.get("revivals", 0),
    }
    if row["channel"] == "sms":
        text = _text_message(row, known, fill)
        has_link = _LINK.search(text) is not None or (known["link"] is not None and _short(known["link"]) in text)
        return Letter(**addressed, sender=settings.sms_sender, text=text, has_link=has_link)
    known["subject"] = one_line(fill("subject.txt", known))[:LONGEST_SUBJECT]
    return Letter(
        **addressed,
        sender=address,
        subject=known["subject"],
        text=fill("txt", known).strip() + "\n",
        html=fill("html", known),
        qr=qr(row["token"]) if known["qr"] else None,
        opt_out=known["opt_out"],
    )


def _short(link: str | None) -> str:
    """A link as text messages have it."""
    return (link or "").removeprefix("https://")


@functools.lru_cache(maxsize=8)
def _sender(email_from: str) -> str:
    return parseaddr(email_from)[1]


def _text_message(row: Row, known: dict[str, Any], fill: Fill) -> str:
    """The words for a phone, in one segment if names can be shortened to that."""
    delegate = row["person"] == "delegate" and row["kind"] not in SAID_TO_ALL
    names = {
        "shop": gsm.spelled(known["shop"]),
        "place": gsm.spelled(known["store"]) if known["store"] != known["shop"] else "",
        "customer": gsm.spelled(known["name"] or "") if delegate else "",
    }
    said = {**known, "moment": known["brief_moment"], "link": _short(known["link"])}
    said["order"] = known["order_ref"] if len(known["order_ref"]) <= LONGEST_ORDER else ""
    while True:
        text = gsm.spelled(one_line(fill("delegate.sms.txt" if delegate else "sms.txt", {**said, **names})))
        too_long = (gsm.septets(text) or 0) - gsm.SEGMENT
        longest = max(names, key=lambda name: len(names[name]))
        amount = next((name for name in ("due", "refund") if said[name] is not None), None)
        if too_long <= 0 or (amount is None and len(names[longest]) <= SHORTEST):
            return text
        if amount is not None:  # the page behind the link says what is due, the e-mail what comes back
            said[amount] = None
        else:
            names[longest] = names[longest][: max(SHORTEST, len(names[longest]) - too_long)].rstrip()


@functools.lru_cache(maxsize=512)
def qr(token: str) -> bytes:
    """Draw the token as a PNG, dark on white with its quiet zone, so that it is read in dark mode too."""
    drawing = io.BytesIO()
    segno.make(token, error="m", micro=False).save(drawing, kind="png", scale=6, border=4)
    return drawing.getvalue()
