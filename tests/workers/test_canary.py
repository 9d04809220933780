"""A canary through the whole life of orders: wherever personal data has no business, it is not heard."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import aiohttp
import pytest
from redis.asyncio import Redis

from demo.servers import Postgres, Valkey, free_port
from service import keys
from service.callers import Scope
from service.database import transaction
from tests.service.api.test_callbacks import signed
from tests.service.test_privacy import dump
from tests.service.test_processes import ROOT, alive, environment
from tests.service.test_webhooks import listen
from tests.shop import Shop, prove
from tests.workers.conftest import MailServer, Start, until
from tests.workers.receiver import receiving
from workers.upkeep import tidy

PEOPLE: dict[str, Any] = {
    "customer": {
        "name": "Zoé Canary",
        "email": "zoe.canary@atelier.example",
        "phone": "+33639980077",
        "company": "Canary & Fils",
        "customer_ref": "canary-77",
    },
    "delegate": {"name": "Noé Canary", "phone": "+33639980078"},
    "note": "Sonnez chez Canary",
}
HEARD = ("canary", "zo\\u00e9", "63998007", "39 98 00 7")
ONE = "/v1/stores/lyon/reservations"
TWILIO, SECRET = "t" * 32, "secret-canary-" + "s" * 16


def heard(text: str, *codes: str) -> list[str]:
    """Where the canary sings in a text: the lines, shortened."""
    words = (*HEARD, *codes, *(quote(word) for word in codes))
    return [line[:300] for line in text.splitlines() if any(word.lower() in line.lower() for word in words)]


class Door:
    """The API in its own process, and every refusal it gave."""

    def __init__(self, port: int, key: str, session: aiohttp.ClientSession) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.key = key
        self.session = session
        self.refusals: list[str] = []

    async def ask(self, method: str, path: str, body: Any = None, *, text: str | None = None) -> Any:
        """Ask; what is refused is remembered."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": str(uuid4())}
        headers |= {"Content-Type": "application/json"} if text else {}
        async with self.session.request(method, self.url + path, json=body, data=text, headers=headers) as answer:
            said = await answer.text()
        if answer.status >= 400:
            self.refusals.append(said)
        return json.loads(said) if "json" in answer.content_type else said

    async def call(
        self, path: str, body: str, signature: str = "", *, media: str = "application/x-www-form-urlencoded"
    ) -> None:
        """Call back, as a provider does."""
        headers = {"Content-Type": media, "X-Twilio-Signature": signature}
        async with self.session.post(self.url + path, data=body, headers=headers) as answer:
            if answer.status >= 400:
                self.refusals.append(await answer.text())


@pytest.fixture
async def door(shop: Shop, scratch: Path, valkey: Valkey) -> AsyncIterator[tuple[Door, Path]]:
    """The API, telling everything it ever tells of itself into a file."""
    port, log = free_port(), scratch / "canary-api.log"
    async with transaction(shop.pool) as db:
        _, key = await keys.create(db, "web shop", list(Scope))
    told = environment(str(shop.settings.database_url), port) | {"LOG_LEVEL": "debug", "REDIS_URL": valkey.url}
    told |= {"TWILIO_TOKEN": TWILIO, "CALLBACK_SECRET": SECRET}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service"), cwd=ROOT, env=told, stdout=out, stderr=out
        )
    async with aiohttp.ClientSession() as session:
        assert await alive(session, port) or await alive(session, port), log.read_text()
        yield Door(port, key, session), log
    process.kill()
    await process.wait()


async def refused(door: Door, shop: Shop, held: dict[str, Any]) -> None:
    """Everything that can be refused, and what breaks, with the canary in it."""
    order = {"order_ref": "B1", "lines": [{"sku": "tea", "quantity": 1}], **PEOPLE}
    customer = PEOPLE["customer"]
    for wrong in (
        {**order, "customer": {**customer, "email": "zoe.canary@nowhere..example"}},
        {**order, "customer": {**customer, "email": "zoé canary <zoe.canary@atelier.example>"}},
        {**order, "customer": {**customer, "phone": "06 39 98 00 77 canary"}},
        {**order, "customer": {**customer, "phone": "+3363998007777777"}},
        {**order, "customer": {**customer, "name": ["Zoé Canary"]}},
        {**order, "customer": "Zoé Canary"},
        {**order, "customer": {**customer, "locale": "canary!"}},
        {**order, "note": "Canary " * 200},
        {**order, "channel": "Canary"},
        {**order, "lines": [{"sku": "tea", "quantity": 10_000}]},
        {**order, "lines": [{"sku": "nonesuch", "quantity": 1}]},
        {**order, "order_ref": held["order_ref"], "lines": [{"sku": "tea", "quantity": 2}]},
    ):
        await door.ask("POST", ONE, wrong)
    await door.ask("POST", ONE, text=json.dumps(order)[:-20])
    await door.ask("POST", ONE, text=json.dumps(order).replace("Zo", "\\u0000"))
    await door.ask("POST", f"{ONE}/{held['id']}/collect", {"code": held["pickup_code"], "checked_by": "Canary"})
    await door.ask("PATCH", f"{ONE}/{held['id']}", {"email": None, "phone": None, "name": "Zoé Canary"})
    await door.ask("POST", "/v1/privacy/export", {"email": "zoe.canary@atelier", "phone": "+33639980077"})
    await door.ask("GET", f"/v1/reservations?customer_ref=canary-77&name={quote('Zoé Canary')}")
    await door.ask("GET", f"/p/{held['pickup_url'].rpartition('/')[2][:-1]}X?name=canary")
    await door.ask("GET", f"/v1/stores/lyon/reservations/{quote('Zoé Canary')}")
    for broken in ("add constraint boom check (order_ref <> 'boom')", "rename column note to no_note"):
        await shop.pool.execute(f"alter table reservation {broken}")
        assert (await door.ask("POST", ONE, {**order, "order_ref": "boom"}))["status"] == 500
    await shop.pool.execute("alter table reservation rename column no_note to note")
    await shop.pool.execute("alter table reservation drop constraint boom")


async def called_back(door: Door, shop: Shop) -> None:
    """Receipts and replies, genuine and forged, and what nobody understands; until the worker has read it all."""
    phone, delegate, email = PEOPLE["customer"]["phone"], PEOPLE["delegate"]["phone"], PEOPLE["customer"]["email"]
    id = await shop.pool.fetchval("select id from notification limit 1")
    for n, form in enumerate((
        {"From": phone, "Body": "Canary arrive à 18 h"},
        {"From": delegate, "Body": "Noé Canary : STOP ? 06 39 98 00 78"},
        {"From": delegate, "Body": "STOP"},
        {"To": phone, "MessageStatus": "undelivered", "ErrorCode": "21610", "Canary": "Zoé Canary"},
        {"From Canary": phone},
    )):  # fmt: skip
        path, said = f"/callbacks/twilio?id={id}", {"MessageSid": f"SM{n}"} | form
        await door.call(path, urlencode(said), signed(path, said, TWILIO, "http://shop.example"))
        await door.call(path, urlencode(said), "forged by Canary")
    brevo, ovh = (f"/callbacks/{provider}/{SECRET}" for provider in ("brevo", "ovh"))
    for text in (
        {"event": "hard_bounce", "email": email, "tag": str(id), "reason": "Zoé Canary is unknown"},
        {"event": {"canary": email}, "tag": str(id)},
        {"event": 63998007, "email": email, "tag": str(id)},
    ):
        await door.call(brevo, json.dumps(text), media="application/json")
    await door.call(brevo, "{canary", media="application/json")
    for place in (ovh, f"{ovh}canary"):
        await door.ask("GET", f"{place}?id=9&senderid={quote(phone)}&message={quote('Zoé Canary')}")
        await door.ask("GET", f"{place}?canary={quote(email)}")
    await until(lambda: shop.pool.fetchval("select count(*) >= 10 and count(look_at) = 0 from callback"))


async def listened(door: Door) -> str:
    """What the counter's stream says at first."""
    headers = {"Authorization": f"Bearer {door.key}"}
    async with door.session.get(f"{door.url}/v1/stores/lyon/stream", headers=headers) as stream:
        return (await stream.content.readuntil(b"\n\n")).decode()


@asynccontextmanager
async def eavesdropping(valkey: Valkey) -> AsyncIterator[list[str]]:
    """Everything that anybody says to Valkey meanwhile, and what it keeps at the end."""
    redis, told = Redis.from_url(valkey.url), list[str]()

    async def overhear() -> None:
        async with redis.monitor() as monitor:
            while True:
                told.append(str(await monitor.next_command()))

    spy = asyncio.create_task(overhear())
    try:
        yield told
        told += [str(await redis.dump(name)) for name in await redis.keys("*")]
    finally:
        spy.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await spy
        await redis.aclose()


async def live(shop: Shop, api: Door, worker: Start, mail: MailServer, settings: dict[str, str]) -> dict[str, Any]:
    """One order's life, with carriers that refuse, workers that die, and everything that can be refused on the way."""
    mail.mailbox.at_rcpt = "451 zoe.canary@atelier.example is busy: Zoé Canary"
    first = await worker(**settings)
    held: dict[str, Any]
    held = await api.ask("POST", ONE, {"order_ref": "A1", "lines": [{"sku": "tea", "quantity": 1}], **PEOPLE})
    assert held["customer"]["name"] == "Zoé Canary"
    for step, body in (("confirm", {}), ("pick", {}), ("shelve", {"shelf": "A"})):
        await api.ask("POST", f"{ONE}/{held['id']}/{step}", body)
    assert "zoe.canary@" in await listened(api)
    await api.ask("POST", f"{ONE}/search", {"q": "Canary"})
    await refused(api, shop, held)
    await until(lambda: first.said().count("notification_handled") >= 2)
    await first.kill()
    mail.mailbox.at_rcpt = ""
    await shop.pool.execute("update notification set next_attempt_at = now() where state in ('pending', 'unknown')")
    for table in ("notification", "delivery"):
        await shop.pool.execute(
            f"update {table} set lease_until = now(), next_attempt_at = now() where lease_until is not null"
        )
    second = await worker(**settings)
    await api.ask("POST", f"{ONE}/{held['id']}/collect", {"code": held["pickup_code"]})
    await api.ask("POST", f"{ONE}/{held['id']}/undo", {"reason": "Zoé Canary forgot her bag"})
    await api.ask("POST", f"{ONE}/{held['id']}/collect", {"checked_by": "carte de Zoé Canary"})
    await called_back(api, shop)
    await until(lambda: mail.mailbox.taken)
    return held | {"said": lambda: first.said() + second.said()}


@pytest.mark.timeout(180)
async def test_the_canary_is_heard_nowhere(
    shop: Shop, postgres: Postgres, valkey: Valkey, worker: Start, mail: MailServer, door: tuple[Door, Path]
) -> None:
    api, log = door
    await shop.stock("tea", 50)
    settings = {"REDIS_URL": valkey.url, "LOG_LEVEL": "debug", "ALLOW_PRIVATE_WEBHOOKS": "true"}
    settings |= {"EMAIL_PROVIDERS": '["smtp"]', "SMTP_URL": mail.url}
    async with receiving() as receiver, eavesdropping(valkey) as passed_on:
        await listen(shop, url=f"{receiver.url}/hooks")
        held = await live(shop, api, worker, mail, settings)
        await until(lambda: any(b"reservation.collected" in seen.body for seen in receiver.seen))
    codes = held["pickup_code"], held["pickup_url"].rpartition("/")[2]
    assert len(api.refusals) > 20
    assert log.stat().st_size
    assert passed_on
    for where, text in {
        "log of the API": log.read_text(),
        "log of the workers": held["said"](),
        "metrics": await api.ask("GET", "/metrics"),
        "refusals": "\n".join(api.refusals),
        "webhooks": "\n".join(seen.body.decode() + str(seen.headers) for seen in receiver.seen),
        "Valkey": "\n".join(passed_on),
    }.items():
        assert (where, heard(text, *codes)) == (where, [])
    await forgotten(shop, postgres, codes)


async def forgotten(shop: Shop, postgres: Postgres, codes: tuple[str, str]) -> None:
    """When its time is over, the canary is in no backup either, and every unit is still accounted for."""
    assert heard(await dump(postgres), *codes)
    await shop.pool.execute("update reservation set ended_at = ended_at - interval '31 days'")
    await shop.pool.execute("update callback set received_at = received_at - interval '31 days'")
    await shop.pool.execute("update idempotency set created_at = created_at - interval '9 days'")
    while await tidy(shop.pool, shop.settings):
        pass
    assert heard(await dump(postgres), *codes) == []
    await prove(shop.pool)
