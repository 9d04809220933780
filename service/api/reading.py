"""Reads what a request brings, its key, its body and its query, and says what is wrong with them."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import MultiDict
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from service.errors import (
    BodyTooLarge,
    IdempotencyKeyMissing,
    InvalidRequest,
    MalformedRequest,
    NotFound,
    RequestTimeout,
    UnsupportedMediaType,
)
from service.models.fields import said

LARGEST_BODY = 64 * 1024  # bytes
BODY_SECONDS = 10
LONGEST_KEY = 255
LONGEST_PART = 100  # of an address, between two slashes; it goes into keys of the database

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # nobody sees them: "expected value at column 1" helps nobody
_MOST_FAULTS = 50

Model = TypeVar("Model", bound=BaseModel)
Part = TypeVar("Part", bytes, bytearray)


def checked(validate: Callable[[Any], Model], value: object, *, place: str = "pointer") -> Model:
    """Read something with pydantic; raises InvalidRequest with the `place` of each fault, a pointer or a parameter."""
    try:
        return validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        if faults[0]["type"] == "json_invalid":
            raise MalformedRequest(f"The body is no JSON: {faults[0]['msg']}.") from None
        told = [
            {
                place: pointer(fault["loc"]) if place == "pointer" else ".".join(map(str, fault["loc"])),
                "code": fault["type"],
                "message": said(fault),
            }
            for fault in _telling(faults)[:_MOST_FAULTS]
        ]
        raise InvalidRequest("; ".join(f"{t[place] or '/'}: {t['message']}" for t in told[:5]), errors=told) from None


def _telling(faults: list[ErrorDetails]) -> list[ErrorDetails]:
    """The faults that say something: a list is not too short when it is its only line that was wrong."""
    places = [fault["loc"] for fault in faults]
    return [
        fault
        for fault in faults
        if fault["type"] != "too_short"
        or not any(len(p) > len(fault["loc"]) and p[: len(fault["loc"])] == fault["loc"] for p in places)
    ]


def pointer(place: tuple[int | str, ...]) -> str:
    """Spell a place in a document as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)


def check_address(request: web.Request) -> None:
    """Raise NotFound where a part of the address can't name anything."""
    for part in request.match_info.values():
        if "\0" in part or len(part) > LONGEST_PART:
            raise NotFound(f"No name is longer than {LONGEST_PART} characters or holds a NUL.")


def checked_part(value: str, kind: Any, *, name: str = "path") -> str:
    """Check a part of the address that will name something new, like a `Sku`. Raises InvalidRequest."""
    try:
        return str(TypeAdapter(kind).validate_python(value))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        message = said(found)
        fault = {"parameter": name, "code": found["type"], "message": message}
        raise InvalidRequest(f"{value[:60]!r}: {message}", errors=[fault]) from None


def read_query(request: web.Request, model: type[Model]) -> Model:
    """Read the query into its model; a parameter given twice, an unknown one and a NUL are refused."""
    for name in request.query:
        values = request.query.getall(name)
        if len(values) > 1 or "\0" in values[0]:
            message = "give it once" if len(values) > 1 else "no text may hold a NUL character"
            raise InvalidRequest(
                f"{name[:60]}: {message}", errors=[{"parameter": name, "code": "value_error", "message": message}]
            )
    return checked(model.model_validate, dict(request.query), place="parameter")


async def read_body(request: web.Request, model: type[Model], *, optional: bool = False) -> Model:
    """Read a JSON body into its model; where it is optional, none is an empty object.

    Raises UnsupportedMediaType, BodyTooLarge, RequestTimeout, MalformedRequest and InvalidRequest.
    """
    if optional and not request.can_read_body:
        return checked(model.model_validate, {})
    if "Content-Type" in request.headers and request.content_type != "application/json":
        raise UnsupportedMediaType("Send application/json.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, not compressed.")
    raw = await receive(request)
    if optional and not raw.strip():
        raw = b"{}"
    if raw.startswith(_MARKS):
        raise MalformedRequest("Send UTF-8, without a byte order mark.")
    if _NUL.search(raw):
        raise InvalidRequest("No text may hold a NUL character (\\u0000).")
    return checked(model.model_validate_json, raw)


async def read_form(request: web.Request) -> MultiDict[str]:
    """Read the texts of a form, in parts or not, without what no text may hold: a NUL, half a surrogate.

    Raises InvalidRequest where it can't be read.
    """
    with readable():
        fields = await request.post()
    return MultiDict((storable(name), storable(value)) for name, value in fields.items() if isinstance(value, str))


@contextmanager
def readable() -> Iterator[None]:
    """Raise InvalidRequest where a form turns out to be none."""
    try:
        yield
    except (ValueError, LookupError, HttpProcessingError, RuntimeError):  # the last for a transfer encoding of nobody
        raise InvalidRequest("The form can't be read.") from None


def storable(text: str) -> str:
    """A text without what can't be stored."""
    return text.encode(errors="ignore").decode().replace("\0", "")


async def receive(request: web.Request, *, most: int = LARGEST_BODY) -> bytes:
    """Read a body as it came, of so many bytes at most. Raises BodyTooLarge, RequestTimeout and MalformedRequest."""
    if (request.content_length or 0) > most:
        raise BodyTooLarge(f"At most {most} bytes are taken here.")
    if request.content.is_eof() and request.content.exception() is None:
        return _bounded(request.content.read_nowait(), most)  # it has arrived whole: no need to watch the clock
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                raw += part
                _bounded(raw, most)
    except TimeoutError:
        raise RequestTimeout(f"The body must arrive within {BODY_SECONDS} seconds.") from None
    except web.RequestPayloadError:
        raise MalformedRequest("The body ends before it should.") from None
    return bytes(raw)


def _bounded(raw: Part, most: int) -> Part:
    if len(raw) > most:
        raise BodyTooLarge(f"At most {most} bytes are taken here.")
    return raw


def read_key(request: web.Request, *, required: bool) -> str | None:
    """Read the Idempotency-Key, quoted as the draft standard has it or bare as most clients send it."""
    values = request.headers.getall("Idempotency-Key", [])
    if not values and not required:
        return None
    key = values[0].strip() if len(values) == 1 else ""
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise IdempotencyKeyMissing(
            f"Send Idempotency-Key once, with 1 to {LONGEST_KEY} printable ASCII characters: a UUID, say."
        )
    return key
