"""Demos of the test's own, and a way to see that nothing of them is left."""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from demo.programs import ROOT
from demo.servers import Postgres

SECONDS = 45


class Started:
    """One `python -m demo`, as somebody starts it from a shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ready_file = folder / "ready.json"
        self.said = ""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The process that was started."""
        assert self._process is not None
        return self._process

    async def start(self, *options: str | Path, **environment: str) -> None:
        """Start it; it is not ready yet."""
        clean = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "demo", "--headless", "--no-shoppers", "--ready-file", self.ready_file),
            *("--data", self.folder / "data", *options),
            cwd=ROOT,
            env=clean | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def told(self, *, other_than: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the ready file says, once it says (something else)."""
        for _ in range(SECONDS * 20):
            with contextlib.suppress(OSError):
                told: dict[str, Any] = json.loads(self.ready_file.read_text())
                if told != other_than:
                    return told
            if self.process.returncode is not None:
                break
            await asyncio.sleep(0.05)
        raise AssertionError(f"The demo is not ready:\n{await self.ended()}")

    async def ended(self) -> str:
        """Wait until it has ended; all it said."""
        said, _ = await self.process.communicate()
        self.said = self.said or said.decode()
        return self.said

    def left(self) -> list[str]:
        """The processes that it started and that still run: each works in a folder of the demo's."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.folder in (place / "cwd").readlink().parents:
                    found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found


@pytest.fixture
async def demo(scratch: Path) -> AsyncIterator[Started]:
    """A demo that the test starts; it is stopped at the end."""
    demo = Started(Path(tempfile.mkdtemp(dir=scratch)))
    yield demo
    if demo.process.returncode is None:
        demo.process.terminate()
    await demo.ended()


@pytest.fixture(scope="module")
async def open_shop(scratch: Path) -> AsyncIterator[Started]:
    """A demo that runs for all tests of a module."""
    demo = Started(Path(tempfile.mkdtemp(dir=scratch)))
    await demo.start()
    await demo.told()
    yield demo
    demo.process.terminate()
    await demo.ended()


@pytest.fixture
async def postgres_of_ours(postgres: Postgres) -> AsyncIterator[str]:
    """An empty database on a server that is not the demo's."""
    name = f"demo_{uuid4().hex[:8]}"
    db = await asyncpg.connect(postgres.database_url("postgres"))
    await db.execute(f"create database {name}")
    yield postgres.database_url(name)
    await db.execute(f"drop database {name} with (force)")
    await db.close()
