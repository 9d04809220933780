"""Files as people send them: every spelling that means something is read, everything else is told by line."""

import asyncio
import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import import_lines
from service.errors import InvalidRequest
from service.import_lines import Row, open_file
from service.models.imports import CountLine, ItemLine, Line, MoveLine

AS_OF = "2026-11-23T09:00:00Z"
HEADER = b"store,sku,on_hand,safety_stock,as_of\n"


async def in_pieces(raw: bytes, size: int = 7) -> AsyncIterator[bytes]:
    """Send it in small pieces, so that every boundary falls somewhere unlucky."""
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


async def read(raw: bytes, model: type[Line] = CountLine, size: int = 7) -> list[Row]:
    """Every row of a file."""
    return [row async for row in await open_file(in_pieces(raw, size), model)]


async def codes(raw: bytes, model: type[Line] = CountLine) -> list[tuple[int, str]]:
    """What is wrong, by line."""
    return [(row.number, row.error.code) for row in await read(raw, model) if row.error]


def line(row: Row) -> CountLine:
    """What a sound row says."""
    assert isinstance(row.line, CountLine), row.error
    return row.line


async def test_a_plain_file_is_read() -> None:
    [row] = await read(HEADER + f"lyon,tea,5,1,{AS_OF}\n".encode())
    assert (line(row).store, line(row).sku, line(row).on_hand, line(row).safety_stock) == ("lyon", "tea", 5, 1)
    assert row.number == 2


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(f"store;sku;on_hand;as_of\r\nlyon;tea;5;{AS_OF}\r\n".encode(), id="French Excel"),
        pytest.param(
            b"\xef\xbb\xbf" + f"store,sku,on_hand,as_of\nlyon,tea,5,{AS_OF}".encode(), id="BOM, no last newline"
        ),
        pytest.param(f"store\tsku\ton_hand\tas_of\nlyon\ttea\t5\t{AS_OF}\n".encode(), id="tabs"),
        pytest.param(f'"Store","SKU"," On_Hand ","as_of"\n"lyon","tea","5","{AS_OF}"\n'.encode(), id="quotes"),
        pytest.param(f"\n\nstore,sku,on_hand,as_of\n\n ,,,\nlyon , tea,+5,{AS_OF},,\n".encode(), id="blanks"),
        pytest.param(f"as_of,on_hand,sku,store\n{AS_OF},5,tea,lyon\n".encode(), id="another order"),
        pytest.param(
            json.dumps({"store": "lyon", "sku": "tea", "on_hand": 5, "as_of": AS_OF}).encode() + b"\n\n", id="NDJSON"
        ),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
async def test_the_same_file_spelled_differently_means_the_same(raw: bytes, *, packed: bool) -> None:
    [row] = await read(gzip.compress(raw) if packed else raw)
    assert (line(row).store, line(row).sku, line(row).on_hand) == ("lyon", "tea", 5)


async def test_several_gzip_files_one_after_the_other_are_one() -> None:
    first, second = HEADER, f"lyon,tea,5,,{AS_OF}\n".encode()
    assert len(await read(gzip.compress(first) + gzip.compress(second))) == 1


async def test_what_is_wrong_is_told_by_line_and_the_others_are_read() -> None:
    raw = (
        HEADER
        + f"lyon,tea,five,,{AS_OF}\n".encode()  # 2
        + f"lyon,t\xe9,5,,{AS_OF}\n".encode("latin-1")  # 3
        + f"lyon,tea,5,,{AS_OF},6\n".encode()  # 4
        + f'lyon,"tea,5,,{AS_OF}\n'.encode()  # 5
        + b"lyon,tea,5\n"  # 6
        + f"lyon,tea\0,5,,{AS_OF}\n".encode()  # 7
        + b"x" * (import_lines.LONGEST_LINE + 1)  # 8
        + f"\nlyon,tea,-1,,{AS_OF}\n".encode()  # 9
        + b"lyon,tea,5,,20261123\n"  # 10: not a moment of 1970
        + f"lyon,tea,5,,{AS_OF}\n".encode()  # 11
    )
    assert await codes(raw) == [
        (2, "invalid_fields"),
        (3, "not_utf8"),
        (4, "too_many_fields"),
        (5, "malformed_csv"),
        (6, "invalid_fields"),
        (7, "nul_character"),
        (8, "line_too_long"),
        (9, "invalid_fields"),
        (10, "invalid_fields"),
    ]
    assert [row.number for row in await read(raw) if row.line] == [11]


async def test_what_is_wrong_with_a_line_of_json_is_told() -> None:
    good = {"store": "lyon", "sku": "tea", "delta": -1, "reason": "sale", "reference": "t"}
    lines = [
        json.dumps(good),
        "{",
        "[]",
        json.dumps(good | {"colour": 1}),
        json.dumps(good | {"reference": "\0"}),
        "[" * 9999,
        json.dumps(good | {"delta": 0}),
        json.dumps(good | {"delta": "1"}),
        '{"store": "\\ud800"}',
    ]
    assert await codes("\n".join(lines).encode(), MoveLine) == [
        (2, "malformed_json"),
        (3, "invalid_fields"),
        (4, "invalid_fields"),
        (5, "nul_character"),
        (6, "malformed_json"),
        (7, "invalid_fields"),
        (8, "invalid_fields"),
        (9, "malformed_json"),
    ]


async def test_the_store_of_a_wrong_line_is_known_where_it_can_be_read() -> None:
    raw = HEADER + b"lyon,tea,x,,\n" + b'"lyon,tea\n'
    assert [row.store for row in await read(raw)] == ["lyon", None]
    assert [row.store for row in await read(b'{"store": "lyon", "sku": 1}\n')] == ["lyon"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"store,sku,on_hand,as_of,qty\n", "Unknown columns: 'qty'"),
        (b"store,sku,on_hand\n", "Missing columns: 'as_of'"),
        (b"store,sku,on_hand,as_of,sku\n", "Repeated columns: 'sku'"),
        ("store,sku,on_hand,as_of\n".encode("utf-16"), "UTF-16"),
        (b"st\xf4re,sku\n", "first line"),
        (b'[{"store": 1}]', "one JSON object a line"),
        (b"\x1f\x8bnonsense", "broken"),
        (gzip.compress(HEADER * 50, mtime=0)[:-5], "ends before"),
        (gzip.compress(b"x" * 10_000_000, mtime=0), "100 times"),
    ],
)
async def test_a_file_that_says_nothing_is_refused_in_words(raw: bytes, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        await read(raw, size=4096)


async def test_items_are_read_with_their_names_and_prices() -> None:
    [row] = await read("sku;name;name_fr;price;currency\n7;Tea;Thé;390;EUR\n".encode(), ItemLine)
    assert isinstance(row.line, ItemLine)
    item = row.line.item(None)
    assert item.names is not None
    assert (item.name, item.names.fr, item.price, item.currency) == ("Tea", "Thé", 390, "EUR")
    assert await codes(b"sku,name,price\n7,Tea,390\n", ItemLine) == [(2, "invalid_fields")]


_word = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\x1a"), max_size=20)


@given(
    pairs=st.lists(st.tuples(_word, _word), max_size=8),
    separator=st.sampled_from(",;\t"),
    size=st.integers(1, 40),
    packed=st.booleans(),
)
def test_what_a_csv_writer_writes_is_read(
    pairs: list[tuple[str, str]], separator: str, size: int, *, packed: bool
) -> None:
    """Any text between any separators in pieces of any size: every line is read or told, none is lost or torn."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("sku", "name"), *pairs])
    raw = text.getvalue().encode()
    rows = asyncio.run(read(gzip.compress(raw) if packed else raw, ItemLine, size))
    told = {row.number: row for row in rows}
    for number, (sku, name) in enumerate(pairs, 2):
        if not sku.strip() and not name.strip():
            assert number not in told
        elif (sound := told[number].line) is not None:
            assert isinstance(sound, ItemLine)
            assert (sound.sku, sound.name) == (sku.strip(), name.strip())
        else:
            assert told[number].error is not None
    assert all(2 <= number <= len(pairs) + 1 for number in told)


@given(st.binary(max_size=300), st.integers(1, 50), st.sampled_from([CountLine, MoveLine, ItemLine]))
def test_no_bytes_whatever_break_the_reader(raw: bytes, size: int, model: type[Line]) -> None:
    """Below a sound header, any bytes are lines; before one, they are refused."""
    header = ",".join(model.model_fields).encode() + b"\n"
    for file in (header + raw, raw):
        try:
            rows = asyncio.run(read(file, model, size))
        except InvalidRequest:
            assert file is raw
        else:
            assert [row.number for row in rows] == sorted({row.number for row in rows})


async def test_memory_stays_flat_however_long_the_file() -> None:
    async def endless(lines: int) -> AsyncIterator[bytes]:
        yield HEADER
        for n in range(lines):
            yield f"lyon,sku-{n % 50},5,,{AS_OF}\n".encode()

    async def peak(lines: int) -> int:
        tracemalloc.start()
        async for _ in await open_file(endless(lines), CountLine):
            pass
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    await peak(100)  # what is loaded once
    assert await peak(5000) < await peak(500) + 50_000
