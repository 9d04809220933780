"""Reminders: who has had enough of them, while the rest is still told; and who has had enough of a whole channel."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from service import reservations
from service.database import Connection
from service.links import Links
from service.models.reservations import CustomerTold, Reservation
from service.opt_outs import OptOuts


def topic(channel: str) -> str:
    """What is opted out of, beside a whole channel: reminders on it."""
    return f"{channel}/reminder"


class Wanted(NamedTuple):
    """What a customer is told: reminders on some channel; and on each that they have, anything at all."""

    reminders: bool
    channels: dict[str, bool]


async def wanted(db: Connection, token: str, *, links: Links, opt_outs: OptOuts) -> Wanted:
    """What the customer whose order a token opens is told. Raises UnknownReservation."""
    addresses = addresses_of(await _customer(db, token, links=links))
    wished = [not await opt_outs.is_out(db, topic(channel), address) for channel, address in addresses.items()]
    channels = {channel: not await opt_outs.is_out(db, channel, address) for channel, address in addresses.items()}
    return Wanted(any(wished), channels)


async def choose(
    db: Connection,
    token: str,
    *,
    reminders: bool | None = None,
    channels: Mapping[str, bool | None],
    links: Links,
    opt_outs: OptOuts,
) -> None:
    """Tell this customer of every order what they want to hear, from now on; None leaves it as it is.

    `reminders` is said for whichever channels this order has. Raises UnknownReservation.
    """
    for channel, address in addresses_of(await _customer(db, token, links=links)).items():
        for what, wished in ((topic(channel), reminders), (channel, channels.get(channel))):
            if wished is not None:
                change = partial(opt_outs.remove, db) if wished else partial(opt_outs.add, db, reason="link", by="page")
                await change(what, address)


async def unwanted(db: Connection, rows: Sequence[Mapping[str, Any]], opt_outs: OptOuts) -> set[UUID]:
    """Which of these messages, opened, are reminders to somebody who wants none."""
    mine = [row for row in rows if row["kind"] == "reminder"]
    found: set[UUID] = set()
    for channel in {row["channel"] for row in mine}:
        out = await opt_outs.among(db, topic(channel), {row["address"] for row in mine if row["channel"] == channel})
        found |= {row["id"] for row in mine if row["channel"] == channel and row["address"] in out}
    return found


async def _customer(db: Connection, token: str, *, links: Links) -> CustomerTold:
    place = await reservations.of_token(db, token, links=links)
    body = await reservations.find(db, place.store, place.id, links=links)
    return Reservation.model_validate_json(body).customer


def addresses_of(customer: CustomerTold) -> dict[str, str]:
    """Where a customer can be told something, by channel."""
    both = {"email": customer.email, "sms": customer.phone}
    return {channel: address for channel, address in both.items() if address}
