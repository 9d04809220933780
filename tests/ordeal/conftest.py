"""What every ordeal needs: programs that are stopped at the end, and a way to tell the report what was seen."""

import itertools
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from demo.programs import Program
from service.database import Pool
from tests.ordeal.world import Api, Caller, Worker, new_key, told
from tests.workers.conftest import mail

__all__ = ["mail"]

SEED = int(os.environ.get("ORDEAL_SEED", "20170508"))

Start = Callable[..., Awaitable[Program]]


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Chance that comes out the same for the same seed and test."""
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def seen(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tell the report what was seen."""
    return lambda what: record_property("seen", what)


@pytest.fixture
async def start(database_url: str, tmp_path: Path) -> AsyncIterator[Start]:
    """Start an `Api` or a `Worker` over the tests' database, or one that `DATABASE_URL` names."""
    numbers = itertools.count()
    started: list[Program] = []

    async def start(kind: type[Api] | type[Worker], **settings: str) -> Program:
        folder = tmp_path / f"{kind.__name__.lower()}-{next(numbers)}"
        program = kind(folder, told(**{"database_url": database_url, **settings}))
        started.append(program)
        await program.start()
        return program

    yield start
    for program in started:
        if program.process is not None and program.process.returncode is None:
            program.process.kill()
            await program.process.wait()


@pytest.fixture(scope="module")
async def healthy(database_url: str, scratch: Path) -> AsyncIterator[Api]:
    """An API that nobody hurts, for all tests of a module."""
    api = Api(scratch / "healthy", told(database_url))
    await api.start()
    yield api
    await api.stop()


@pytest.fixture
async def caller(pool: Pool) -> AsyncIterator[Caller]:
    """Somebody with a key for everything."""
    async with Caller(await new_key(pool)) as caller:
        yield caller
