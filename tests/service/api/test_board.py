"""The board: who is being served, in as few words as will do."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from service import board
from service.api import streams
from service.callers import Scope
from tests.service.api.conftest import Api
from tests.service.test_webhooks import relay
from tests.shop import Shop

PATH = "/v1/stores/lyon/board"


async def test_the_board_tells_first_names_and_numbers(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 9)
    await shop.confirm(await shop.hold("tea", 1, order_ref="web-2026-00c1"))
    await shop.take("pick", await shop.confirm(await shop.hold("tea", 1, order_ref="web-2026-0002")))
    await shop.ready("tea", 1, order_ref="web-2026-0003")
    await shop.hold("tea", 1, order_ref="unpaid")
    await shop.collected("tea", 1, order_ref="gone")
    told = await api.get(PATH)
    assert [(one["number"], one["name"]) for one in told.json["preparing"]] == [
        ("00C1", "Camille D."),
        ("0002", "Camille D."),
    ]
    assert [(one["number"], one["name"]) for one in told.json["ready"]] == [("0003", "Camille D.")]
    assert told.json["ready"][0]["ready_at"]


async def test_the_board_can_do_without_names(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1, order_ref="web-77")
    told = await api.get(f"{PATH}?names=false")
    assert [(one["number"], one["name"]) for one in told.json["ready"]] == [("EB77", None)]
    everything = json.dumps([told.json, (await api.get(PATH)).json])
    assert ready["pickup_code"] not in everything
    assert "Durand" not in everything
    assert "tea" not in everything


async def test_the_latest_ready_order_stands_on_top(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 2)
    for number in ("1111", "2222"):
        await shop.ready("tea", 1, order_ref=number)
    assert [one["number"] for one in (await api.get(PATH)).json["ready"]] == ["2222", "1111"]


async def test_a_board_belongs_to_its_store(shop: Shop, api: Api) -> None:
    for store in ("lyon", "nice"):
        await shop.store(store)
    key = await api.key(Scope.COUNTER, stores=["nice"])
    assert (await api.get(PATH, key=key)).status == 404
    assert (await api.get(PATH, key=await api.key(Scope.CHECKOUT))).status == 403
    assert (await api.get("/v1/stores/nowhere/board")).status == 404


@pytest.mark.parametrize(
    ("name", "called"),
    [("Camille Durand", "Camille D."), ("jean de la tour", "jean T."), (" Zoé ", "Zoé"), ("", None), (None, None)],
)
def test_a_name_is_told_as_far_as_it_takes(name: str | None, called: str | None) -> None:
    assert board.called(name) == called


async def link(api: Api, store: str = "lyon") -> str:
    """The path of a store's board, as a television has it."""
    told = await api.get(f"/v1/stores/{store}/board/link")
    return str(told.json["url"]).removeprefix("http://shop.example")


async def test_a_link_opens_its_board_and_nothing_else(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 5)
    await shop.store("nice")
    ready = await shop.ready("tea", 1, order_ref="web-77")
    path = await link(api)
    page = await api.get(path, key="")
    assert (page.status, "EB77" in page.text, "Camille D." in page.text) == (200, True, True)
    for secret in (ready["pickup_code"], ready["id"], "Durand", "tea", "camille@", "web-77"):
        assert secret not in page.text
    key = path.partition("?key=")[2]
    for wrong in (f"/board/nice?key={key}", "/board/lyon", f"/board/lyon?key={key[:-1]}", f"/board/nowhere?key={key}"):
        assert (await api.get(wrong, key="")).status == 404, wrong
    assert (await api.get(f"/board/nice/stream?key={key}", key="")).json["code"] == "unknown_store"
    assert (await api.get("/v1/stores/lyon/board", key=key)).status == 401


async def test_a_store_decides_whether_names_are_shown(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    told = await api.put("/v1/stores/lyon/board/link", {"names": False})
    assert told.json["names"] is False
    assert "Camille" not in (await api.get(await link(api), key="")).text
    assert (await api.get(PATH)).json["ready"][0]["name"] is None


async def test_a_link_that_was_replaced_is_closed(shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BEAT_SECONDS", 0.1)
    await shop.store()
    old = await link(api)
    async with api.session.get(api.url + old.replace("?", "/stream?")) as stream:
        assert b"event: board" in await stream.content.readline()
        await api.put("/v1/stores/lyon/board/link", {"renew": True})
        async with asyncio.timeout(5):
            await stream.content.read()
    assert (await api.get(old, key="")).status == 404
    assert (await api.get(await link(api), key="")).status == 200
    counter = await api.key(Scope.COUNTER)
    assert (await api.put("/v1/stores/lyon/board/link", {"renew": True}, key=counter)).status == 403


async def test_a_board_is_told_anew_when_it_has_changed(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 5)
    path = await link(api)
    async with api.session.get(api.url + path.replace("?", "/stream?")) as stream:
        assert await event(stream) == {"preparing": [], "ready": []}
        ready = await shop.ready("tea", 1, order_ref="web-77")
        await relay(shop)
        assert [one["number"] for one in (await event(stream))["ready"]] == ["EB77"]
        await shop.collect(ready)
        await relay(shop)
        assert await event(stream) == {"preparing": [], "ready": []}


async def event(stream: aiohttp.ClientResponse) -> Any:
    """The next board that is told."""
    async with asyncio.timeout(5):
        while (await stream.content.readline()).strip() != b"event: board":
            pass
        return json.loads((await stream.content.readline()).removeprefix(b"data: "))
