"""The service's own programs, as the demo runs them: the API with the demo's pages, and the worker."""

import asyncio
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import aiohttp

from demo.processes import Process
from demo.stores import RETAILER

ROOT = Path(__file__).parent.parent

READY_SECONDS = 30

DOOR = "DEMO_DOOR"  # tells the API the number of a listening socket that it inherits
KEY = "DEMO_API_KEY"
HOOKS = "DEMO_HOOKS"  # the secrets of the systems that hear webhooks, by their names, as JSON


def secret_of(folder: Path, name: str) -> str:
    """A secret that the demo's folder keeps for the next start."""
    path = folder / name
    if not path.exists():
        keep_secret(path, secrets.token_urlsafe(48))
    return path.read_text()


def keep_secret(path: Path, secret: str) -> None:
    """Write a secret where only its owner reads it, all of it at once."""
    unfinished = path.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(secret)
    unfinished.rename(path)


def environment(
    *,
    database_url: str,
    redis_url: str,
    url: str,
    token_key: str,
    data_key: str,
    api_key: str,
    hooks: Mapping[str, str],
    patient: bool,
) -> dict[str, str]:
    """What the programs are told; it overrules the shell's environment, so that no real message goes out.

    `patient`: one caller may ask as much as it likes.
    """
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PUBLIC_URL": url,
        "TOKEN_KEYS": json.dumps([token_key]),
        "DATA_KEYS": json.dumps([data_key]),
        "LOG_FORMAT": "json",
        "RETAILER": RETAILER,
        "EMAIL_PROVIDERS": '["capture", "spare"]',  # the second takes over while the first is switched off
        "SMS_PROVIDERS": '["capture", "spare"]',
        "EMAIL_FROM": "bonjour@atelier-lumiere.example",
        "SMS_SENDER": "ATELIER",
        "ALLOW_PRIVATE_WEBHOOKS": "true",  # the demo's own systems hear them
        KEY: api_key,
        HOOKS: json.dumps(dict(hooks)),
        **({"RATE_LIMIT_PER_SECOND": "0"} if patient else {}),
    }


class Program(Process):
    """One Python module of this tree; its folder is where it runs, so that it finds no .env to overrule us."""

    module: str

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(folder)
        self.environment = environment

    async def start(self) -> None:
        """Start it; ready when this returns. Raises RuntimeError when it ends instead of working."""
        await self.run()
        until = time.monotonic() + READY_SECONDS
        while self.pid is not None and time.monotonic() < until:
            if await self.is_ready():
                return
            await asyncio.sleep(0.03)
        await self.stop()
        raise RuntimeError(f"`python -m {self.module}` does not start:\n{self.last_words()}")

    async def run(self) -> None:
        """Run it."""
        await self.launch(sys.executable, "-m", self.module, env=self.environment, cwd=self.folder)

    async def is_ready(self) -> bool:
        """Whether it does its work already."""
        raise NotImplementedError


class Worker(Program):
    """The worker."""

    module = "workers"

    async def is_ready(self) -> bool:
        """Whether it says that it works."""
        return self.said("worker_started")


class Api(Program):
    """The API, with the demo's pages beside it; it answers at a door that is ours."""

    module = "demo.api"

    def __init__(self, folder: Path, environment: dict[str, str], door: socket.socket) -> None:
        super().__init__(folder, environment)
        self.door = door

    async def run(self) -> None:
        """Run it, and hand it the door."""
        told = self.environment | {DOOR: str(self.door.fileno())}
        await self.launch(
            *(sys.executable, "-m", self.module), env=told, cwd=self.folder, pass_fds=(self.door.fileno(),)
        )

    async def is_ready(self) -> bool:
        """Whether it answers that it is."""
        limit = aiohttp.ClientTimeout(total=1)
        try:
            address = f"{self.environment['PUBLIC_URL']}/readyz"
            async with aiohttp.ClientSession(timeout=limit) as session, session.get(address) as answer:
                return answer.status == HTTPStatus.OK
        except (aiohttp.ClientError, TimeoutError):
            return False
