"""The worker: rounds that find their work in PostgreSQL, and arq, which only wakes them earlier.

This is the one file that knows arq. Its jobs are wake-ups: a name, no data, lost without harm. PostgreSQL holds
every obligation, so Redis may be absent, stopped, wiped or full, and the rounds go on by themselves.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
import structlog
from arq.connections import RedisSettings
from arq.worker import Worker, func
from redis.exceptions import RedisError, ResponseError

from service import logs, traces
from service.database import open_pool
from service.errors import Problem
from service.settings import Settings, read
from workers import heartbeat
from workers.crew import Crew
from workers.providers.choose import SettingWrong
from workers.rounds import Round
from workers.waiting import open_pool_when_ready

try:
    import uvloop
except ImportError:  # not on Windows
    uvloop = None  # type: ignore[assignment]

log = structlog.get_logger()

QUEUE = "comptoir:wake"
REDIS_PAUSE = 2.0  # seconds before Redis is tried again


def redis_settings(url: str) -> RedisSettings:
    """Read REDIS_URL: redis://, rediss:// (the server's name is checked), or sentinel://host:26379,host/name."""
    parts = urlsplit(url)
    if parts.scheme != "sentinel":
        found = RedisSettings.from_dsn(url)
        found.username = unquote(found.username) if found.username else None
        found.password = unquote(found.password) if found.password else None
        found.ssl_check_hostname = found.ssl
    else:
        hosts = [host.partition(":") for host in parts.netloc.rpartition("@")[2].split(",")]
        found = RedisSettings(
            host=[(name, int(port or 26379)) for name, _, port in hosts],
            sentinel=True,
            sentinel_master=parts.path.strip("/") or "mymaster",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )
    found.conn_retries = 0  # whoever waits for Redis is the loop below
    return found


async def wake(ctx: dict[str, Any], name: str) -> None:
    """Wake a round; the job may come twice, late, or never."""
    for round_ in ctx["rounds"].get(name, ()):
        round_.wake()


class Bell:
    """Wakes the rounds of all workers through Redis, while there is one."""

    def __init__(self, url: str, rounds: Mapping[str, Sequence[Round]]) -> None:
        self._settings = redis_settings(url)
        self._rounds = rounds
        self._worker: Worker | None = None
        self._ringing: set[asyncio.Task[None]] = set()
        self._news = ""

    def ring(self, name: str) -> None:
        """Wake that round everywhere, soon; nobody waits for it, nobody minds if it fails."""
        task = asyncio.create_task(self._ring(name))
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)

    async def _ring(self, name: str) -> None:
        redis = self._worker and self._worker._pool  # noqa: SLF001 -- `pool` hides that it may be None
        if not redis:
            return
        try:
            async with asyncio.timeout(1):
                rung = await redis.enqueue_job("wake", name, _job_id=f"wake:{name}")
        except ResponseError as error:  # it is there, and full
            self._note("redis_refuses", reason=type(error).__name__)
        except (RedisError, OSError, TimeoutError):  # it is away: whoever listens says so
            pass
        else:
            if rung is not None:  # what waits already was not written anew
                self._note("redis_back")

    async def listen(self) -> None:
        """Run arq for as long as Redis lasts, again and again: it comes back as often as Redis does."""
        while True:
            self._worker = Worker(
                functions=[func(wake, name="wake", keep_result=0, timeout=5)],
                queue_name=QUEUE,
                redis_settings=self._settings,
                ctx={"rounds": self._rounds},
                on_startup=self._is_back,
                handle_signals=False,
                keep_result=0,
                job_timeout=5,
                poll_delay=0.1,
                queue_read_limit=1000,
                expires_extra_ms=60_000,
                log_results=False,
                allow_abort_jobs=False,
                job_serializer=lambda job: json.dumps(job, default=repr).encode(),
                job_deserializer=json.loads,
            )
            try:
                await self._worker.async_run()
            except ResponseError as error:
                self._note("redis_refuses", reason=type(error).__name__)
            except (RedisError, OSError, TimeoutError) as error:
                self._note("redis_away", reason=type(error).__name__)
            except Exception:
                log.exception("redis_listener_broke")
            finally:
                await self._hang_up()
            await asyncio.sleep(REDIS_PAUSE)

    async def _is_back(self, ctx: dict[Any, Any]) -> None:
        """It answers, and takes something. Raises ResponseError where it is full."""
        await ctx["redis"].set("comptoir:asked", "", px=1000)
        self._note("redis_back")

    def _note(self, news: str, **facts: str) -> None:
        """Log what is new, and not at every attempt that it is still so."""
        if news != self._news:
            log.warning(news, **facts)
        self._news = news

    async def _hang_up(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(2):
                    await worker.close()


async def run(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT; the exit code."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    pool = await open_pool_when_ready(settings, stop)
    if pool is None:
        return 0
    try:
        crew = Crew(pool, settings)
        url = settings.redis_url
        bell = Bell(url.get_secret_value(), crew.rounds) if url else None
        traces.start("comptoir-worker")
        log.info("worker_started")
        await crew.work(stop, bell)
    except SettingWrong as error:
        log.error("setting_wrong", reason=str(error))  # noqa: TRY400 -- the sentence says it all
        return 1
    finally:
        pool.terminate()
        traces.stop()
    log.info("worker_stopped")
    return 0


async def check(settings: Settings) -> bool:
    """Whether a worker of this machine was seen alive in the last half minute."""
    pool = await open_pool(str(settings.database_url), size=1, name="comptoir worker check")
    try:
        return await heartbeat.is_alive(pool, socket.gethostname())
    finally:
        pool.terminate()


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m workers`; with --check, ask whether it is alive (exit 0) or not (1)."""
    parser = argparse.ArgumentParser(
        prog="python -m workers", description="What happens later: tells, expires, tidies up."
    )
    parser.add_argument("--check", action="store_true", help="exit 0 when a worker of this machine is alive, else 1")
    asked = parser.parse_args(arguments)
    settings = read()
    logs.set_up(settings.log_format, settings.log_level)
    if asked.check:
        try:
            return 0 if asyncio.run(check(settings)) else 1
        except (OSError, TimeoutError, asyncpg.PostgresError, Problem):
            return 1
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner:
        return runner.run(run(settings))
