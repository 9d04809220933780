"""An evening at the counter, in twelve seconds: many come, and the last is seen as soon as the first."""

import pytest
from playwright.async_api import Browser

from bench import evening
from tests.demo.conftest import Started

pytestmark = pytest.mark.browser


@pytest.mark.alone
async def test_the_last_card_of_a_busy_evening_is_there_within_a_second(open_shop: Started, browser: Browser) -> None:
    spent = await evening.spend(await open_shop.told(), browser, seconds=12)
    assert len(spent.cards) >= 4
    assert spent.faults() == [], spent.report()


def test_what_grows_is_noticed_and_what_is_late_too() -> None:
    steady = evening.Evening(page=[8.0] * 10, server=[90.0] * 10, cards=[0.1] * 10)
    assert steady.faults() == []
    leaking = evening.Evening(page=[8.0 + n for n in range(10)], server=[90.0] * 10, cards=[0.1, 1.4, 1.2, 0.2])
    assert [fault.split(" ", 2)[:2] for fault in leaking.faults()] == [["the", "page"], ["the", "last"]]
