"""The board: who is being served, in as few words as will do."""

import json

import pytest

from service import board
from service.callers import Scope
from tests.service.api.conftest import Api
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
    assert told.json == {
        "preparing": [{"number": "00C1", "name": "Camille D."}, {"number": "0002", "name": "Camille D."}],
        "ready": [{"number": "0003", "name": "Camille D."}],
    }


async def test_the_board_can_do_without_names(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 1)
    ready = await shop.ready("tea", 1, order_ref="web-77")
    told = await api.get(f"{PATH}?names=false")
    assert told.json == {"preparing": [], "ready": [{"number": "EB77", "name": None}]}
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
