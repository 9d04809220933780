"""Hands e-mails to an SMTP server, and tells apart what did not go out, what never will, and what nobody knows."""

import asyncio
import re
from contextlib import suppress
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTPException, SMTPRecipientRefused, SMTPResponseException, SMTPServerDisconnected

from service.messages.letters import Letter
from workers.providers.carrier import InDoubt, NotNow, NotYet, Refused
from workers.providers.email_message import compose

ANSWER_SECONDS = 15.0  # to connect, and for each answer
PREPARING_SECONDS = 40  # with one more answer less than the lease of a message

_GO_AHEAD = 354
_NO = 400
_NEVER = 500
_MAILBOX = 550
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463: tells why, and names nobody
_OF_THE_RECIPIENT = re.compile(r"5\.(?:1\.(?![78]\b)|2\.)\d")  # the address and the mailbox; x.1.7 and x.1.8 are ours


class Smtp:
    """A carrier for e-mails: one connection for each, with TLS as its address asks. It can't tell what it sent."""

    name = "smtp"
    can_tell = False
    doubt_seconds = 30.0

    def __init__(self, url: str, *, seconds: float = ANSWER_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("no address of an SMTP server")
        self._host = parts.hostname
        self._port = parts.port or (465 if parts.scheme == "smtps" else 587)
        self._tls = parts.scheme == "smtps"
        self._user = unquote(parts.username or "") or None
        self._password = unquote(parts.password or "") or None
        self._seconds = seconds

    async def send(self, letter: Letter) -> None:
        """Hand it over. Until its last dot nothing has gone out; between that dot and the answer nobody knows."""
        # A password goes over TLS or not at all; without one, TLS is taken where it is offered.
        start_tls = None if self._tls or self._password is None else True
        session = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls,
            start_tls=False if self._tls else start_tls,
            timeout=self._seconds,
        )
        try:
            async with asyncio.timeout(PREPARING_SECONDS):
                message = await _prepare(session, letter)
            await _hand_over(session, message, self._seconds)
        except SMTPResponseException as error:
            raise _refusal(error) from error
        except (SMTPException, OSError, TimeoutError) as error:
            raise NotNow(type(error).__name__) from error
        finally:
            session.close()

    async def look_up(self, letter: Letter) -> None:
        """SMTP keeps no memory that could be asked."""

    async def close(self) -> None:
        """Nothing to let go of."""


async def _prepare(session: aiosmtplib.SMTP, letter: Letter) -> bytes:
    """Everything up to where the server waits for the message; as long as this lasts, nothing has gone out."""
    options, encoding = ([], "ascii") if letter.recipient.isascii() else (["SMTPUTF8"], "utf-8")
    await session.connect()
    await session.ehlo()
    if options and not session.supports_extension("smtputf8"):
        raise Refused("smtputf8_not_supported")
    await session.mail(letter.sender, options=options, encoding=encoding)
    await session.rcpt(letter.recipient, encoding=encoding)
    message = re.sub(rb"(?m)^\.", b"..", compose(letter).as_bytes())
    answer = await session.execute_command(b"DATA")
    if answer.code != _GO_AHEAD:
        raise SMTPResponseException(answer.code, answer.message)
    return message


async def _hand_over(session: aiosmtplib.SMTP, message: bytes, seconds: float) -> None:
    """The message and its last dot; from here on only the server's answer can tell."""
    if session.protocol is None:
        raise SMTPServerDisconnected("gone before the message was written")
    try:
        session.protocol.write(message + b".\r\n")
        answer = await session.protocol.read_response(timeout=seconds)
    except (SMTPException, OSError, TimeoutError) as error:
        raise InDoubt(type(error).__name__) from error
    if answer.code >= _NO:
        raise _rejection(answer.code, answer.message)
    with suppress(SMTPException, OSError, TimeoutError):  # it is theirs now, whatever happens to the farewell
        await session.quit(timeout=1)


def _refusal(error: SMTPResponseException) -> NotNow | Refused:
    """Before the message: for ever where it is about the recipient; what is wrong with us somebody can mend meanwhile.

    Ours are our sender, password and address (5.7), the server and its routes (5.3, 5.4), our words (5.5). Without an
    enhanced code a 55x to RCPT is about the mailbox, and what is below about the conversation.
    """
    reason = _reason(error.code, error.message)
    if not isinstance(error, SMTPRecipientRefused):
        return NotNow(reason)
    if error.code < _NEVER:
        return NotYet(reason)
    told = _ENHANCED.match(error.message)
    theirs = _OF_THE_RECIPIENT.match(error.message) if told else error.code >= _MAILBOX
    return Refused(reason) if theirs else NotNow(reason)


def _rejection(code: int, message: str) -> NotNow | Refused:
    """After the dot a relay also says what is wrong with us: a sender not verified, a quota, an account suspended.

    A 5xx is for ever only where it is about the recipient. With another enhanced code it is about this message;
    without one, about us. Both wait, and the next carrier gets them.
    """
    reason = _reason(code, message)
    if code >= _NEVER and _OF_THE_RECIPIENT.match(message):
        return Refused(reason)
    return NotYet(reason) if code < _NEVER or _ENHANCED.match(message) else NotNow(reason)


def _reason(code: int, message: str) -> str:
    told = _ENHANCED.search(message)
    return f"smtp_{code} {told.group()}" if told else f"smtp_{code}"
