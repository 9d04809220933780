"""The nemesis: a seeded schedule of everything that can go wrong, done to a shop that stays open."""

import asyncio
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from demo.processes import Process
from demo.programs import Program
from demo.servers import Postgres, Valkey
from service import migrations
from tests.ordeal.proxy import Fate, Proxy
from tests.ordeal.world import Api, Worker, signal_to, told

SKEWED = """
import runpy, sys, time
seconds, module = float(sys.argv.pop(1)), sys.argv.pop(1)
now, now_ns = time.time, time.time_ns
time.time = lambda: now() + seconds
time.time_ns = lambda: now_ns() + int(seconds * 1e9)
sys.argv[0] = module
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
"""A program whose clock is wrong, for all that reads it from Python: PostgreSQL's is the only one that counts."""


class Skewed(Program):
    """A program that believes it is another time."""

    seconds = 0.0

    async def run(self) -> None:
        """Run it."""
        command = (sys.executable, "-c", SKEWED, str(self.seconds), self.module)
        await self.launch(*command, env=self.environment, cwd=self.folder)


class SkewedApi(Skewed, Api):
    """An API whose clock is five minutes fast."""

    seconds = 300.0


class SkewedWorker(Skewed, Worker):
    """A worker whose clock is ten minutes slow."""

    seconds = -600.0


class Done(NamedTuple):
    """What was done, and when: seconds from the beginning."""

    at: float
    what: str


@dataclass
class Nemesis:
    """Everything that runs, the ways between, and what was done to it."""

    folder: Path
    smtp_url: str
    chance: random.Random
    programs: dict[str, Program] = field(default_factory=dict)
    ways: dict[str, Proxy] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    began: float = 0.0

    async def open(self) -> None:
        """Start a shop: PostgreSQL and Valkey of its own, two APIs, two workers, and a proxy on every way."""
        self.postgres, self.valkey = Postgres(self.folder / "postgres"), Valkey(self.folder / "valkey")
        await asyncio.gather(self.postgres.start(), self.valkey.start())
        await migrations.migrate(self.postgres.url)
        self.database_url = self.postgres.url
        for name, url in (
            ("api-1 to postgres", self.database_url),
            ("api-2 to postgres", self.database_url),
            ("workers to postgres", self.database_url),
            ("workers to redis", self.valkey.url),
            ("workers to mail", self.smtp_url),
        ):
            self.ways[name] = Proxy.before(url)
            await self.ways[name].start()
        mail = {
            "EMAIL_PROVIDERS": '["smtp"]',
            "SMTP_URL": self.ways["workers to mail"].address(self.smtp_url),
            "REDIS_URL": self.ways["workers to redis"].address(self.valkey.url),
        }
        for name, kind in (("api-1", Api), ("api-2", SkewedApi)):
            settings = told(self.ways[f"{name} to postgres"].address(self.database_url))
            self.programs[name] = kind(self.folder / name, settings)
        for name, worker in (("worker-1", Worker), ("worker-2", SkewedWorker)):
            settings = told(self.ways["workers to postgres"].address(self.database_url), **mail)
            self.programs[name] = worker(self.folder / name, settings)
        await asyncio.gather(*(program.start() for program in self.programs.values()))

    @property
    def urls(self) -> list[str]:
        """Where the APIs answer."""
        return [program.url for program in self.programs.values() if isinstance(program, Api)]

    async def keep_running(self) -> None:
        """Start again whatever ends, as a supervisor does; for as long as this is awaited."""
        parts: dict[str, Process] = {"postgres": self.postgres, "valkey": self.valkey, **self.programs}
        async with asyncio.TaskGroup() as group:
            for name, part in parts.items():
                group.create_task(self._keep(name, part))

    async def _keep(self, name: str, part: Process) -> None:
        while True:
            await part.ended()
            self.restarts[name] = self.restarts.get(name, 0) + 1
            await asyncio.sleep(self.chance.uniform(3, 6) if name == "valkey" else 0.2)
            with suppress(RuntimeError, OSError):
                await part.start()

    async def rage(self, seconds: float) -> None:
        """Do one thing after another for so long; then let everything heal."""
        self.began = time.monotonic()
        harms: list[Callable[[], Awaitable[str]]] = []
        while time.monotonic() - self.began < seconds:
            if not harms:
                harms = self.chance.sample(self._harms(), len(self._harms()))
            begun = time.monotonic() - self.began
            what = await harms.pop()()
            self.done.append(Done(round(begun, 1), what))
            await asyncio.sleep(self.chance.uniform(0.5, 2.5))
        for way in self.ways.values():
            way.heal()
        for program in self.programs.values():
            signal_to(program, signal.SIGCONT)

    def _harms(self) -> list[Callable[[], Awaitable[str]]]:
        """Everything that can be done, the kinds that matter more than once in each turn."""
        once = [self._restart_postgres, self._flush, self._stop_valkey, self._lose_answers]
        return [*once, *[self._kill] * 3, *[self._freeze] * 2, *[self._cut] * 2, *[self._delay] * 2, self._swallow]

    async def _kill(self) -> str:
        name = self.chance.choice(sorted(self.programs))
        signal_to(self.programs[name], signal.SIGKILL)
        return f"SIGKILL {name}"

    async def _freeze(self) -> str:
        name, seconds = self.chance.choice(sorted(self.programs)), self.chance.uniform(0.5, 4)
        signal_to(self.programs[name], signal.SIGSTOP)
        await asyncio.sleep(seconds)
        signal_to(self.programs[name], signal.SIGCONT)
        return f"SIGSTOP {name} for {seconds:.1f} s"

    async def _restart_postgres(self) -> str:
        if (pid := self.postgres.pid) is not None:
            self.postgres.process.send_signal(signal.SIGQUIT)  # type: ignore[union-attr]
        return f"immediate shutdown of PostgreSQL ({pid})"

    async def _flush(self) -> str:
        with suppress(RedisError, OSError):
            async with Redis.from_url(self.valkey.url) as redis:
                await redis.flushall()
        return "FLUSHALL"

    async def _stop_valkey(self) -> str:
        if self.valkey.process is not None and self.valkey.pid is not None:
            self.valkey.process.kill()
        return "Redis stopped for some seconds"

    def _way(self) -> tuple[str, Proxy]:
        name = self.chance.choice(sorted(self.ways))
        return name, self.ways[name]

    async def _cut(self) -> str:
        name, way = self._way()
        connections = len(way)
        await way.cut()
        return f"{connections} connections cut, {name}"

    async def _delay(self) -> str:
        (name, way), seconds = self._way(), self.chance.uniform(1, 4)
        way.seconds = self.chance.choice([0.05, 0.2, 0.5])
        what = f"+{way.seconds * 1000:.0f} ms for {seconds:.1f} s, {name}"
        await asyncio.sleep(seconds)
        way.heal()
        return what

    async def _swallow(self) -> str:
        (name, way), seconds = self._way(), self.chance.uniform(1, 4)
        way.swallow()
        await asyncio.sleep(seconds)
        way.heal()
        return f"swallowed for {seconds:.1f} s, {name}"

    async def _lose_answers(self) -> str:
        name = self.chance.choice(["api-1 to postgres", "api-2 to postgres"])
        way, before = self.ways[name], self.ways[name].lost
        way.judge = lambda _piece: self.chance.choices([Fate.PASS, Fate.LOSE_ANSWER, Fate.LOSE_REQUEST], [8, 1, 1])[0]
        await asyncio.sleep(1)
        way.heal()
        return f"{way.lost - before} statements or answers lost, {name}"

    async def close(self) -> None:
        """Stop everything."""
        for program in self.programs.values():
            signal_to(program, signal.SIGCONT)
        for way in self.ways.values():
            way.heal()
        await asyncio.gather(*(program.stop() for program in self.programs.values()))
        for way in self.ways.values():
            await way.stop()
        await asyncio.gather(self.postgres.stop(), self.valkey.stop())
