"""The demo's shoppers: whatever they do and whatever they are refused, the shop goes on and its books add up."""

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from demo import shoppers
from demo.baskets import Basket, Line
from demo.client import Service, place
from demo.shoppers import Town
from service import checks
from tests.demo.conftest import Started


class HastyTown(Town):
    """People who wait for nothing."""

    async def wait(self, least: float, most: float) -> None:
        """Let no time pass."""


@pytest.fixture
async def town(open_shop: Started, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """People who shop in the demo, always the same way, and the surprises they met."""
    monkeypatch.setattr(shoppers, "DELIVERY_SECONDS", 0)
    told = await open_shop.told()
    surprises: list[str] = []
    async with Service(told["url"], told["api_key"]) as service:
        yield HastyTown(service, random.Random(7), surprises.append)
    assert surprises == []


async def ledger(demo: Started) -> tuple[dict[str, int], list[asyncpg.Record]]:
    """How many orders stand where, and what does not add up."""
    db = await asyncpg.connect((await demo.told())["database_url"])
    states = {
        row["state"]: row["n"] for row in await db.fetch("select state, count(*) as n from reservation group by 1")
    }
    differences = await checks.differences(db)
    await db.close()
    return states, differences


async def test_forty_customers_live_their_lives_and_the_books_add_up(town: Town, open_shop: Started) -> None:
    await asyncio.gather(*(town.calmly(town.visit()) for _ in range(40)))
    states, differences = await ledger(open_shop)
    assert states["collected"] > 20
    assert {"held", "cancelled"} & states.keys()
    assert differences == []


async def test_what_was_sold_is_delivered_again(town: Town) -> None:
    before = await town.service.get("/v1/stores/367/stock/1082185/movements")
    line = Line("1082185", 1, 100)
    held = await town.hold("367", Basket("", 1, "367", (line,)))
    for step, body in (("confirm", {}), ("pick", {}), ("shelve", {}), ("collect", {"code": held.body["pickup_code"]})):
        answer = await town.step("367", held.body, step, body)
        assert answer.accepted, answer.refusal
    await town.deliver("367", answer.body)
    await town.deliver("367", answer.body)
    after = await town.service.get("/v1/stores/367/stock/1082185/movements")
    assert after.body["position"]["on_hand"] == before.body["position"]["on_hand"]


async def test_of_two_after_the_last_item_one_gets_it(town: Town) -> None:
    line = (Line("819840", 1, 250),)
    both = [Basket("", household, "343", line) for household in (1, 2)]
    answers = await asyncio.gather(*(town.hold("343", one) for one in both))
    assert sorted(answer.status for answer in answers) == [201, 409]
    [refused] = [answer for answer in answers if answer.status == 409]
    assert refused.body["lines"] == [{"sku": "819840", "asked": 1, "available": 0}]
    await town.calmly(town.last_item())


async def test_refusals_end_a_visit_and_nothing_else(town: Town) -> None:
    async with Service(town.service.url, "ck_nobody") as stranger:
        lost = HastyTown(stranger, random.Random(7), town.say)
        await lost.calmly(lost.visit())
        await lost.calmly(lost.last_item())
    assert (await town.service.get(place("367"))).accepted
