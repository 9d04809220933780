"""The demo's own systems hear what happens, believe nobody else, and have it sent again; carriers go and come back."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from demo import hooks
from demo.client import Service, place
from service import webhooks
from tests.demo.conftest import Started

ORDER = {
    "order_ref": "HOOKS-1",
    "customer": {"name": "Zoé Martin", "email": "zoe@example.com", "phone": "+33199000001", "locale": "fr-FR"},
    "lines": [{"sku": "1082185", "quantity": 1}],
}


@pytest.fixture(scope="module")
async def service(open_shop: Started) -> AsyncIterator[Service]:
    """The demo's API, with its key."""
    told = await open_shop.told()
    async with Service(told["url"], told["api_key"]) as service:
        yield service


@pytest.fixture(scope="module")
async def confirmed(service: Service) -> dict[str, Any]:
    """An order that was confirmed."""
    held = await service.post(place("367"), ORDER, key="hooks-1")
    answer = await service.post(place("367", held.body["id"], "confirm"), {})
    assert answer.accepted, answer.refusal
    return answer.body


async def page(service: Service, path: str) -> str:
    """What the page says."""
    async with aiohttp.ClientSession() as browser, browser.get(service.url + path) as answer:
        assert answer.status == 200
        return await answer.text()


async def says(service: Service, path: str, *words: str, seconds: int = 20) -> str:
    """Look again and again until the page says these words."""
    for _ in range(seconds * 10):
        text = await page(service, path)
        if all(word in text for word in words):
            return text
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} does not say {words}:\n{text}")


async def push(service: Service, path: str, **form: str) -> int:
    """Press a button; where it leads is not looked at."""
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(service.url + path, data=form, allow_redirects=False) as answer,
    ):
        return answer.status


async def test_both_systems_hear_and_one_of_them_the_customers_name(
    service: Service, confirmed: dict[str, Any]
) -> None:
    text = await says(service, "/inbox/webhooks", "reservation.confirmed", "reservation.held", "crm-", "shop-")
    keys = set(re.findall(r"event=((?:shop|crm)-[0-9a-f-]+)", text))
    shown = {key: await page(service, f"/inbox/webhooks?event={key}") for key in keys}
    assert {key[:4] for key in keys} == {"shop", "crm-"}
    for key, text in shown.items():
        assert "Signature vérifiée." in text
        assert ("Zoé Martin" in text) == key.startswith("crm-"), "only who asked for the name hears it"
        assert ("specversion" in text) == key.startswith("crm-")
        assert "zoe@" not in text


async def test_one_is_sent_again_and_counted_under_the_same_id(service: Service, confirmed: dict[str, Any]) -> None:
    text = await says(service, "/inbox/webhooks", "crm-")
    [key, *_] = re.findall(r"event=(crm-[0-9a-f-]+)", text)
    assert await push(service, f"/inbox/webhooks/{key}/replay") == 303
    await says(service, f"/inbox/webhooks?event={key}", "reçu 2 fois")
    assert await push(service, f"/inbox/webhooks/crm-{'0' * 8}/replay") == 404


async def test_a_forged_webhook_is_refused(service: Service) -> None:
    secret, now, body = webhooks.new_secret(), int(time.time()), json.dumps({"type": "reservation.collected"})
    headers = {"webhook-id": "x", "webhook-timestamp": str(now)}
    headers["webhook-signature"] = webhooks.sign(secret, "x", now, body.encode())
    async with aiohttp.ClientSession() as forger:
        for name, status in (("shop", 403), ("nobody", 404)):
            async with forger.post(f"{service.url}/demo/hooks/{name}", data=body, headers=headers) as answer:
                assert answer.status == status
    assert hooks.is_genuine(secret, headers, body.encode(), now=now)
    assert not hooks.is_genuine(secret, headers, body.encode(), now=now + 301), "too old"
    assert not hooks.is_genuine(secret, headers, body.encode() + b" ", now=now), "one byte more"
    assert not hooks.is_genuine(secret, headers | {"webhook-id": "y"}, body.encode(), now=now)


async def test_while_a_carrier_is_off_messages_wait_and_then_they_arrive(
    service: Service, confirmed: dict[str, Any]
) -> None:
    await says(service, "/inbox", "HOOKS-1")
    for carrier in ("capture", "spare"):
        assert await push(service, f"/inbox/carriers/email/{carrier}", off="1") == 303
    assert await push(service, "/inbox/carriers/email/pigeon", off="1") == 404
    held = await service.post(place("367"), ORDER | {"order_ref": "HOOKS-2"}, key="hooks-2")
    await service.post(place("367", held.body["id"], "confirm"), {})
    text = await says(service, "/inbox", "1 attend")
    assert 'aria-checked="false"' in text
    assert "HOOKS-2" not in text
    for carrier in ("capture", "spare"):
        assert await push(service, f"/inbox/carriers/email/{carrier}") == 303
    text = await says(service, "/inbox", "HOOKS-2")
    assert 'aria-checked="false"' not in text
