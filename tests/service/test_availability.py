"""Availability: which stores have how much of a basket, by when, and in which slots."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from service import availability
from service.database import Pool
from service.errors import Problem, UnknownSku, UnknownStore
from service.models.availability import Availability, AvailabilityBody
from tests.paper import opening
from tests.shop import Shop

NEAR_LYON = {"latitude": 45.76, "longitude": 4.84}


async def ask(pool: Pool, *lines: Any, among: set[str] | None = None, **fields: Any) -> Availability:
    """Ask: `ask(pool, ("tea", 2), ("cup", 1), near=…)`."""
    body = {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines], **fields}
    async with pool.acquire() as db:
        return await availability.search(db, AvailabilityBody.model_validate(body), among=among)


async def where(pool: Pool, *lines: Any, **fields: Any) -> list[str]:
    """The stores that were found, in their order."""
    return [store.store for store in (await ask(pool, *lines, **fields)).items]


async def available(pool: Pool, *lines: Any, **fields: Any) -> dict[str, list[int]]:
    """What each store has of the lines, in their order."""
    found = await ask(pool, *lines, **fields)
    return {store.store: [line.available for line in store.lines] for store in found.items}


@pytest.fixture
async def chain(shop: Shop) -> Shop:
    """Three stores on the map, one that is nowhere, one that takes no orders; lyon has tea, lille tea and cups."""
    await shop.store("lyon", latitude=45.7617, longitude=4.8357)
    await shop.store("paris", latitude=48.8571, longitude=2.3609)
    await shop.store("lille", latitude=50.6404, longitude=3.0632)
    await shop.store("nowhere")
    await shop.store("closing", latitude=45.7617, longitude=4.8357, active=False)
    await shop.stock("tea", 5, store="lyon")
    await shop.stock("tea", 3, store="lille")
    await shop.stock("cup", 8, store="lille", safety=2)
    await shop.stock("tea", 9, store="closing")
    return shop


async def test_every_store_says_what_it_has_of_each_line(chain: Shop, pool: Pool) -> None:
    found = await ask(pool, ("tea", 4), ("cup", 2))
    told = {
        store.store: (store.complete, [(line.sku, line.asked, line.available) for line in store.lines])
        for store in found.items
    }
    assert told == {
        "lille": (False, [("tea", 4, 3), ("cup", 2, 6)]),
        "lyon": (False, [("tea", 4, 5), ("cup", 2, 0)]),
        "nowhere": (False, [("tea", 4, 0), ("cup", 2, 0)]),
        "paris": (False, [("tea", 4, 0), ("cup", 2, 0)]),
    }
    complete = await ask(pool, ("tea", 3), ("cup", 6))
    assert [store.store for store in complete.items if store.complete] == ["lille"]


async def test_the_nearest_store_comes_first_or_the_complete_ones_do(chain: Shop, pool: Pool) -> None:
    basket = (("tea", 3), ("cup", 1))
    assert await where(pool, *basket, near=NEAR_LYON) == ["lyon", "paris", "lille", "nowhere"]
    assert await where(pool, *basket, near=NEAR_LYON, complete_first=True) == ["lille", "lyon", "paris", "nowhere"]
    assert await where(pool, *basket, near=NEAR_LYON, complete_first=True, limit=1) == ["lille"]
    assert await where(pool, *basket, near=NEAR_LYON, limit=1) == ["lyon"]
    assert await where(pool, *basket, near=NEAR_LYON | {"radius_km": 400}) == ["lyon", "paris"]


async def test_stores_can_be_named_and_those_that_take_no_orders_are_left_out(chain: Shop, pool: Pool) -> None:
    assert await available(pool, ("tea", 1), stores=["lyon", "closing", "paris"]) == {"lyon": [5], "paris": [0]}
    with pytest.raises(UnknownStore) as refused:
        await ask(pool, ("tea", 1), stores=["lyon", "atlantis"])
    assert refused.value.facts == {"stores": ["atlantis"]}


async def test_another_s_store_and_no_store_are_refused_in_the_same_words(chain: Shop, pool: Pool) -> None:
    assert await where(pool, ("tea", 1), among={"lyon", "lille", "closing"}) == ["lille", "lyon"]
    said = []
    for hidden in ("paris", "atlantis"):
        with pytest.raises(UnknownStore) as refused:
            await ask(pool, ("tea", 1), stores=["lyon", hidden], among={"lyon", "lille"})
        said.append((refused.value.detail.replace(hidden, "it"), refused.value.facts == {"stores": [hidden]}))
    assert said[0] == said[1] == ("There is no store it.", True)


async def test_the_same_sku_twice_is_summed(chain: Shop, pool: Pool) -> None:
    [lyon] = (await ask(pool, ("tea", 4), ("cup", 1), ("tea", 2), stores=["lyon"])).items
    assert [(line.sku, line.asked, line.available) for line in lyon.lines] == [("tea", 6, 5), ("cup", 1, 0)]
    assert not lyon.complete


async def test_skus_that_are_none_are_named(chain: Shop, pool: Pool) -> None:
    with pytest.raises(UnknownSku, match="moon, sun") as refused:
        await ask(pool, ("moon", 1), ("tea", 1), ("sun", 1))
    assert refused.value.facts == {"skus": ["moon", "sun"]}


async def test_what_is_held_is_gone_and_what_is_given_back_is_there_again(chain: Shop, pool: Pool) -> None:
    held = await chain.hold("tea", 3)
    assert await available(pool, ("tea", 1), stores=["lyon"]) == {"lyon": [2]}
    await chain.confirm(held)
    assert await available(pool, ("tea", 1), stores=["lyon"]) == {"lyon": [2]}
    await chain.cancel(held)
    assert await available(pool, ("tea", 1), stores=["lyon"]) == {"lyon": [5]}


async def test_a_due_hold_counts_as_free_before_any_worker_has_been(chain: Shop, pool: Pool) -> None:
    due = await chain.hold("tea", 3)
    standing = await chain.hold("tea", 1)
    ready = await chain.ready("tea", 1)
    await chain.age(due)
    await chain.age(ready)  # nobody came for it, but that frees nothing until it is written
    assert await available(pool, ("tea", 1), stores=["lyon"]) == {"lyon": [3]}
    await chain.hold("tea", 3)
    assert await available(pool, ("tea", 1), stores=["lyon"]) == {"lyon": [0]}
    assert await chain.state(standing) == "held"


async def test_a_due_hold_of_one_sku_or_store_frees_no_other(chain: Shop, pool: Pool) -> None:
    await chain.stock("cup", 2)
    await chain.hold("cup", 2)
    due = await chain.hold("tea", 5)
    await chain.hold("tea", 3, store="lille")
    await chain.age(due)
    assert await available(pool, ("tea", 1), ("cup", 1), stores=["lille", "lyon"]) == {"lille": [0, 6], "lyon": [5, 0]}


async def test_available_never_falls_below_zero(chain: Shop, pool: Pool) -> None:
    await chain.hold("tea", 5)
    await chain.stock("tea", 2)
    assert await available(pool, ("tea", 1), stores=["lyon"]) == {"lyon": [0]}
    await chain.stock("cup", 1, safety=4)
    assert await available(pool, ("cup", 1), stores=["lyon"]) == {"lyon": [0]}


async def test_what_is_said_to_be_available_can_be_held_and_one_more_cannot(chain: Shop, pool: Pool) -> None:
    await chain.age(await chain.hold("tea", 2))
    [[units]] = (await available(pool, ("tea", 1), stores=["lyon"])).values()
    assert isinstance(await chain.ask("tea", units + 1), Problem)
    await chain.hold("tea", units)


async def test_the_promise_is_that_of_the_store_and_the_basket(chain: Shop, pool: Pool) -> None:
    await chain.item("cake", preparation_minutes=600)
    await chain.store("slow", preparation_minutes=300)
    await chain.store("never", opening_hours=[opening("09:00", "09:01", "mo")])
    now = await pool.fetchval("select now()")
    plain = {store.store: store.ready_by for store in (await ask(pool, ("tea", 1))).items}
    baked = {store.store: store.ready_by for store in (await ask(pool, ("tea", 1), ("cake", 1))).items}
    minute = timedelta(minutes=1)
    for store, ready_by, minutes in (
        ("lyon", plain, 120),
        ("slow", plain, 300),
        ("lyon", baked, 600),
        ("slow", baked, 600),
    ):
        moment = ready_by[store]
        assert moment is not None
        assert timedelta() <= moment - now - minutes * minute < minute
    assert plain["never"] is None


async def test_the_slots_are_the_free_ones_after_the_promise(chain: Shop, pool: Pool) -> None:
    noon = "((now() at time zone 'Europe/Paris')::date + 1 + time '12:00') at time zone 'Europe/Paris'"
    until_noon = await pool.fetchval(f"select ceil(extract(epoch from {noon} - now()) / 60)::integer")
    await chain.store("slotted", slots={"minutes": 30, "capacity": 1}, preparation_minutes=until_noon)
    await chain.stock("tea", 9, store="slotted")
    [before] = (await ask(pool, ("tea", 1), stores=["slotted"])).items
    assert before.ready_by is not None
    assert timedelta() <= before.slots[0].starts_at - before.ready_by < timedelta(minutes=30)
    await chain.hold("tea", 1, store="slotted", slot=before.slots[-1].starts_at)
    [after] = (await ask(pool, ("tea", 1), stores=["slotted"])).items
    assert before.slots[-1] not in after.slots
    [plain] = (await ask(pool, ("tea", 1), stores=["lyon"])).items
    assert plain.slots == []


async def test_only_stores_that_are_open_then_are_found(chain: Shop, pool: Pool) -> None:
    await chain.store("late", latitude=45.8, longitude=4.8, opening_hours=[opening("18:00", "23:00")])
    near = {"near": NEAR_LYON, "limit": 2}
    assert await where(pool, ("tea", 1), **near) == ["lyon", "late"]
    assert await where(pool, ("tea", 1), open_at="2026-11-23T12:00:00Z", **near) == ["lyon", "paris"]
    assert await where(pool, ("tea", 1), open_at="2026-11-23T19:00:00Z", **near) == ["lyon", "late"]


async def test_a_basket_that_nobody_can_look_for_finds_nothing(chain: Shop, pool: Pool) -> None:
    assert await where(pool, ("tea", 1), among=set()) == []
    assert await where(pool, ("tea", 1), near={"latitude": 0, "longitude": 0, "radius_km": 1}) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"near": NEAR_LYON, "stores": ["lyon"]}, "near or stores"),
        ({"lines": []}, "at least 1"),
        ({"lines": [{"sku": "tea", "quantity": 0}]}, "greater than or equal to 1"),
        ({"lines": [{"sku": "tea", "quantity": "2"}]}, "whole number"),
        ({"limit": 51}, "less than or equal to 50"),
        ({"stores": []}, "at least 1"),
        ({"near": {"latitude": 45}}, "longitude"),
        ({"near": NEAR_LYON | {"radius_km": 0}}, "greater than 0"),
        ({"open_at": "2026-11-23T12:00:00"}, "timezone"),
        ({"open_at": "9999-12-31T23:59:59Z"}, "this century"),
    ],
    ids=str,
)
def test_a_question_that_cannot_be_answered_is_refused_with_a_reason(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AvailabilityBody.model_validate({"lines": [{"sku": "tea", "quantity": 1}], **fields})
    assert why in str(refused.value)
