"""Starts the servers, the API and the worker, keeps them running, and leaves nothing behind."""

import asyncio
import json
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from demo.processes import Process
from demo.programs import Api, Worker, environment, secret_of
from demo.servers import LOOPBACK, Postgres, Valkey
from demo.stocking import api_key, endpoints, stock_the_shop
from service import migrations
from service.database import Pool, open_pool

USUAL_PORT = 8080
PORTS_TRIED = 100

STEADY_SECONDS = 30  # who ran as long had no trouble starting
SLOW_SECONDS = 5  # to stop
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds before something is started again

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was asked for on the command line."""

    port: int | None = None
    data: Path | None = None  # kept; None: a temporary folder
    shoppers: bool = True
    headless: bool = False
    ready_file: Path | None = None
    replay: bool = False
    opening_stock: Path | None = None


def listen(port: int | None) -> socket.socket:
    """Take the port, or the first free one from the usual on where none was asked for.

    The socket outlives the API: while that starts again, customers wait at the door instead of finding it locked.
    Raises RuntimeError when the port is taken.
    """
    for candidate in [port] if port is not None else chain(range(USUAL_PORT, USUAL_PORT + PORTS_TRIED), [0]):
        door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((LOOPBACK, candidate))
            door.listen(512)
        except OSError:
            door.close()
        else:
            return door
    raise RuntimeError(f"Port {port} is taken; choose another with --port, or none.")


class Demo:
    """All of it: what runs, where, and with which key."""

    def __init__(self, folder: Path, wishes: Wishes, say: Say) -> None:
        self.folder = folder
        self.wishes = wishes
        self.say = say
        self.parts: dict[str, Process] = {}
        self.database_url = os.environ.get("DATABASE_URL", "")
        self.redis_url = os.environ.get("REDIS_URL", "")
        self.url = ""
        self.api_key = ""
        self.hooks: dict[str, str] = {}
        self._door: socket.socket | None = None

    async def start(self) -> None:
        """Start everything, in the order of need; raises RuntimeError with the reason when something doesn't."""
        if self.wishes.ready_file:
            self.wishes.ready_file.unlink(missing_ok=True)
        self._door = listen(self.wishes.port)
        self.url = f"http://{LOOPBACK}:{self._door.getsockname()[1]}"
        await self._start_servers()
        began = time.monotonic()
        await migrations.migrate(self.database_url)
        self.say(f"schema {migrations.newest()} ({time.monotonic() - began:.1f} s)")
        async with self.pool() as pool:
            self.api_key = await api_key(pool, self.folder)
            if not self.wishes.replay:  # which counts messages, and has enough to do
                self.hooks = await endpoints(pool, self.folder, self.url)
            await _together(self._start_programs(), self.open_the_shop(pool))
        self.tell_ready()

    async def _start_servers(self) -> None:
        starting = []
        if not self.database_url:
            self.parts["postgres"] = postgres = Postgres(self.folder / "postgres")
            starting.append(self._start("postgres", "PostgreSQL"))
        if not self.redis_url:
            self.parts["redis"] = valkey = Valkey(self.folder / "valkey")
            starting.append(self._start("redis", "Valkey"))
        await _together(*starting)
        self.database_url = self.database_url or postgres.url
        self.redis_url = self.redis_url or valkey.url

    async def _start_programs(self) -> None:
        assert self._door is not None  # noqa: S101 -- start() took it
        told = environment(
            database_url=self.database_url,
            redis_url=self.redis_url,
            url=self.url,
            token_key=secret_of(self.folder, "token_key"),
            data_key=secret_of(self.folder, "data_key"),
            api_key=self.api_key,
            hooks=self.hooks,
            patient=self.wishes.replay,
        )
        self.parts["worker"] = Worker(self.folder / "worker", told)
        self.parts["api"] = Api(self.folder / "api", told, self._door)
        await _together(self._start("worker", "worker"), self._start("api", "API"))

    async def _start(self, name: str, called: str) -> None:
        began = time.monotonic()
        await self.parts[name].start()
        self.say(f"{called} ({time.monotonic() - began:.1f} s)")

    async def open_the_shop(self, pool: Pool) -> None:
        """Fill a new shop, or find the one that is there. Raises RuntimeError where a replay finds one."""
        began = time.monotonic()
        contents = await stock_the_shop(pool, self.wishes.opening_stock)
        if self.wishes.replay and not contents:
            raise RuntimeError("A replay needs a new shop, and this database has one already; choose another --data.")
        self.say(f"{contents or 'the shop as it was'} ({time.monotonic() - began:.1f} s)")

    async def keep_running(self) -> None:
        """Start again whatever ends, for as long as this is awaited."""
        async with asyncio.TaskGroup() as group:
            for name, part in self.parts.items():
                group.create_task(self._keep(name, part))

    async def _keep(self, name: str, part: Process) -> None:
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            code = await part.ended()
            if time.monotonic() - started > STEADY_SECONDS:
                pause = FIRST_PAUSE
            self.say(f"{name} ended ({code}) and is started again")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                await part.start()
            except (RuntimeError, OSError) as error:
                self.say(str(error))
            else:
                self.tell_ready()

    def tell_ready(self) -> None:
        """Write the ready file, all of it at once."""
        if self.wishes.ready_file is None:
            return
        told = {
            "url": self.url,
            "api_key": self.api_key,
            "database_url": self.database_url,
            "redis_url": self.redis_url,
            "pids": {
                name: self.parts[name].pid if name in self.parts else None
                for name in ("api", "worker", "postgres", "redis")
            },
        }
        path = self.wishes.ready_file.absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(descriptor, "w") as file:
            json.dump(told, file)
        Path(unfinished).rename(path)

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[Pool]:
        """Connections of our own to the demo's database."""
        pool = await open_pool(self.database_url, size=4, name="demo")
        try:
            yield pool
        finally:
            await pool.close()

    async def stop(self) -> None:
        """Stop everything that was started, the last one first."""
        if self.wishes.ready_file:
            self.wishes.ready_file.unlink(missing_ok=True)
        if self._door is not None:
            self._door.close()
        for name, part in reversed(self.parts.items()):
            began = time.monotonic()
            await part.stop()
            if (took := time.monotonic() - began) > SLOW_SECONDS:
                self.say(f"{name} took {took:.0f} s to stop; see {part.log}")


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """Do all of it at once; when something fails, let the rest be and raise what failed first."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(part)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
