"""The customer's page in a real browser."""

import pytest

from tests.screens.conftest import PHONE, Screens, axe
from tests.shop import Shop

pytestmark = pytest.mark.browser


def path_of(reservation: dict[str, str]) -> str:
    """The page's path."""
    return "/p/" + reservation["pickup_url"].rsplit("/", 1)[1]


async def test_a_customer_sees_that_their_order_is_ready(shop: Shop, screens: Screens) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 2)
    page = await screens.open(path_of(ready), size=PHONE)
    await page.get_by_role("heading", name="Votre commande est prête").wait_for()
    await axe(page)
