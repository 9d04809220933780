"""The page behind the link in reminders, in a real browser."""

import pytest

from tests.screens.conftest import PHONE, Screens, axe
from tests.shop import Shop

pytestmark = pytest.mark.browser


async def test_reminders_are_ended_and_begun_again_with_one_touch_each(shop: Shop, screens: Screens) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 1)
    page = await screens.open(f"/o/{ready['pickup_url'].rpartition('/')[2]}?lang=fr", size=PHONE)
    await page.get_by_role("heading", name="Ne plus recevoir de rappels").wait_for()
    await axe(page)
    await page.get_by_role("button", name="Ne plus recevoir de rappels").click()
    await page.get_by_role("heading", name="C’est noté").wait_for()
    await axe(page)
    await page.get_by_role("button", name="Recevoir à nouveau les rappels").click()
    await page.get_by_role("button", name="Ne plus recevoir de rappels").wait_for()
