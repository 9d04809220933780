"""A shop to be measured: PostgreSQL with full durability, a database of its own, the real API and worker beside it."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg

from bench.results import NotAsItShouldBe
from demo.programs import ROOT, Program
from demo.servers import Postgres, free_port
from service import checks, items, keys, migrations, promise, queries, stores
from service.callers import Scope
from service.database import Connection, Pool, open_pool, transaction
from service.settings import Settings

SQL = queries.load("bench")

STORES, ITEMS, UNITS = 20, 1000, 2_000_000
SOLD_OUT = 1  # items after those of which there is plenty
OPTIONS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "max_connections": "200"}
"""Room to work."""

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
"""What keeps a commit on disk: as PostgreSQL comes, and as it is made sure here."""

ANSWERS = 200  # a status, and what is expected of /livez


class Served(Program):
    """The API, or another program of this tree that answers at a port."""

    def __init__(self, folder: Path, environment: dict[str, str], module: str, options: tuple[str, ...]) -> None:
        super().__init__(folder, environment)
        self.module = module
        self.options = options

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.environment['PORT']}"

    async def run(self) -> None:
        """Run it."""
        await self.launch(sys.executable, "-m", self.module, *self.options, env=self.environment, cwd=self.folder)

    async def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/livez") as answer:
                return answer.status == ANSWERS
        except aiohttp.ClientError:
            return False


class Working(Program):
    """The worker."""

    module = "workers"

    async def is_ready(self) -> bool:
        """Whether it says that it works."""
        return self.said("worker_started")


class Shop:
    """One database of the server, a way in, and a key with every scope."""

    def __init__(self, server: Postgres, name: str, folder: Path, pool: Pool, key: str) -> None:
        self.server = server
        self.folder = folder
        self.url = server.database_url(name)
        self.pool = pool
        self.key = key
        self.programs = 0

    def environment(self) -> dict[str, str]:
        """What the programs are told: no limits, logs as in production, no Redis."""
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": self.url,
            "REDIS_URL": "",
            "PUBLIC_URL": "https://shop.example",
            "TOKEN_KEYS": f'["{"k" * 40}"]',
            "DATA_KEYS": f'["{"d" * 40}"]',
            "RATE_LIMIT_PER_SECOND": "0",
            "LOG_FORMAT": "json",
            "PORT": str(free_port()),
        }

    def settings(self) -> Settings:
        """The same, for what runs in this process."""
        told = {"public_url": "https://shop.example", "token_keys": ("k" * 40,), "data_keys": ("d" * 40,)}
        return Settings(_env_file=None, database_url=self.url, **told)  # type: ignore[arg-type]

    @asynccontextmanager
    async def api(self, module: str = "service", *options: str) -> AsyncIterator[Served]:
        """The API as a process of its own, while it is needed."""
        served = Served(self._place(), self.environment(), module, options)
        await served.start()
        try:
            yield served
        finally:
            await served.stop()

    @asynccontextmanager
    async def worker(self, **settings: str) -> AsyncIterator[Working]:
        """The worker as a process of its own, while it is needed; with settings of its own."""
        working = Working(self._place(), {**self.environment(), **settings})
        await working.start()
        try:
            yield working
        finally:
            await working.stop()

    def _place(self) -> Path:
        self.programs += 1
        return self.folder / str(self.programs)

    @asynccontextmanager
    async def patient(self) -> AsyncIterator[Connection]:
        """A connection whose statements may take as long as they take: for filling a shop, and for proving it."""
        db = await asyncpg.connect(self.url)
        try:
            await SQL["patience"].row(db)
            yield db
        finally:
            await db.close()

    async def stock_up(self, items: int = ITEMS) -> None:
        """Twenty stores with plenty of every item, and one item of which there is nothing."""
        async with self.patient() as db:
            await SQL["open_stores"].run(db, first=1, last=STORES)
            await SQL["list_items"].run(db, items=items + SOLD_OUT)
            for store in names(STORES):
                await SQL["stock_up"].value(db, store=store, items=items, units=UNITS)
            await db.execute("vacuum analyze")

    async def prove(self) -> None:
        """Prove every promise that can be proved on a live database. Raises NotAsItShouldBe with what differs."""
        async with self.patient() as db:
            wrong = await checks.differences(db)
        if wrong:
            raise NotAsItShouldBe(
                "\n".join(str(dict(row)) for row in wrong[:10]) + f"\n{len(wrong)} differences in all"
            )


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Postgres]:
    """A server with full durability, for as long as there is something to measure. Raises NotAsItShouldBe."""
    server = Postgres(folder / "postgres", options=OPTIONS)
    await server.start()
    try:
        db = await asyncpg.connect(server.database_url("postgres"))
        try:
            off = [name for name in DURABLE if await SQL["setting"].value(db, name=name) != "on"]
        finally:
            await db.close()
        if off:
            raise NotAsItShouldBe(f"Not durable: {', '.join(off)}")
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def opened(server: Postgres, name: str) -> AsyncIterator[Shop]:
    """A shop in a database of its own; when all went well, everything in it is proved at the end."""
    url = server.database_url(name)
    await migrations.migrate(url)
    pool = await open_pool(url, size=8, name="comptoir-bench")
    try:
        async with transaction(pool) as db:
            _, key = await keys.create(db, "bench", list(Scope))
        shop = Shop(server, name, server.folder.parent / name, pool, key)
        shop.folder.mkdir(parents=True, exist_ok=True)
        yield shop
        await shop.prove()
    finally:
        await pool.close()
        forget()


def forget() -> None:
    """Take nothing for known that another shop had in this process."""
    items.forget_known()
    stores.forget_known()
    promise.forget_glances()


def names(how_many: int) -> list[str]:
    """What the stores are called."""
    return [f"s{number:02}" for number in range(1, how_many + 1)]
