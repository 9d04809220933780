"""The demo's data: as real as it says, and readable."""

from collections import Counter
from datetime import date

import pytest

from demo.baskets import baskets, household, opening_stock, product_name, products
from demo.stores import stores_of
from service.models.reservations import HoldBody
from service.models.stores import StoreBody


def test_the_opening_stock_is_what_the_baskets_take_unit_for_unit() -> None:
    taken: Counter[tuple[str, str]] = Counter()
    for basket in baskets():
        taken.update({(basket.store, line.sku): line.quantity for line in basket.lines})
    there = {(store, sku): units for store, skus in opening_stock().items() for sku, units in skus.items()}
    assert len(baskets()) == 1_141
    assert taken == there


def test_every_basket_is_an_order_that_the_api_takes() -> None:
    for basket in baskets():
        HoldBody.model_validate(basket.order(basket.id))


def test_no_two_households_share_an_address_or_a_phone() -> None:
    people = {number: household(number) for number in {basket.household for basket in baskets()}}
    for name in ("email", "phone"):
        told = [person[name] for person in people.values() if name in person]
        assert len(set(told)) == len(told)


@pytest.mark.parametrize("year", range(2024, 2034))
def test_the_stores_are_well_formed_in_any_year(year: int) -> None:
    shops = {id: StoreBody.model_validate(body) for id, body in stores_of(year).items()}
    assert sorted(shops) == sorted({basket.store for basket in baskets()})
    days = {day.date for shop in shops.values() for day in shop.exceptional_days}
    assert {date(year, 12, 24)} <= days


@pytest.mark.parametrize(
    ("product_type", "size", "name"),
    [
        ("FRZN SS PREMIUM ENTREES/DNRS/T", "12 OZ", "Frozen Single Serve Premium Entrees Dinners, 12 oz"),
        ("MANGO", "", "Mango"),
        ("CHEESE: NATURAL BULK", "", "Cheese Natural Bulk"),
    ],
)
def test_products_have_names_that_one_likes_to_read(product_type: str, size: str, name: str) -> None:
    assert product_name(product_type, size) == name


def test_everything_has_a_name_and_a_price() -> None:
    assert all(product.name.strip() and product.price >= 0 for product in products())
