"""The tour: order on the left, hear it in the middle, see the phone on the right, scan, hand over, undo."""

import re

import aiohttp
import pytest
from playwright.async_api import Browser, ViewportSize, expect

from tests.demo.conftest import Started

pytestmark = pytest.mark.browser

BIG = ViewportSize(width=1440, height=900)
READ_AGAIN = 1600  # milliseconds: what is read again sooner was read by a scanner that still looks at the phone


async def test_a_shop_manager_goes_from_order_to_undo(open_shop: Started, browser: Browser) -> None:
    url = (await open_shop.told())["url"]
    context = await browser.new_context(locale="fr-FR", viewport=BIG)
    wrong: list[str] = []
    context.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("request", lambda asked: None if asked.url.startswith((url, "data:")) else wrong.append(asked.url))
    page = await context.new_page()
    await page.goto(f"{url}/demo")
    shop, counter, phone = (page.frame_locator(f"#{name}") for name in ("shop", "tablet", "phone"))
    await counter.get_by_test_id("open").click()
    await shop.get_by_role("button", name="Réserver et payer").first.click()
    await expect(phone.get_by_role("heading", name="Commande confirmée")).to_be_visible()
    await page.get_by_role("button", name="Scanner ce téléphone").click()
    await counter.get_by_role("button", name=re.compile("C.est prêt")).click()
    await counter.get_by_role("button", name="Prête, tout est là").click()
    await expect(phone.get_by_role("heading", name="Votre commande est prête")).to_be_visible()
    await page.wait_for_timeout(READ_AGAIN)
    await page.get_by_role("button", name="Scanner ce téléphone").click()
    await expect(phone.get_by_role("heading", name="Commande remise")).to_be_visible()
    await counter.get_by_role("button", name="Annuler").click()
    await expect(phone.get_by_role("heading", name="Votre commande est prête")).to_be_visible()
    await expect(page.locator(".steps .done")).to_have_count(6)
    assert wrong == []
    await context.close()


async def test_pages_of_the_service_are_framed_by_the_demo_alone(open_shop: Started) -> None:
    url = (await open_shop.told())["url"]
    async with aiohttp.ClientSession(headers={"Accept": "text/html"}) as session:
        for path in ("/demo/shop", "/p/" + "2" * 24):
            async with session.get(url + path) as answer:
                assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"], path
