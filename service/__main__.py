"""`python -m service`: the API, in one process, or in several on one port."""

import argparse
import asyncio
import contextlib
import gc
import importlib.util
import socket
import sys
from collections.abc import Coroutine
from typing import Any

import structlog
from aiohttp import web
from asyncpg import PostgresError

from service import logs, processes, settings, traces
from service.api import routes
from service.api.app import build_app, runner
from service.api.endpoints import CLOSING, Endpoint
from service.database import open_pool
from service.settings import Settings

BACKLOG = 4096  # connections that wait to be taken; where too few may, a rush is told nothing for seconds
DOORS = 64  # uvloop takes in one connection per listener and turn: a rush through one door waits for thousands of turns
GARBAGE_AFTER = 20_000  # objects more than were freed; requests leave next to none in circles
GOODBYE_SECONDS = 2  # for connections to PostgreSQL to end in order

log = structlog.get_logger()


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; 0 when everything under way was finished."""
    parser = argparse.ArgumentParser(prog="python -m service", description="Serve the API.")
    parser.add_argument(
        "--workers", type=_count, default=1, help="processes on the same port, each with a pool of its own (default: 1)"
    )
    asked = parser.parse_args(arguments)
    chosen = settings.read()
    logs.set_up(chosen.log_format, chosen.log_level)
    try:
        if asked.workers > 1:
            return _run(processes.keep(asked.workers, host=chosen.host, port=chosen.port, drain=chosen.drain_seconds))
        return _run(serve(chosen))
    except (OSError, PostgresError, RuntimeError, TimeoutError) as error:
        sys.stderr.write(f"The API can't start: {error or type(error).__name__}\n")
        return 1


def _count(text: str) -> int:
    number = int(text)
    if not 0 < number <= 64:  # noqa: PLR2004 -- more would be a slip
        raise argparse.ArgumentTypeError("from 1 to 64")
    return number


def _doors(host: str, port: int) -> list[socket.socket]:
    """One listening socket, several times over."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    first = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=processes.is_child())
    return [first, *(first.dup() for _ in range(DOORS - 1))]


def _run(work: Coroutine[Any, Any, int]) -> int:
    factory = None
    if importlib.util.find_spec("uvloop"):
        import uvloop  # noqa: PLC0415 -- there is none on Windows

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as loop:
        return loop.run(work)


async def serve(chosen: Settings, endpoints: tuple[Endpoint, ...] = routes.ENDPOINTS) -> int:
    """Serve from this process until SIGTERM or SIGINT.

    From then on /readyz says 503 and every answer closes its connection; after `drain_seconds`, when whoever sends
    requests has turned elsewhere, no more connections are taken, and what is under way is finished.
    """
    stopping = processes.stops_at_signals()
    processes.want_files()
    traces.start("comptoir-api")
    pool = await open_pool(str(chosen.database_url), size=chosen.pool_size, name="comptoir-api")
    app = build_app(chosen, pool, endpoints)
    server = runner(app)
    await server.setup()
    gc.freeze()  # what is there now stays: no need to look through it again and again
    gc.set_threshold(GARBAGE_AFTER)
    watch = asyncio.create_task(processes.stop_when_orphaned(stopping))
    try:
        for door in _doors(chosen.host, chosen.port):
            await web.SockSite(server, door, backlog=BACKLOG).start()
        log.info("api_started", host=chosen.host, port=server.addresses[0][1])
        await stopping.wait()
        app[CLOSING].set()
        log.info("api_stopping")
        await asyncio.sleep(chosen.drain_seconds)
    finally:
        watch.cancel()
        await server.cleanup()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pool.close(), GOODBYE_SECONDS)
        await asyncio.to_thread(traces.stop)
    log.info("api_stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
