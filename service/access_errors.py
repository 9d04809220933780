"""What can be refused of devices, clerks, who calls back, and whatever can be guessed; see `errors`."""

from http import HTTPStatus

from service.errors import NotFound, Problem


class UnknownDevice(NotFound):
    """There is no such device."""


class UnknownClerk(NotFound):
    """No such clerk works in this store."""


class WrongPairingCode(Problem):
    """The code pairs nothing, or no longer."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class WrongPin(Problem):
    """That is not this clerk's PIN."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class CertificateAway(Problem):
    """The certificate that would prove who calls can't be had right now; come again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class TooManyAttempts(Problem):
    """It was guessed wrong too often: nobody may try from here for a quarter of an hour."""

    status = HTTPStatus.TOO_MANY_REQUESTS
