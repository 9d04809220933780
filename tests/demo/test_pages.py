"""The demo's pages: where to look, what goes on, and the messages, in two languages and all of it from here."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from demo.client import Service, place
from tests.demo.conftest import Started

ORDER = {
    "order_ref": "PAGE-1",
    "channel": "web",
    "customer": {"name": "Zoé <b>Martin</b>", "email": "zoe@example.com", "phone": "+33199000001"},
    "lines": [{"sku": "1082185", "quantity": 1}],
}


@pytest.fixture(scope="module")
async def service(open_shop: Started) -> AsyncIterator[Service]:
    """The demo's API, with its key."""
    told = await open_shop.told()
    async with Service(told["url"], told["api_key"]) as service:
        yield service


@pytest.fixture(scope="module")
async def ready(service: Service) -> dict[str, Any]:
    """An order that waits to be collected, and whose customer was told."""
    held = await service.post(place("367"), ORDER, key="page-1")
    for step in ("confirm", "pick", "shelve"):
        answer = await service.post(place("367", held.body["id"], step), {})
        assert answer.accepted, answer.refusal
    for _ in range(200):
        if json.loads((await read(service, "/inbox/newer?than=0"))[0])["newer"] == 3:
            return answer.body
        await asyncio.sleep(0.05)
    raise AssertionError("Its customer was not told by two letters and a text message.")


async def read(service: Service, path: str, **headers: str) -> tuple[str, Any]:
    """What somebody without a key reads there."""
    async with aiohttp.ClientSession() as browser, browser.get(service.url + path, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text(), answer.headers


async def test_an_empty_inbox_says_so(service: Service) -> None:
    text, _ = await read(service, "/inbox")
    assert "Aucun message" in text


async def test_the_tour_says_where_to_look_and_how_to_reserve(service: Service, ready: dict[str, Any]) -> None:
    text, headers = await read(service, "/demo")
    assert '<html lang="fr">' in text
    assert ready["pickup_url"] in text
    assert "curl http" in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_the_tour_speaks_english_when_asked_and_remembers(service: Service) -> None:
    text, headers = await read(service, "/demo?lang=en")
    assert "Where to look" in text
    assert any("language=en" in cookie for cookie in headers.getall("Set-Cookie"))
    text, _ = await read(service, "/inbox", Cookie="language=en")
    assert '<html lang="en">' in text


async def test_the_counters_count_what_is_so(service: Service, ready: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as browser, browser.get(f"{service.url}/demo/now") as answer:
        before = await answer.json()
    assert before["counters"]["ready"] == 1
    assert before["counters"]["oversold"] == 0
    assert before["latest"][0]["order_ref"] == ready["order_ref"]
    too_many = ORDER | {"order_ref": "PAGE-2", "lines": [{"sku": "1082185", "quantity": 100_000}]}
    refused = await service.post(place("367"), too_many, key="page-2")
    assert refused.body["code"] == "out_of_stock"
    async with aiohttp.ClientSession() as browser, browser.get(f"{service.url}/demo/now") as answer:
        after = await answer.json()
    assert after["counters"]["refused"] == before["counters"]["refused"] + 1


async def test_the_inbox_shows_each_message_as_it_would_arrive(service: Service, ready: dict[str, Any]) -> None:
    text, _ = await read(service, "/inbox")
    assert text.count("PAGE-1") >= 2
    numbers = sorted({int(number) for number in re.findall(r"message=(\d+)", text)})
    pages = [(await read(service, f"/inbox?message={number}"))[0] for number in numbers]
    assert sum("1 segment · " in page for page in pages) == 1, "the text message of a ready order"
    letters = [page for page in pages if "<iframe sandbox=" in page]
    assert len(letters) == 2
    plain = [(await read(service, f"/inbox?message={number}&view=text"))[0] for number in numbers]
    assert all(ready["pickup_code"] in page and "<iframe" not in page for page in plain)


async def test_a_letter_runs_nothing_and_fetches_nothing(service: Service, ready: dict[str, Any]) -> None:
    [number, _] = [id for id in (1, 2, 3) if "<iframe" in (await read(service, f"/inbox?message={id}"))[0]]
    letter, headers = await read(service, f"/inbox/{number}/html")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "<b>Martin</b>" not in letter
    assert ready["order_ref"] in letter


@pytest.mark.parametrize(
    "path", ["/inbox/99999999/html", "/inbox/x/html", "/demo/static/..", "/inbox?message=99999999"]
)
async def test_what_is_not_there_is_not_found(service: Service, path: str) -> None:
    async with aiohttp.ClientSession() as browser, browser.get(service.url + path) as answer:
        assert answer.status == 404


async def test_no_page_asks_anything_of_the_outside(service: Service, ready: dict[str, Any]) -> None:
    for path in ("/demo", "/inbox", "/demo/static/demo.css", "/demo/static/demo.js"):
        text, _ = await read(service, path)
        asked = re.findall(r"""(?:src|href)=["'](https?://[^"']+)|url\((http[^)]+)|@import""", text)
        assert [found for found in asked if not found[0].startswith(service.url)] == []
