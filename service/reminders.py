"""Reminders: who has had enough of them, while the rest is still told."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from service import reservations
from service.database import Connection
from service.links import Links
from service.models.reservations import CustomerTold, Reservation
from service.opt_outs import OptOuts


def topic(channel: str) -> str:
    """What is opted out of, beside a whole channel: reminders on it."""
    return f"{channel}/reminder"


async def wanted(db: Connection, token: str, *, links: Links, opt_outs: OptOuts) -> bool:
    """Whether the customer whose order a token opens is reminded on some channel. Raises UnknownReservation."""
    for channel, address in _addresses(await _customer(db, token, links=links)).items():
        if not await opt_outs.is_out(db, topic(channel), address):
            return True
    return False


async def stop(db: Connection, token: str, *, links: Links, opt_outs: OptOuts) -> None:
    """Remind this customer of no order any more, on whichever channel this one has. Raises UnknownReservation."""
    for channel, address in _addresses(await _customer(db, token, links=links)).items():
        await opt_outs.add(db, topic(channel), address, reason="link", by="page")


async def resume(db: Connection, token: str, *, links: Links, opt_outs: OptOuts) -> None:
    """Remind them again. Raises UnknownReservation."""
    for channel, address in _addresses(await _customer(db, token, links=links)).items():
        await opt_outs.remove(db, topic(channel), address)


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


def _addresses(customer: CustomerTold) -> dict[str, str]:
    both = {"email": customer.email, "sms": customer.phone}
    return {channel: address for channel, address in both.items() if address}
