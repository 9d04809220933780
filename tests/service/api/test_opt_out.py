"""The page behind the link in reminders: no more of them, or of a whole channel, and back."""

import re

import aiohttp
import pytest

from service import clocks, events
from service.messages.letters import Letter
from tests.service.api.conftest import Api
from tests.shop import Shop
from tests.workers.test_notifications import Moody
from workers.notifications import Sender

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ALL = {"reminders": True, "email": True, "sms": True}
CUSTOMER = {"name": "Camille Durand", "email": "camille@atelier.example", "phone": "+33639981234", "locale": "en"}


@pytest.fixture
async def page(shop: Shop) -> str:
    """The path of the page of somebody whose order waits."""
    await shop.stock("tea", 9)
    ready = await shop.ready("tea", 1, customer=CUSTOMER)
    return f"/o/{ready['pickup_url'].rpartition('/')[2]}"


async def sent(shop: Shop) -> list[str]:
    """Let a day go by, remind whoever is to be reminded; what was sent."""
    kinds: list[str] = []

    class Listening(Moody):
        async def send(self, letter: Letter) -> str:
            kinds.append(f"{letter.kind} {letter.channel}")
            return "taken"

    await shop.pool.execute(
        "update reservation set ready_at = now() - interval '4 days', collect_by = now() + interval '5 hours',"
        " reminded_at = null"
    )
    await clocks.remind_due(shop.pool, "lyon")
    for store in await events.waiting_stores(shop.pool):
        await events.relay(shop.pool, store)
    for channel in ("email", "sms"):
        sender = Sender(shop.pool, shop.settings, channel, Listening([]))
        while await sender.send_due():
            pass
    return sorted(kinds)


async def test_who_wants_no_reminders_gets_none_and_all_the_rest(api: Api, shop: Shop, page: str) -> None:
    assert (await api.get(page, key="")).json == ALL
    assert (await api.post(page, key="")).json == ALL | {"reminders": False}
    assert await sent(shop) == ["confirmed email", "ready email", "ready sms"]
    assert {
        row["reason"] for row in await shop.pool.fetch("select reason from notification where kind = 'reminder'")
    } == {"opted_out"}
    await shop.ready("tea", 1, customer=CUSTOMER)  # their next order
    assert await sent(shop) == ["confirmed email", "ready email", "ready sms"]
    assert (await api.post(page, {"reminders": True}, key="")).json == ALL
    assert (await sent(shop)).count("reminder email") == 2


async def test_the_button_of_a_mail_program_is_enough(api: Api, page: str) -> None:
    told = await api.request("POST", page, data="List-Unsubscribe=One-Click", key="", headers=FORM)
    assert (told.status, told.json) == (200, ALL | {"reminders": False})
    await api.post(page, {"reminders": True}, key="")
    in_parts = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    in_parts.add_field("List-Unsubscribe", "One-Click")
    told = await api.request("POST", page, data=in_parts, key="")
    assert (told.status, told.json) == (200, ALL | {"reminders": False})
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b'--x\r\nContent-Disposition: form-data; name="\x7f"\r\n\r\n1\r\n--x--', b"--x", b"nothing"):
        assert (await api.request("POST", page, data=body, key="", headers=broken)).status in {200, 303, 422}


async def test_looking_at_the_link_stops_nothing(api: Api, page: str) -> None:
    shown = await api.get(page, key="", headers={"Accept": "text/html", "Accept-Language": "en-GB"})
    assert "No more reminders?" in shown.text
    assert '<button class="button" name="reminders" value="off">' in shown.text
    assert (await api.get(page, key="")).json == ALL


async def test_the_page_works_by_form_in_both_directions(api: Api, page: str) -> None:
    for value, heading in (("off", "C’est noté"), ("on", "Ne plus recevoir de rappels")):
        told = await api.request("POST", f"{page}?lang=fr", data=f"reminders={value}", key="", headers=FORM)
        assert (told.status, told.headers["Location"]) == (303, f"{page}?lang=fr")
        shown = await api.get(told.headers["Location"], key="", headers={"Accept": "text/html"})
        assert heading in shown.text


async def test_who_gave_only_a_phone_ends_text_messages_from_their_page(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 9)
    phone = {"name": "Camille Durand", "phone": CUSTOMER["phone"], "locale": "fr"}
    ready = await shop.ready("tea", 1, customer=phone)
    html = {"Accept": "text/html"}
    seen = await api.get(f"/p/{ready['pickup_url'].rpartition('/')[2]}", key="", headers=html)
    found = re.search(r'<a class="enough" href="([^"]+)">([^<]+)</a>', seen.text)
    assert found
    path, label = found.groups()
    assert (path.rpartition("?")[2], label) == ("lang=fr", "Gérer ou arrêter les SMS")
    shown = await api.get(path, key="", headers=html)
    assert 'name="sms" value="off">Arrêter les SMS' in shown.text
    assert 'name="email"' not in shown.text
    told = await api.request("POST", path, data="sms=off", key="", headers=FORM)
    assert (told.status, told.headers["Location"]) == (303, path)
    assert (await api.get(path, key="")).json == {"reminders": True, "email": None, "sms": False}
    assert await sent(shop) == []
    silent = (await api.get(path, key="", headers=html)).text
    assert "Reprendre les SMS" in silent
    assert "La page de votre commande dit toujours si elle est prête" in silent
    await api.request("POST", path, data="sms=on", key="", headers=FORM)
    await shop.ready("tea", 1, customer=phone)
    assert await sent(shop) == ["confirmed sms", "ready sms", "reminder sms", "reminder sms"]


async def test_each_channel_is_ended_by_itself(api: Api, shop: Shop, page: str) -> None:
    assert (await api.post(page, {"sms": False, "email": None}, key="")).json == ALL | {"sms": False}
    seen = await api.get(page.replace("/o/", "/p/") + "?lang=en", key="", headers={"Accept": "text/html"})
    assert f'href="{page}?lang=en">Manage or stop text messages and e-mails</a>' in seen.text
    assert await sent(shop) == ["confirmed email", "ready email", "reminder email"]
    assert (await api.post(page, {"email": False, "sms": True, "reminders": False}, key="")).json == {
        "reminders": False,
        "email": False,
        "sms": True,
    }


async def test_a_wrong_link_opens_nothing(api: Api) -> None:
    wrong = "/o/" + "2" * 24
    assert (await api.get(wrong, key="")).status == 404
    assert (await api.post(wrong, key="")).status == 404
    page = await api.get(wrong, key="", headers={"Accept": "text/html"})
    assert (page.status, "aucune commande" in page.text) == (404, True)
    assert (await api.request("POST", wrong, data="reminders=perhaps", key="", headers=FORM)).status == 422
