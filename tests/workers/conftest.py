"""Workers as they run: their own processes, that can be killed; and a mail server that can misbehave."""

import asyncio
import contextlib
import email
import email.policy
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd import smtp
from aiosmtpd.controller import Controller

from demo.servers import LOOPBACK, free_port
from service.database import Pool
from tests.shop import Shop


class Mailbox:
    """What a mail server took, and how it behaves: change `at_rcpt` and `at_data` to refuse, `hang` to never answer."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.at_rcpt = ""
        self.at_data = ""
        self.hang = False  # takes the message and does not say so
        self.drop = False  # closes the connection instead of answering the message
        self.waiting = 0
        self.recipients: list[str] = []

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, _server: smtp.SMTP, _session: smtp.Session, envelope: smtp.Envelope, address: str, _options: list[str]
    ) -> str:
        if self.at_rcpt:
            return self.at_rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: smtp.SMTP, _session: smtp.Session, envelope: smtp.Envelope) -> str:  # noqa: N802
        if self.at_data:
            return self.at_data
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        self.recipients += envelope.rcpt_tos
        if self.drop:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        while self.hang:
            self.waiting += 1
            await asyncio.sleep(0.05)
        return "250 OK"

    @property
    def refs(self) -> list[str]:
        """The Message-IDs, in the order they came."""
        return [str(message["Message-ID"]) for message in self.taken]


class MailServer(Controller):
    """A real SMTP server in its own thread."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        super().__init__(mailbox, hostname=LOOPBACK, port=free_port())

    @property
    def url(self) -> str:
        return f"smtp://{LOOPBACK}:{self.port}"


@pytest.fixture
def mail() -> Any:
    server = MailServer(Mailbox())
    server.start()
    yield server
    server.mailbox.hang = False
    server.stop()


class Worker:
    """One `python -m workers`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log

    def said(self) -> str:
        return self.log.read_text()

    async def kill(self) -> None:
        """As when the machine loses power."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """As a deployment does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)


Start = Callable[..., Awaitable[Worker]]


@pytest.fixture
async def worker(shop: Shop, scratch: Path) -> AsyncIterator[Start]:
    """Start workers; whatever still runs afterwards is killed."""
    started: list[Worker] = []

    async def start(**settings: str) -> Worker:
        log = scratch / f"worker-{id(started)}-{len(started)}.log"
        given = {
            "DATABASE_URL": str(shop.settings.database_url),
            "PUBLIC_URL": "http://shop.example",
            "TOKEN_KEYS": '["' + "k" * 40 + '"]',
            "DATA_KEYS": '["' + "d" * 40 + '"]',
            "LOG_FORMAT": "json",
            **settings,
        }
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "workers", env={**os.environ, **given}, stdout=out, stderr=out
            )
        started.append(Worker(process, log))
        return started[-1]

    yield start
    for one in started:
        if one.process.returncode is None:
            await one.kill()


async def until(true: Callable[[], Any], *, seconds: float = 30) -> None:
    """Wait until it is so."""
    for _ in range(int(seconds / 0.05)):
        found = true()
        if await found if asyncio.iscoroutine(found) else found:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {seconds} seconds")


async def count(pool: Pool, states: str) -> int:
    """How many notifications are in one of these states (space between)."""
    return int(await pool.fetchval("select count(*) from notification where state = any ($1)", states.split()))


async def orders(shop: Shop, number: int, customer: dict[str, str] | None = None) -> None:
    """Confirmed orders, each obliging to one e-mail."""
    await shop.stock("tea", 1000)
    for n in range(number):
        held = await shop.hold("tea", 1, customer=customer or {"name": f"C {n}", "email": f"c{n}@atelier.example"})
        await shop.confirm(held)
