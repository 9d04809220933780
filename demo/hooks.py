"""Two systems of the merchant's that hear webhooks, as one would write them: verified, remembered, and shown."""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from demo.pages import moment, render
from service import deliveries, queries
from service.api.endpoints import OPERATIONS, Answer, Call, Endpoint
from service.callers import OPERATOR
from service.database import connection, transaction
from service.errors import Forbidden, NotFound
from service.models.webhooks import ReplayBody

SQL = queries.load("demo")

NAMES = ("shop", "crm")
"""The shop's order system hears Standard Webhooks; its marketing hears CloudEvents, with a name and a language."""

REMEMBERED = 500  # events, of both; the oldest go
PAGE = 40
TOLERANCE_SECONDS = 300  # between the signature's clock and ours


@dataclass(slots=True)
class Heard:
    """One event as a system heard it."""

    name: str
    id: UUID
    type: str
    about: str
    at: datetime
    headers: dict[str, str]
    body: str
    times: int = 1


@dataclass(slots=True)
class Hooks:
    """What both systems heard since the API started, by their own secrets; and how many forgeries they refused."""

    secrets: Mapping[str, str]
    heard: dict[tuple[str, UUID], Heard] = field(default_factory=dict)
    refused: int = 0

    def note(self, name: str, headers: Mapping[str, str], body: bytes) -> None:
        """Remember an event; the same again is counted, and not acted upon twice."""
        id, told = UUID(headers["webhook-id"]), json.loads(body)
        known = self.heard.get((name, id))
        if known:
            known.times += 1
            known.headers = dict(headers)
            return
        facts = told.get("data", {})
        about = facts.get("order_ref") or facts.get("sku") or ""
        self.heard[name, id] = Heard(name, id, told["type"], about, datetime.now(UTC), dict(headers), body.decode())
        while len(self.heard) > REMEMBERED:
            self.heard.pop(next(iter(self.heard)))


HOOKS: web.AppKey[Hooks] = web.AppKey("hooks", Hooks)


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, *, now: float) -> bool:
    """Whether a request was signed with this secret just now (Standard Webhooks, v1)."""
    id, sent, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not sent.isdigit() or abs(now - int(sent)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = "v1," + base64.b64encode(hmac.digest(key, f"{id}.{sent}.".encode() + body, "sha256")).decode()
    return any(hmac.compare_digest(wanted, one) for one in signatures.split(" "))


async def take(call: Call[Any]) -> Answer:
    """Take a webhook, if it is genuine."""
    hooks, name, body = call.request.app[HOOKS], call.part("name"), await call.request.read()
    secret = hooks.secrets.get(name)
    if secret is None:
        raise NotFound("Nobody listens here.")
    headers = {header: call.request.headers.get(header, "") for header in SHOWN}
    if not is_genuine(secret, headers, body, now=time.time()):
        hooks.refused += 1
        raise Forbidden("The signature does not match.")
    hooks.note(name, headers, body)
    return Answer("", 204)


SHOWN = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")


async def webhooks(call: Call[Any]) -> web.Response:
    """Show what both systems heard, the newest first, and one of them as it came."""
    hooks = call.request.app[HOOKS]
    newest = list(reversed(hooks.heard.values()))[:PAGE]
    asked = call.request.query.get("event", "")
    chosen = next((one for one in hooks.heard.values() if f"{one.name}-{one.id}" == asked), None)
    shown = chosen or next(iter(newest), None)
    return render(
        call,
        "webhooks.html",
        room="inbox",
        heard=[_line(one) for one in newest],
        one=_line(shown) | {"headers": shown.headers, "body": _indented(shown.body)} if shown else None,
        chosen=chosen is not None,
        refused=hooks.refused,
        replayed="replayed" in call.request.query,
    )


def _line(one: Heard) -> dict[str, Any]:
    return {
        "key": f"{one.name}-{one.id}",
        "name": one.name,
        "type": one.type,
        "about": one.about,
        "at": moment(one.at),
        "times": one.times,
    }


def _indented(body: str) -> str:
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False)


async def replay(call: Call[Any]) -> web.Response:
    """Have one event sent again, to the system that heard it: the same id, the same bytes, a new signature."""
    name, _, id = call.part("key").partition("-")
    try:
        heard = call.request.app[HOOKS].heard[name, UUID(id)]
    except (KeyError, ValueError):
        raise NotFound("Nobody heard that.") from None
    async with connection(call.pool) as db:
        row = await SQL["delivery"].row(db, message=heard.id, url=f"%/demo/hooks/{name}")
    if row is None:
        raise NotFound("It is sent no more.")
    async with transaction(call.pool) as db:
        await deliveries.replay(db, row["endpoint_id"], ReplayBody(delivery=row["id"]), caller=OPERATOR)
    return web.Response(status=303, headers={"Location": f"/inbox/webhooks?event={name}-{id}&replayed"})


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/demo/hooks/{name}",
        handle=take,
        summary="Hear a webhook",
        tag=OPERATIONS,
        scopes=None,
        answers={204: None},
        problems=(Forbidden,),
        takes=("application/json", "application/cloudevents+json"),
        page=True,
    ),
    Endpoint(
        method="GET",
        path="/inbox/webhooks",
        handle=webhooks,
        summary="The webhooks that were heard",
        tag=OPERATIONS,
        scopes=None,
        media="text/html",
        page=True,
    ),
    Endpoint(
        method="POST",
        path="/inbox/webhooks/{key}/replay",
        handle=replay,
        summary="Have one sent again",
        tag=OPERATIONS,
        scopes=None,
        media="text/html",
        page=True,
    ),
)
