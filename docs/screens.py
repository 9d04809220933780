"""Pictures of every screen, made from the demo: `python -m docs.screens` writes docs/screens/.

Each screen has its line in SHOTS: what is opened, by whom, on what, in which language, and what is touched before.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Browser, Page, ViewportSize

from demo import beside, chromium
from demo.chromium import PHONE, TABLET, TELEVISION
from demo.client import Service, place
from demo.tour import STORE
from service.api.access import DEVICE_COOKIE

FOLDER = Path(__file__).parent / "screens"
DESKTOP = ViewportSize(width=1440, height=900)
TABLETS = {"fr": "Comptoir 1", "en": "Counter 2"}
SETTLES = 900  # milliseconds, for what moves to have come to rest

CUSTOMERS = ("Camille Martin", "Inès Laurent", "Théo Roux", "Zoé Lambert", "Arthur Moreau", "Yanis Robert", "Léa Simon")
Taken = tuple[str, dict[str, Any]]
PICK: Taken = ("pick", {})
SHELVE: Taken = ("shelve", {})
STEPS: dict[str, tuple[Taken, ...]] = {
    "confirmed": (("confirm", {}),),
    "ready": (PICK, SHELVE),  # paid in store, so confirmed at once
    "arrived": (("confirm", {}), PICK, SHELVE, ("arrive", {})),
    "collected": (("confirm", {}), PICK, SHELVE, ("collect", {"checked_by": "code"})),
    "short": (("confirm", {}), PICK),
}


@dataclass
class Scene:
    """A shop in the middle of its day: who has ordered what, and how to get in."""

    service: Service
    key: str
    goods: list[dict[str, Any]] = field(default_factory=list)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    board: str = ""
    devices: dict[str, str] = field(default_factory=dict)

    async def prepare(self) -> None:
        """Let people order, and the store work."""
        stock = await self.service.get(f"/v1/stores/{STORE}/stock?limit=200")
        self.goods = sorted(stock.body["items"], key=lambda one: -int(one["available"]))
        for number, name in enumerate((*STEPS, "ready", "confirmed", "ready", "arrived")):
            order = await self.order(
                number, pay_in_store=name == "ready", if_short="ask" if name == "short" else "take"
            )
            put = {"shelf": f"{'ABC'[number % 3]}{3 + 4 * number}", "bags": 1 + number % 2}
            for step, body in STEPS[name]:
                order = (
                    await self.service.post(place(STORE, order["id"], step), put if step == "shelve" else body)
                ).body
            self.orders.setdefault(name, order)
        short = self.orders["short"]
        found = [{"sku": short["lines"][0]["sku"], "found": 0, "reason": "not_found"}]
        await self.service.post(place(STORE, short["id"], "shelve"), {"lines": found})
        for name, pin in (("Inès", "4071"), ("Théo", "2836"), ("Salomé", "5190")):
            await self.service.post(f"/v1/stores/{STORE}/clerks", {"name": name, "pin": pin}, key=f"clerk {pin}")
        link = await self.service.get(f"/v1/stores/{STORE}/board/link")
        self.board = link.body["url"].removeprefix(self.service.url)

    async def order(self, number: int, **more: Any) -> dict[str, Any]:
        """One order of two things."""
        ref = f"AL-{4711 + 37 * number}"
        person = {"name": CUSTOMERS[number % len(CUSTOMERS)], "email": "client@example.com", "phone": "+33199000001"}
        lines = [{"sku": self.goods[n]["sku"], "quantity": 1, "total": 590 + 310 * n} for n in (number, number + 1)]
        body = {"order_ref": ref, "customer": person, "currency": "EUR", "lines": lines, **more}
        return (await self.service.post(place(STORE), body, key=ref)).body

    async def device(self, language: str) -> str:
        """What opens a tablet of the store that speaks so."""
        if language not in self.devices:
            asked = {"store": STORE, "name": TABLETS[language], "language": language}
            made = await self.service.post("/v1/devices", asked, key=f"screens {language}")
            claimed = await self.service.post("/v1/devices/claim", {"code": made.body["pairing_code"]})
            self.devices[language] = claimed.body["token"]
        return self.devices[language]

    def page(self, order: str) -> str:
        """The path of a customer's page."""
        return str(self.orders[order]["pickup_url"]).removeprefix(self.service.url)


Act = Callable[[Page, Scene], Awaitable[Any]]


class Shot(NamedTuple):
    """One picture: of what, on what, in which language; `act`: what is touched first."""

    name: str
    path: Callable[[Scene], str]
    size: ViewportSize = TABLET
    language: str = "fr"
    who: str = "anybody"  # clerk: by a paired tablet; office: with a key
    act: Act | None = None
    whole: bool = False  # as long as the page is


async def _enlarge(page: Page, _: Scene) -> None:
    await page.locator("a.picture").click()


async def _open_counter(page: Page, _: Scene) -> None:
    await page.get_by_test_id("open").click()


async def _say_who(page: Page, scene: Scene) -> None:
    await _open_counter(page, scene)
    await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("button", name="Qui est au comptoir").click()
    await page.get_by_role("dialog").get_by_role("button", name="Inès").click()
    await page.get_by_label("Code PIN").fill("4071")


async def _open_order(page: Page, scene: Scene) -> None:
    await _open_counter(page, scene)
    await page.get_by_test_id("lane-ready").get_by_test_id("card").first.click()


async def _hand_over(page: Page, scene: Scene) -> None:
    await _open_counter(page, scene)
    await page.get_by_test_id("lane-arrived").get_by_test_id("card").first.click()
    await page.get_by_test_id("hand-over").click()
    await page.get_by_role("button", name="Nom et numéro de commande").click()
    await page.get_by_test_id("undo").wait_for()


async def _put_away_without_a_network(page: Page, scene: Scene) -> None:
    await _open_counter(page, scene)
    await page.locator(".live.on").wait_for()
    await page.context.set_offline(True)
    await page.evaluate("() => window.dispatchEvent(new Event('online'))")  # it looks, and finds nobody
    await page.locator(".live.off").wait_for()
    await page.get_by_test_id("lane-preparing").get_by_test_id("card").last.click()
    await page.get_by_test_id("shelve").click()
    await page.get_by_test_id("shelf").fill("A12")
    await page.get_by_test_id("sheet-done").click()
    await page.get_by_test_id("notice").get_by_role("button", name="Fermer").click()
    await page.get_by_test_id("panel").get_by_role("button", name="Fermer").click()
    await page.locator(".left").evaluate("left => { left.scrollTop = 0; }")


async def _pick_one(page: Page, scene: Scene) -> None:
    await _open_counter(page, scene)
    await page.get_by_test_id("tick").first.click()


async def _one_more_is_ready(page: Page, scene: Scene) -> None:
    await page.locator(".live", has_text="Live").or_(page.locator(".live", has_text="En direct")).wait_for()
    order = await scene.order(len(scene.orders) + len(CUSTOMERS), pay_in_store=True)
    scene.orders[order["id"]] = order
    for step, body in (PICK, SHELVE):
        await scene.service.post(place(STORE, order["id"], step), body)
    await page.locator("li.fresh").first.wait_for()


async def _order(page: Page, _: Scene) -> None:
    await page.frame_locator("#tablet").get_by_test_id("open").click()
    await page.frame_locator("#shop").get_by_role("button").first.click()
    await page.frame_locator("#phone").locator("#state").wait_for()
    await page.mouse.move(0, 0)


SHOTS: tuple[Shot, ...] = (
    Shot("tour", lambda _: "/demo", DESKTOP, act=_order),
    Shot("customer-confirmed", lambda scene: scene.page("confirmed"), PHONE, whole=True),
    Shot("customer-ready", lambda scene: scene.page("ready"), PHONE),
    Shot("customer-ready-wide", lambda scene: scene.page("ready") + "?lang=en", TABLET, "en"),
    Shot("customer-qr", lambda scene: scene.page("ready"), PHONE, act=_enlarge),
    Shot("customer-short", lambda scene: scene.page("short"), PHONE),
    Shot("customer-question", lambda scene: scene.page("collected"), PHONE),
    Shot("counter-door", lambda _: "/counter", TABLET, who="clerk"),
    Shot("counter-pin", lambda _: "/counter", TABLET, who="clerk", act=_say_who),
    Shot("counter", lambda _: "/counter", TABLET, who="clerk", act=_open_counter),
    Shot("counter-order", lambda _: "/counter", TABLET, "en", who="clerk", act=_open_order),
    Shot("picking", lambda _: "/counter/picking", PHONE, who="clerk", act=_pick_one),
    Shot("counter-undo", lambda _: "/counter", TABLET, who="clerk", act=_hand_over),
    Shot("counter-history", lambda _: "/counter#history", TABLET, who="clerk", act=_open_counter),
    Shot("counter-offline", lambda _: "/counter", TABLET, who="clerk", act=_put_away_without_a_network),
    Shot("admin-stores", lambda _: "/admin/stores", DESKTOP, who="office"),
    Shot("admin-day", lambda _: f"/admin/day?store={STORE}", DESKTOP, who="office", whole=True),
    Shot("admin-messages", lambda _: "/admin/messages", TABLET, who="office"),
    Shot("admin-webhooks", lambda _: "/admin/webhooks", TABLET, "en", who="office"),
    Shot("board-en", lambda scene: scene.board + "&lang=en", TABLET, "en", act=_one_more_is_ready),
    Shot("board", lambda scene: scene.board, TELEVISION, act=_one_more_is_ready),
)


async def take(browser: Browser, scene: Scene, shot: Shot) -> None:
    """Make one picture."""
    context = await browser.new_context(
        locale="fr-FR" if shot.language == "fr" else "en-GB", timezone_id="Europe/Paris", viewport=shot.size
    )
    if shot.who == "clerk":
        url = scene.service.url.replace("http:", "https:")
        await context.add_cookies([{"name": DEVICE_COOKIE, "value": await scene.device(shot.language), "url": url}])
    page = await context.new_page()
    await page.goto(scene.service.url + shot.path(scene))
    if shot.who == "office":
        await page.fill("[name=key]", scene.key)
        await page.click("button.big")
    if shot.act is not None:
        await shot.act(page, scene)
    await page.wait_for_timeout(SETTLES)
    await page.screenshot(path=FOLDER / f"{shot.name}.png", full_page=shot.whole)
    await context.close()


async def main(names: list[str]) -> None:
    """Make the pictures of these names, or all of them."""
    FOLDER.mkdir(exist_ok=True)
    async with (
        beside.a_demo() as told,
        Service(told["url"], told["api_key"]) as service,
        chromium.launched() as browser,
    ):
        scene = Scene(service, told["api_key"])
        await scene.prepare()
        for shot in SHOTS:
            if not names or shot.name in names:
                await take(browser, scene, shot)
                print(f"docs/screens/{shot.name}.png")  # noqa: T201 -- it is a command


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
