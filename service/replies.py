"""Replies: what customers and their delegates write back. STOP opts out and is confirmed; the store hears it all."""

import re
import unicodedata
from typing import NamedTuple
from uuid import UUID

from service import message_policies, queries
from service.database import Connection
from service.ids import new_id
from service.links import Links
from service.models.notifications import OpenReply, Reply
from service.opt_outs import OptOuts

SQL = queries.load("replies")

STOP = frozenset(
    {"STOP", "STOPALL", "ARRET", "ARRETER", "CANCEL", "END", "OPTOUT", "QUIT", "REMOVE", "REVOKE", "TD", "UNSUBSCRIBE"}
)
"""Words that opt out where they are all that was written."""
CLEAR = frozenset({"STOP", "STOPALL", "ARRET", "UNSUBSCRIBE"})
"""Words that opt out also with a few others: STOP SMS, STOP 36184."""
START = frozenset({"START", "UNSTOP"})
FEW = 3
LONGEST = 1600  # characters that are kept


class Written(NamedTuple):
    """What somebody wrote from a phone; `confirmed`: the provider has told them already that they opted out."""

    provider: str
    phone: str
    text: str
    confirmed: bool = False


def wants_out(text: str) -> bool:
    """Whether these words opt out, with or without capitals, accents, dots and dashes."""
    words = _words(text)
    return "".join(words) in STOP or bool(words and words[0] in CLEAR and len(words) <= FEW)


def wants_in(text: str) -> bool:
    """Whether these words take an opting out back."""
    return "".join(_words(text)) in START


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().upper()
    return re.sub(r"[^A-Z0-9 ]", "", plain).split()


async def receive(db: Connection, written: Written, *, links: Links, opt_outs: OptOuts, age: float = 0) -> bool:
    """Do what they want, and show it to the store of their newest order. False: nobody here knows this phone.

    `age`: how many seconds ago it was heard.

    An opting out counts whether or not they are known.
    """
    out, news = wants_out(written.text), False
    if out:
        news = await opt_outs.add(db, "sms", written.phone, reason="stop", by=written.provider)
    elif wants_in(written.text):
        await opt_outs.remove(db, "sms", written.phone)
    order = await SQL["newest_order"].row(db, phone=written.phone, sealed=links.sealer.prefixes(written.phone))
    if order is None:
        return False
    where = {"store": order["store_id"], "reservation": order["id"], "channel": "sms", "person": order["person"]}
    body = links.sealer.close("note", written.text[:LONGEST], order["id"])
    seq = await SQL["keep"].value(db, **where, id=new_id(), notification=order["notification"], body=body, stop=out)
    if news and not written.confirmed:  # said again, it is not confirmed again: two machines would never end
        hours = (await message_policies.in_force(db, order["store_id"])).quiet_hours
        facts = {"address": order["address"], "locale": order["locale"], "age": age}
        await SQL["confirm"].run(db, **where, seq=seq, **facts, quiet_from=hours.starts, quiet_to=hours.ends)
    return True


async def of_reservation(db: Connection, store: str, reservation: UUID, *, links: Links) -> list[Reply]:
    """What was written back about a reservation, the newest first."""
    rows = await SQL["of_reservation"].rows(db, store=store, reservation=reservation)
    return [Reply(**{**row, "body": _read(row["body"], reservation, links)}) for row in rows]


async def of_open_orders(db: Connection, store: str, *, links: Links) -> list[OpenReply]:
    """What was written back about the orders of a store that are confirmed, picking or ready, the newest first."""
    rows = await SQL["of_open_orders"].rows(db, store=store)
    return [OpenReply(**{**row, "body": _read(row["body"], row["reservation"], links)}) for row in rows]


def _read(body: str | None, reservation: UUID, links: Links) -> str | None:
    return None if body is None else links.sealer.read("note", body, reservation)
