"""Reads a file of stock or items line by line, in constant memory: CSV or NDJSON, plain or gzip."""

import asyncio
import csv
import re
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from service.errors import InvalidRequest
from service.models.fields import said
from service.models.imports import WHOLE_NUMBERS, Line, LineError

LONGEST_LINE = 64 * 1024  # bytes
MOST_TIMES_ITS_SIZE = 100  # a gzip file may unpack to, once it is larger than what is always fine
ALWAYS_FINE = 4 * 1024 * 1024  # bytes

_PIECE = 64 * 1024
_GZIP = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SEPARATORS = ",;\t"
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,15}")
_MOST_FAULTS = 5

Chunks = AsyncIterator[bytes]
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file: what it says, or what is wrong with it; and the store it names, where that can be read."""

    number: int
    line: Line | None = None
    error: LineError | None = None
    store: str | None = None


class _Wrong(Exception):  # noqa: N818 -- it is caught where it is raised for
    """Something is wrong with a line."""

    def __init__(self, code: str, detail: str, store: Any = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.store = store if isinstance(store, str) else None


async def open_file(chunks: Chunks, model: type[Line]) -> AsyncIterator[Row]:
    """Read the beginning of a file, and answer its rows, to be read one at a time; blank lines are left out.

    Raises InvalidRequest where no line could be read: an empty file, unknown columns, missing ones, UTF-16. While the
    rows are read it is raised for a gzip file that is broken or unpacks beyond all measure.
    """
    lines = _lines(_unpacked(chunks))
    async for number, raw in lines:
        if number == 1 and raw is not None and raw.startswith(_UTF16_MARKS):
            raise InvalidRequest("The file is UTF-16: save it as UTF-8.")
        try:
            text = _text(number, raw)
        except _Wrong as wrong:
            raise InvalidRequest(f"The first line can't be read: {wrong.detail}") from None
        if text.startswith("["):
            raise InvalidRequest("Send one JSON object a line (NDJSON), not an array.")
        if text.startswith("{"):
            return _rows(_put_back((number, raw), lines), lambda text: _read_json(model, text))
        if text:
            return _rows(lines, _csv_reader(model, text))
    raise InvalidRequest("The file is empty.")


async def _put_back(first: Part, others: AsyncIterator[Part]) -> AsyncIterator[Part]:
    yield first
    async for other in others:
        yield other


async def _unpacked(chunks: Chunks) -> Chunks:
    start = b""
    async for chunk in chunks:
        start += chunk
        if len(start) >= len(_GZIP):
            break
    whole = _put_back(start, chunks)
    async for chunk in _gunzip(whole) if start.startswith(_GZIP) else whole:
        yield chunk


async def _gunzip(chunks: Chunks) -> Chunks:
    packed = unpacked = 0
    gunzip = zlib.decompressobj(wbits=31)
    async for chunk in chunks:
        packed += len(chunk)
        rest = chunk
        while rest:
            if gunzip.eof:  # several gzip files, one after the other, are one
                gunzip = zlib.decompressobj(wbits=31)
            try:
                piece = gunzip.decompress(rest, _PIECE)
            except zlib.error:
                raise InvalidRequest("The gzip file is broken.") from None
            rest = gunzip.unused_data if gunzip.eof else gunzip.unconsumed_tail
            unpacked += len(piece)
            if unpacked > max(ALWAYS_FINE, MOST_TIMES_ITS_SIZE * packed):
                raise InvalidRequest(f"The gzip file unpacks to more than {MOST_TIMES_ITS_SIZE} times its size.")
            yield piece
            await asyncio.sleep(0)  # a small piece can hold a great deal: let others have their turn
    yield gunzip.flush()
    if not gunzip.eof:
        raise InvalidRequest("The gzip file ends before it should.")


async def _lines(chunks: Chunks) -> AsyncIterator[tuple[int, bytes | None]]:
    """Lines with their number, without their end; None where one is too long to be kept."""
    number = 0
    kept = bytearray()
    too_long = False
    async for chunk in chunks:
        *ended, begun = chunk.split(b"\n")
        for part in ended:
            number += 1
            yield number, None if too_long or len(kept) + len(part) > LONGEST_LINE else bytes(kept) + part
            kept.clear()
            too_long = False
        too_long = too_long or len(kept) + len(begun) > LONGEST_LINE
        if too_long:
            kept.clear()
        else:
            kept += begun
    if kept or too_long:
        yield number + 1, None if too_long else bytes(kept)


def _text(number: int, raw: bytes | None) -> str:
    """Read a line as text, without blanks around it."""
    if raw is None:
        raise _Wrong("line_too_long", f"A line has at most {LONGEST_LINE} bytes.")
    try:
        text = (raw.removeprefix(_UTF8_MARK) if number == 1 else raw).decode()
    except UnicodeDecodeError as error:
        raise _Wrong("not_utf8", f"Byte {error.start + 1} is not UTF-8: save the file as UTF-8.") from None
    if "\0" in text:
        raise _Wrong("nul_character", "No text may hold a NUL character.")
    return text.strip(" \r\n\x1a")


async def _rows(
    lines: AsyncIterator[tuple[int, bytes | None]], read: Callable[[str], Line | None]
) -> AsyncIterator[Row]:
    async for number, raw in lines:
        try:
            text = _text(number, raw)
            line = read(text) if text else None
        except _Wrong as wrong:
            error = LineError(line=number, code=wrong.code, detail=wrong.detail)
            yield Row(number, error=error, store=wrong.store)
            continue
        if line is not None:
            yield Row(number, line, store=getattr(line, "store", None))


def _csv_reader(model: type[Line], header: str) -> Callable[[str], Line | None]:
    """Read the names of the columns, and answer what reads the lines below them. Raises InvalidRequest."""
    separator = max(_SEPARATORS, key=header.count)
    try:
        columns = [cell.strip().lower() for cell in _cells(header, separator)]
    except _Wrong as wrong:
        raise InvalidRequest(f"The first line names the columns. {wrong.detail}") from None
    known = list(model.model_fields)
    unknown = [column for column in columns if column not in known]
    missing = [name for name in known if model.model_fields[name].is_required() and name not in columns]
    twice = sorted({column for column in columns if columns.count(column) > 1} - set(unknown))
    for faults, what in ((unknown, "Unknown"), (missing, "Missing"), (twice, "Repeated")):
        if faults:
            names = ", ".join(repr(fault[:40]) for fault in faults[:10])
            raise InvalidRequest(f"{what} columns: {names}. This file takes {', '.join(known)}.", columns=faults[:50])
    return lambda text: _read_csv(model, columns, separator, text)


def _cells(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error as error:
        raise _Wrong("malformed_csv", f"The line is no CSV ({error}); a quoted field ends on its line.") from None


def _read_csv(model: type[Line], columns: list[str], separator: str, text: str) -> Line | None:
    cells = [cell.strip() for cell in _cells(text, separator)]
    if not any(cells):
        return None
    if any(cells[len(columns) :]):
        raise _Wrong("too_many_fields", f"There are {len(cells)} fields for {len(columns)} columns.")
    fields: dict[str, Any] = {column: cell for column, cell in zip(columns, cells, strict=False) if cell}
    for name in WHOLE_NUMBERS & fields.keys():
        if _WHOLE_NUMBER.fullmatch(fields[name]):
            fields[name] = int(fields[name])
    return _checked(lambda: model.model_validate(fields), fields.get("store"))


def _read_json(model: type[Line], text: str) -> Line:
    line = _checked(lambda: model.model_validate_json(text), _store_in(text))
    if "\\u0000" in text and any("\0" in str(value) for value in line.model_dump().values()):
        raise _Wrong("nul_character", "No text may hold a NUL character (\\u0000).", _store_in(text))
    return line


_STORE = re.compile(r'"store"\s*:\s*"([A-Za-z0-9._-]{1,64})"')


def _store_in(text: str) -> str | None:
    found = _STORE.search(text)
    return found and found.group(1)


def _checked(read: Callable[[], Line], store: Any) -> Line:
    try:
        return read()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        if faults[0]["type"] == "json_invalid":
            raise _Wrong("malformed_json", f"The line is no JSON: {faults[0]['msg']}.") from None
        told = (f"{'.'.join(map(str, fault['loc'])) or 'line'}: {said(fault)}" for fault in faults[:_MOST_FAULTS])
        detail = "; ".join(told).replace("\0", "\\u0000")  # a field may be called that, and nobody could keep it
        raise _Wrong("invalid_fields", detail, store) from None
