"""The customer's page in a real browser: on a phone, on a screen, in two languages, with scripts and without."""

import re

import pytest
from playwright.async_api import Page, expect

from service import clocks
from tests.screens.conftest import PHONE, SMALL_TABLET, TABLET, Screens, Served, axe
from tests.shop import Shop

pytestmark = pytest.mark.browser

WEEK = [{"days": ["mo", "tu", "we", "th", "fr", "sa", "su"], "opens": "09:00", "closes": "19:30"}]
SHORT = [{"sku": "tea", "found": 2, "reason": "not_found"}]
READY = {"fr": "Votre commande est prête", "en": "Your order is ready"}


def path_of(reservation: dict[str, str]) -> str:
    """The page's path."""
    return "/p/" + reservation["pickup_url"].rsplit("/", 1)[1]


async def wake(page: Page) -> None:
    """The phone comes out of the pocket: the page looks again at once."""
    await page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")


@pytest.fixture
async def ready(shop: Shop) -> dict[str, str]:
    """An order that waits, in a shop with an address, hours and a telephone."""
    address = {"line1": "52 rue de la République", "postcode": "69002", "city": "Lyon", "country": "FR"}
    await shop.store("lyon", opening_hours=WEEK, address=address, phone="+33465710367", latitude=45.76, longitude=4.83)
    await shop.stock("tea", 50)
    return await shop.ready("tea", 2)


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_an_order_is_shown_to_everybody(
    shop: Shop, screens: Screens, ready: dict[str, str], language: str
) -> None:
    page = await screens.open(f"{path_of(ready)}?lang={language}", size=PHONE)
    await page.get_by_role("heading", name=READY[language]).wait_for()
    await axe(page)
    for size in (SMALL_TABLET, TABLET, PHONE):
        await page.set_viewport_size(size)
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"
    await shop.collect(ready)
    await wake(page)
    await page.get_by_role("group", name=re.compile("Recommanderiez|recommend")).wait_for()
    await page.set_viewport_size(TABLET)
    await axe(page)


async def test_every_state_is_accessible(shop: Shop, screens: Screens, ready: dict[str, str]) -> None:
    await shop.arrive(ready)
    page = await screens.open(path_of(ready), size=PHONE)
    await page.get_by_text("Le magasin sait que vous êtes là").wait_for()
    for summary in await page.locator("summary").all():
        await summary.click()  # the forms that are asked for
    await axe(page)
    expired = await shop.hold("tea", 1)
    await shop.age(expired)
    assert await clocks.expire_due(shop.pool, "lyon") == 1
    cancelled = await shop.cancel(await shop.confirm(await shop.hold("tea", 1)))
    lapsed = await shop.take("lapse", await shop.ready("tea", 1))
    for order in (await shop.hold("tea", 1), expired, cancelled, lapsed):
        await page.goto(screens.url + path_of(order))
        await axe(page)


async def test_everything_can_be_done_without_scripts(shop: Shop, screens: Screens, ready: dict[str, str]) -> None:
    page = await screens.open(path_of(ready), size=PHONE, java_script_enabled=False)
    await page.get_by_role("link", name="Agrandir le QR").click()
    await page.get_by_text("Augmentez la luminosité").wait_for()
    await page.get_by_role("link", name="Fermer").click()
    await page.get_by_role("button", name="Je suis là").click()
    await page.get_by_text("Le magasin sait que vous êtes là").wait_for()
    await page.get_by_text("Quelqu’un d’autre viendra").click()
    await page.get_by_label("Son nom").fill("Alix Petit")
    await page.get_by_role("button", name="Enregistrer").click()
    await page.get_by_text("Alix Petit peut aussi retirer").wait_for()
    await page.get_by_text("Il me faut plus de temps").click()
    await page.get_by_role("button", name="Gardez-la plus longtemps").click()
    await page.get_by_text("Annuler la commande").click()
    await page.get_by_role("button", name="Oui, annuler").click()
    await page.get_by_role("heading", name="Commande annulée").wait_for()
    assert await shop.events("reservation.extended") == ["reservation.extended"]
    assert (await shop.position("tea"))["reserved"] == 0


async def test_a_refused_form_is_read_out_and_keeps_what_was_typed(screens: Screens, ready: dict[str, str]) -> None:
    screens.forgive("422")
    page = await screens.open(path_of(ready), size=PHONE)
    await page.get_by_text("Quelqu’un d’autre viendra").click()
    await page.get_by_label("Son nom").fill("Alix")
    await page.get_by_label("Son téléphone").fill("appelez-moi")
    await page.get_by_role("button", name="Enregistrer").click()
    await page.get_by_role("alert").filter(has_text="numéro de téléphone").wait_for()
    assert await page.get_by_label("Son nom").input_value() == "Alix"
    await axe(page)


async def test_the_page_follows_its_order_and_says_so_aloud(
    shop: Shop, screens: Screens, ready: dict[str, str]
) -> None:
    await shop.take("unshelve", ready)
    page = await screens.open(path_of(ready), size=PHONE)
    await page.get_by_role("heading", name="En préparation").wait_for()
    await shop.take("shelve", ready)
    await page.get_by_role("heading", name=READY["fr"]).wait_for()
    assert await page.get_by_role("status").all_inner_texts() == [READY["fr"]]
    await page.get_by_role("link", name="Agrandir le QR").click()
    await shop.collect(ready)
    await wake(page)
    await page.get_by_role("heading", name="Commande remise").wait_for()
    assert not await page.get_by_text("Augmentez la luminosité").is_visible(), "the scanned code makes way"


async def test_what_is_being_typed_is_not_taken_away(shop: Shop, screens: Screens, ready: dict[str, str]) -> None:
    page = await screens.open(path_of(ready), size=PHONE)
    await page.get_by_text("Quelqu’un d’autre viendra").click()
    await page.get_by_label("Son nom").fill("Alix Pet")
    async with page.expect_response(lambda answer: answer.status == 200 and path_of(ready) in answer.url):
        await shop.extend(ready)
        await wake(page)
    assert await page.get_by_label("Son nom").input_value() == "Alix Pet"


async def test_who_walks_through_the_page_with_keys_stays_where_they_are(
    shop: Shop, screens: Screens, ready: dict[str, str]
) -> None:
    page = await screens.open(path_of(ready), size=PHONE)
    summary = page.locator("summary", has_text="Quelqu’un d’autre viendra")
    await summary.focus()
    await page.evaluate("() => { document.getElementById('main').setAttribute('data-before', ''); }")
    await shop.extend(ready)
    await wake(page)
    await expect(page.locator("main:not([data-before])")).to_have_count(1)
    await expect(summary).to_be_focused()
    await page.locator("summary", has_text="Annuler la commande").focus()
    await shop.collect(ready)
    await wake(page)
    await page.get_by_role("heading", name="Commande remise").wait_for()
    await expect(page.locator("main")).to_be_focused()  # what had the focus is gone


async def test_a_customer_decides_about_a_short_order_and_answers_the_question(shop: Shop, screens: Screens) -> None:
    await shop.stock("tea", 50)
    picking = await shop.take("pick", await shop.confirm(await shop.hold("tea", 3, if_short="ask")))
    await shop.take("shelve", picking, lines=SHORT)
    page = await screens.open(path_of(picking), size=PHONE)
    await page.get_by_role("heading", name="Il manque une partie").wait_for()
    await axe(page)
    await page.get_by_role("button", name="Prendre ce qui est là").click()
    await page.get_by_role("heading", name=READY["fr"]).wait_for()
    await shop.collect(picking)
    await wake(page)
    await page.get_by_role("radio", name="9").check()
    await page.get_by_label("Pourquoi").fill("Très rapide")
    await page.get_by_role("button", name="Envoyer").click()
    await page.get_by_role("heading", name="Vous avez répondu 9 sur 10").wait_for()
    await axe(page)


async def test_the_question_alone_begins_with_the_score_of_a_message(shop: Shop, screens: Screens) -> None:
    await shop.stock("tea", 5)
    path = path_of(await shop.collected("tea", 1)).replace("/p/", "/s/")
    page = await screens.open(f"{path}?score=10&lang=en", size=PHONE)
    assert await page.get_by_role("radio", name="10").is_checked()
    await axe(page)


async def test_a_page_that_is_read_at_twice_the_size_fits(screens: Screens, ready: dict[str, str]) -> None:
    page = await screens.open(path_of(ready), size={"width": 640, "height": 640})
    await page.evaluate("() => { document.documentElement.style.fontSize = '200%' }")
    assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


async def test_a_link_that_opens_nothing_says_so(screens: Screens, served: Served) -> None:
    screens.forgive("404")
    page = await screens.open("/p/" + "2" * 24, size=PHONE)
    await page.get_by_role("heading", name="aucune commande").wait_for()
    await axe(page)
