"""An order as its customer sees it, through a link that they may have shared."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from service import hours, promise, queries, reminders, reservations, stores, survey
from service.database import Connection
from service.links import Links
from service.models.orders import HoursSeen, OpeningSeen, OrderSeen
from service.models.reservations import Reservation
from service.models.stores import Store
from service.models.survey import SurveyAnswer

SQL = queries.load("reservations")


class Seen(NamedTuple):
    """The order, and what its page needs beside it that is nobody else's to read."""

    order: OrderSeen
    id: UUID
    locale: str
    updated_at: datetime
    answer: SurveyAnswer | None
    now: datetime
    channels: tuple[str, ...]  # by which its customer can be told something


async def seen(db: Connection, token: str, *, links: Links) -> Seen:
    """What a customer's token opens. Raises UnknownReservation."""
    place = await reservations.of_token(db, token, links=links)
    body = await reservations.find(db, place.store, place.id, links=links)
    reservation = Reservation.model_validate_json(body)
    store = await stores.known(db, place.store)
    answer = await survey.answered(db, place.store, place.id, links=links)
    now = await SQL["now"].value(db)
    order = OrderSeen.of(
        reservation, store, today=_today(store, now), extends_to=_extends_to(reservation, store), answer=answer
    )
    channels = tuple(reminders.addresses_of(reservation.customer))
    return Seen(order, place.id, reservation.customer.locale, reservation.updated_at, answer, now, channels)


def _today(store: Store, now: datetime) -> HoursSeen | None:
    """When the store is open today; None where it never closes."""
    if not store.opening_hours and not store.exceptional_days and store.public_holidays is None:
        return None
    opening = hours.of(store)
    spans = opening.openings(opening.day_of(now))
    is_open = opening.is_open(now)
    return HoursSeen(
        openings=[OpeningSeen(starts_at=span.start, ends_at=span.end) for span in spans],
        open=is_open,
        opens_at=None if is_open else opening.next_opening(now),
    )


def _extends_to(reservation: Reservation, store: Store) -> datetime | None:
    """Until when the order would wait if its customer asked for more time."""
    if reservation.collect_by is None or reservation.extended:
        return None
    return promise.collect_by(store, reservation.collect_by, None)
