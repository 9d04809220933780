"""What watches the screens must notice what goes wrong on them."""

import aiohttp
import pytest
from playwright.async_api import Browser, Error

from tests.screens.conftest import Screens, Served, axe
from tests.shop import Shop

pytestmark = pytest.mark.browser


async def test_what_goes_wrong_on_a_page_is_noticed(browser: Browser, served: Served) -> None:
    watched = Screens(browser, served.url)
    page = await watched.open("/docs")
    await page.evaluate("() => { console.error('a complaint'); setTimeout(() => { throw new Error('a surprise') }) }")
    await page.evaluate("() => new Promise(done => { new Image().src = 'http://127.0.0.1:9/x'; setTimeout(done, 50) })")
    await watched.close()
    told = "\n".join(watched.wrong)
    assert "a complaint" in told
    assert "a surprise" in told
    assert "asked of the outside: http://127.0.0.1:9/x" in told


async def test_what_is_forgiven_is_not_held_against_a_page(screens: Screens) -> None:
    screens.forgive("a complaint")
    page = await screens.open("/livez")
    await page.evaluate("() => console.error('a complaint')")


async def test_a_picture_without_words_is_noticed(screens: Screens) -> None:
    page = await screens.open("/livez")
    await page.evaluate("() => document.body.prepend(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        await axe(page)


async def test_the_service_goes_and_comes_back_where_it_was(screens: Screens, served: Served) -> None:
    screens.forgive("ERR_")
    await screens.open("/livez")
    await served.stop()
    with pytest.raises(Error, match="ERR_CONNECTION"):
        await screens.open("/livez")
    await served.start()
    await screens.open("/livez")


async def test_a_stream_that_is_cut_is_over_for_its_listener(served: Served, shop: Shop) -> None:
    await shop.store("lyon")
    headers = {"Authorization": f"Bearer {await served.key()}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{served.url}/v1/stores/lyon/stream") as stream,
    ):
        assert (await stream.content.readline()).strip()
        assert served.drop_streams() == 1
        with pytest.raises(aiohttp.ClientError):
            await stream.content.read()
