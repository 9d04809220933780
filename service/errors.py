"""Everything that can be refused: one class each, its name the problem's type and code, its docstring the title.

`status` is the HTTP status, `constraint` the database's name for the same promise; keywords become members of it.
"""

import re
from http import HTTPStatus
from typing import Any, ClassVar


class Problem(Exception):  # noqa: N818 -- a refusal is named for what is so, without "Error"
    """Something was refused."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    constraint: ClassVar[str | None] = None
    kept: ClassVar[bool] = False  # whether it is the answer to its Idempotency-Key for good, or may be over in a moment

    def __init__(self, detail: str = "", *, retry_after: int | None = None, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail or self.title()
        self.retry_after = retry_after  # seconds
        self.facts = facts

    @classmethod
    def code(cls) -> str:
        """Name the problem in snake_case, as programs know it."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """Say in one sentence what is so."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class _Conflict(Problem):
    status = HTTPStatus.CONFLICT


class _Unprocessable(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY


# Asking


class MalformedRequest(Problem):
    """The request can't be read."""


class IdempotencyKeyMissing(Problem):
    """This request needs an Idempotency-Key header."""


class Unauthorized(Problem):
    """A key is needed, as in `Authorization: Bearer ck_…`."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(Problem):
    """This key may not do that."""

    status = HTTPStatus.FORBIDDEN


class NotFound(Problem):
    """There is nothing here by that name."""

    status = HTTPStatus.NOT_FOUND


class MethodNotAllowed(Problem):
    """This address does not know that method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED


class RequestTimeout(Problem):
    """The body of the request took too long to arrive."""

    status = HTTPStatus.REQUEST_TIMEOUT


class BodyTooLarge(Problem):
    """The body is larger than what is taken here."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaType(Problem):
    """This endpoint does not take that kind of body."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class InvalidRequest(_Unprocessable):
    """Some fields are not as they must be."""


class IdempotencyKeyReused(_Unprocessable):
    """This Idempotency-Key was used for another request."""


class IdempotencyInFlight(_Conflict):
    """The first request with this Idempotency-Key is still running."""


class VersionMismatch(Problem):
    """It has changed since the version named in If-Match."""

    status = HTTPStatus.PRECONDITION_FAILED


class TooManyRequests(Problem):
    """Too many requests in too short a time."""

    status = HTTPStatus.TOO_MANY_REQUESTS


# Stores, items, stock


class UnknownStore(NotFound):
    """There is no such store, or it is not yours to see."""


class UnknownItem(NotFound):
    """There is no item with this sku."""


class StoreClosed(_Conflict):
    """This store takes no more orders."""

    kept = True


class UnknownSku(_Unprocessable):
    """Some skus are not in the catalogue."""


class OutOfStock(_Conflict):
    """The store does not have enough of some lines."""


class NeverOversold(_Conflict):
    """More would be reserved than there is."""

    constraint = "never_oversold"


class MovementAlreadyRecorded(_Conflict):
    """A movement with this reference was recorded with another content."""

    constraint = "movement_is_recorded_once"
    kept = True


class OnHandOutOfRange(_Unprocessable):
    """The quantity leaves the range of what can be counted."""


class UnknownImport(NotFound):
    """There is no such import."""


# Reservations


class UnknownReservation(NotFound):
    """There is no such reservation in this store."""


class OrderDiffers(_Conflict):
    """This order already has a reservation in this store, with other lines."""

    kept = True


class Superseded(_Conflict):
    """The order has a newer reservation in this store."""

    constraint = "order_has_one_standing_reservation"
    kept = True


class SlotFull(_Conflict):
    """The slot has no capacity left."""

    kept = True


class InvalidSlot(_Unprocessable):
    """The slot is not one that this store offers for this order."""


class WrongState(_Conflict):
    """The reservation is not where this step starts."""

    kept = True


class TooLate(_Conflict):
    """The time in which this could be done is over."""

    kept = True


class AlreadyExtended(_Conflict):
    """The deadline was extended once already."""

    kept = True


class WrongCode(_Unprocessable):
    """The code does not open this reservation."""


class LinesDontFit(_Unprocessable):
    """The lines don't fit the reservation."""


class NothingToSend(_Conflict):
    """There is no message to send for this reservation as it stands."""

    kept = True


class UnknownKey(NotFound):
    """There is no such key."""


class EndpointInactive(_Conflict):
    """This webhook endpoint is switched off."""


# The service itself


class Busy(Problem):
    """Too much is asked of the service right now."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class Unavailable(Problem):
    """The database can't answer right now; nothing was done, or it will be found again by the same key."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class Unexpected(Problem):
    """Something went wrong on our side."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


def every_problem(kind: type[Problem] = Problem) -> list[type[Problem]]:
    """All kinds of problems, in the order of this file."""
    every = (one for child in kind.__subclasses__() for one in (child, *every_problem(child)))
    return [one for one in every if not one.__name__.startswith("_")]
