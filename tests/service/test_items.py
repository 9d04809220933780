"""Items: made, changed and found by their sku."""

from typing import Any

import pytest
from asyncpg import InterfaceError
from pydantic import ValidationError

from service import items
from service.database import Pool, transaction
from service.errors import UnknownItem, VersionMismatch
from service.models.items import Item, ItemBody

TEA: dict[str, Any] = {
    "name": "Thé des Alpages",
    "names": {"fr": "Thé des Alpages", "en": "Alpine tea"},
    "gtin": "3017620422003",
    "image_url": "https://shop.example/tea.jpg",
    "price": 1290,
    "currency": "EUR",
    "preparation_minutes": 5,
    "shelf": {"lyon": "B-12"},
}


async def put(pool: Pool, sku: str, *, expected: int | None = None, **fields: Any) -> tuple[Item, bool]:
    """Make or replace an item."""
    async with transaction(pool) as db:
        return await items.put(db, sku, ItemBody.model_validate(fields), expected=expected)


async def test_an_item_is_found_as_it_was_put(pool: Pool) -> None:
    made, new = await put(pool, "tea", **TEA)
    assert new
    assert made.version == 1
    assert {name: value for name, value in made.model_dump().items() if name in TEA} == TEA
    async with pool.acquire() as db:
        assert await items.find(db, "tea") == made
        with pytest.raises(UnknownItem):
            await items.find(db, "TEA")


async def test_a_replaced_item_forgets_what_was_left_out(pool: Pool) -> None:
    await put(pool, "tea", **TEA)
    replaced, new = await put(pool, "tea", name="Tea")
    assert not new
    assert (replaced.version, replaced.name) == (2, "Tea")
    assert {name for name in TEA if getattr(replaced, name) is not None} == {"name"}


async def test_only_the_expected_version_of_an_item_is_replaced(pool: Pool) -> None:
    await put(pool, "tea", name="Tea")
    await put(pool, "tea", name="Tea", expected=1)
    for sku, expected in (("tea", 1), ("cup", 1)):
        with pytest.raises(VersionMismatch):
            await put(pool, sku, name="Mine", expected=expected)
    assert [tuple(row) for row in await pool.fetch("select sku, version from item")] == [("tea", 2)]


async def test_many_items_are_put_at_once_and_those_that_are_as_they_were_stay_untouched(pool: Pool) -> None:
    await put(pool, "tea", **TEA)
    await put(pool, "cup", name="Cup")
    many = {
        "tea": ItemBody.model_validate(TEA),
        "cup": ItemBody.model_validate({"name": "Big cup"}),
        "jam": ItemBody.model_validate({"name": "Jam", "price": 450, "currency": "EUR"}),
    }
    async with pool.acquire() as db:
        assert await items.put_many(db, many) == 2
        assert await items.put_many(db, many) == 0
        assert await items.put_many(db, {}) == 0
    rows = await pool.fetch("select sku, version, name, price from item order by sku")
    assert [tuple(row) for row in rows] == [
        ("cup", 2, "Big cup", None),
        ("jam", 1, "Jam", 450),
        ("tea", 1, "Thé des Alpages", 1290),
    ]


async def test_what_is_left_out_of_many_is_empty_and_not_a_json_null(pool: Pool) -> None:
    async with pool.acquire() as db:
        await items.put_many(db, {"tea": ItemBody.model_validate({"name": "Tea"})})
    assert await pool.fetchval("select count(*) from item where names is null and shelf is null and gtin is null") == 1


async def test_skus_that_are_none_are_named_in_the_order_asked(pool: Pool) -> None:
    await put(pool, "tea", name="Tea")
    async with pool.acquire() as db:
        assert await items.unknown(db, ["moon", "tea", "TEA"]) == ["moon", "TEA"]
        assert await items.unknown(db, ["tea"]) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"gtin": "3017620422004"}, "check digit"),
        ({"gtin": "123"}, "pattern"),
        ({"price": 100}, "price and currency"),
        ({"currency": "EUR"}, "price and currency"),
        ({"price": 100, "currency": "EURO"}, "pattern"),
        ({"price": -1, "currency": "EUR"}, "greater than or equal to 0"),
        ({"price": "12.90", "currency": "EUR"}, "whole number"),
        ({"image_url": "javascript:alert(1)"}, "pattern"),
        ({"names": {"de": "Tee"}}, "not permitted"),
        ({"shelf": {"../x": "B-12"}}, "pattern"),
        ({"shelf": {"lyon": ""}}, "at least 1"),
        ({"name": ""}, "at least 1"),
    ],
    ids=str,
)
def test_an_item_that_cannot_be_is_refused_with_a_reason(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ItemBody.model_validate({"name": "Tea", **fields})
    assert why in str(refused.value)


async def test_what_was_found_is_not_looked_for_again_and_what_was_missing_is(pool: Pool) -> None:
    async with transaction(pool) as db:
        assert await items.unknown(db, ["tea", "moon"]) == ["tea", "moon"]
    await put(pool, "tea", name="Tea")
    async with pool.acquire() as db:
        assert await items.unknown(db, ["tea", "moon"]) == ["moon"]
    assert await items.unknown(db, ["tea"]) == []  # the connection is given back, and answers nobody
    with pytest.raises(InterfaceError):
        await items.unknown(db, ["moon"])
