"""Real processes to be hurt: APIs and workers with ports of their own, and a caller who asks once and hears."""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp

from demo.programs import ROOT, Program
from demo.programs import Worker as _Worker
from demo.servers import LOOPBACK, free_port
from service import keys
from service.callers import Scope
from service.database import Pool, transaction

TOKEN_KEY, DATA_KEY = "k" * 40, "d" * 40  # what tests.shop signs and seals with, too


def told(database_url: str, **others: str) -> dict[str, str]:
    """What a program is told; nothing of the shell's own settings."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database_url,
        "PUBLIC_URL": "http://shop.example",
        "TOKEN_KEYS": json.dumps([TOKEN_KEY]),
        "DATA_KEYS": json.dumps([DATA_KEY]),
        "LOG_FORMAT": "json",
        "RATE_LIMIT_PER_SECOND": "0",
        "PUBLIC_RATE_LIMIT_PER_SECOND": "0",
        "ALLOW_PRIVATE_WEBHOOKS": "true",
        **others,
    }


class Api(Program):
    """One `python -m service`."""

    module = "service"

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        super().__init__(folder, environment | {"PORT": str(self.port)})

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"

    async def is_ready(self) -> bool:
        """Whether it says that it has started."""
        return self.said("api_started")


class Worker(_Worker):
    """One `python -m workers`."""


def signal_to(program: Program, what: signal.Signals) -> bool:
    """Send it a signal, where it still runs; whether it did."""
    if program.pid is None:
        return False
    try:
        os.kill(program.pid, what)
    except ProcessLookupError:
        return False
    return True


class Heard(NamedTuple):
    """What a caller heard: a status of 0 is no answer."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The problem's code."""
        return str(self.body.get("code", ""))


class Caller:
    """Asks once, and never again by itself: what got no answer is what the ordeal is about."""

    def __init__(self, key: str, *, seconds: float = 15, connections: int = 0) -> None:
        self.key = key
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"},
            connector=aiohttp.TCPConnector(limit=connections, force_close=not connections),
            timeout=aiohttp.ClientTimeout(total=seconds),
        )

    async def __aenter__(self) -> Self:
        """Open connections as they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self._session.close()

    async def ask(self, url: str, *, method: str = "POST", once: str = "", **content: Any) -> Heard:
        """Ask, under an Idempotency-Key where one is given."""
        headers = {"Idempotency-Key": once} if once else {}
        headers |= content.pop("headers", {})
        try:
            async with self._session.request(method, url, headers=headers, **content) as answer:
                text = await answer.text()
                read = json.loads(text) if "json" in answer.content_type else {}
                return Heard(answer.status, read, answer.headers)
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return Heard(0, {}, {})


async def new_key(pool: Pool) -> str:
    """Make a key that may do everything."""
    async with transaction(pool) as db:
        return (await keys.create(db, "ordeal", list(Scope)))[1]


def order(ref: str, sku: str = "tea", quantity: int = 1, **others: Any) -> dict[str, Any]:
    """The body of a hold."""
    customer = {"name": f"Customer {ref}", "email": f"{ref}@atelier.example"}
    return {"order_ref": ref, "customer": customer, "lines": [{"sku": sku, "quantity": quantity}], **others}
