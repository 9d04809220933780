"""The way to PostgreSQL: a pool, and transactions that speak in problems."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from service import queries, traces
from service.errors import Busy, InvalidRequest, OnHandOutOfRange, Unavailable, every_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    AnyPool = asyncpg.Pool[asyncpg.Record]
    Borrowed = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Connection = Borrowed | asyncpg.Connection[asyncpg.Record]
else:
    AnyPool = asyncpg.Pool
    Borrowed = asyncpg.pool.PoolConnectionProxy
    Connection = asyncpg.Connection

SQL = queries.load("traces")

BY_CONSTRAINT = {problem.constraint: problem for problem in every_problem() if problem.constraint}

SESSION = {
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",  # what is read behind a lock is as it is by then
    "jit": "off",  # statements are small; compiling them costs more than it saves
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "enable_seqscan": "off",  # a plan that was made while a table was small stays right when it is large
    "synchronous_commit": "on",  # an accepted request is on disk before its answer leaves
}

PATIENCE_SECONDS = 3  # for a connection

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a farewell of PostgreSQL that crossed our statement
    asyncpg.OperatorInterventionError,  # shutting down, starting up
    asyncpg.TooManyConnectionsError,
    OSError,
    asyncio.TimeoutError,
)


class Pool(AnyPool):
    """Connections, lent in turn: asyncpg's own lends one that comes back to whoever asks first from then on."""

    def __init__(self, url: str, *, max_size: int, **settings: Any) -> None:
        super().__init__(url, max_size=max_size, **settings)
        self._turn = asyncio.Semaphore(max_size)
        self._coming_back: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks weakly

    async def lend(self) -> "Borrowed":
        """Wait for a connection, and no longer than that is worth. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_SECONDS):  # unlike acquire's own, this costs no task
            await self._turn.acquire()
            try:
                return await self.acquire()
            except BaseException:
                self._turn.release()
                raise

    def take_back(self, db: "Borrowed") -> None:
        """Take a connection back without having anybody wait for it: what was asked of it is done."""
        task = asyncio.create_task(self.release(db, timeout=PATIENCE_SECONDS))
        self._coming_back.add(task)
        task.add_done_callback(self._came_back)
        self._turn.release()

    def _came_back(self, task: asyncio.Task[None]) -> None:
        self._coming_back.discard(task)
        if not task.cancelled():
            task.exception()  # the pool has dropped that connection, and nobody waits for it


async def prepare(connection: asyncpg.Connection) -> None:
    """Have a connection speak JSON as Python knows it."""
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _leave_as_it_is(_connection: asyncpg.Connection) -> None:
    """Nothing here outlives its transaction (locks, settings, cursors): a reset would cost a round trip for nothing."""


async def open_pool(url: str, *, size: int, name: str) -> Pool:
    """Open `size` connections at most; the first is made now, so that a wrong address is known at the start."""
    return await Pool(
        url,
        min_size=1,
        max_size=size,
        max_queries=50_000,  # and the following four: as asyncpg has them where they are not said
        max_inactive_connection_lifetime=300,
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
        loop=None,
        command_timeout=5,
        timeout=4,
        init=prepare,
        reset=_leave_as_it_is,
        server_settings={**SESSION, "application_name": name},
    )


@contextmanager
def problems() -> "Iterator[None]":
    """Turn what PostgreSQL refuses into the problem of that name, and its absence into `Unavailable`."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        problem = BY_CONSTRAINT.get(error.constraint_name or "")
        if problem is None:
            raise
        raise problem from error
    except (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError) as error:
        raise Busy("Others are changing the same things; try again.", retry_after=1) from error
    except asyncpg.NumericValueOutOfRangeError as error:
        raise OnHandOutOfRange from error
    except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
        raise InvalidRequest("Some text holds characters that can't be stored.") from error
    except _AWAY as error:
        raise Unavailable(retry_after=2) from error


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """Take a connection for a few statements, each on its own."""
    with problems():
        db = await pool.lend()
        try:
            yield db
        finally:
            pool.take_back(db)


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """Take a connection for one transaction: all of it, or nothing. Its events say to which trace they belong."""
    async with connection(pool) as db, db.transaction():
        if traceparent := traces.here():
            await SQL["carry"].value(db, traceparent=traceparent)
        yield db


@asynccontextmanager
async def statement(pool: Pool) -> AsyncIterator[Connection]:
    """Take a connection for one statement, a transaction by itself; its events say to which trace they belong."""
    if traces.here() is None:
        async with connection(pool) as db:
            yield db
    else:
        async with transaction(pool) as db:
            yield db


Result = TypeVar("Result")


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """Wait for work so long and no longer: then it is told to give up, but not waited for. Raises Unavailable.

    A connection into nowhere takes its time to notice, also while it is being given back to the pool.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # what comes too late is nobody's
    try:
        if not (await asyncio.wait({task}, timeout=seconds))[0]:
            raise Unavailable(retry_after=2)
        return task.result()
    finally:
        task.cancel()
