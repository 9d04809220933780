"""Several processes of the API on one port: a parent starts them, starts again those that die, and stops them all."""

import asyncio
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from contextlib import suppress

import structlog

from service import metrics

PARENT = "COMPTOIR_PARENT"
"""Tells a child who its parent is."""

MOST_FILES = 65_536
STOP_SECONDS = 20  # for a child to finish once it takes no more requests; then it is killed
BREATH_SECONDS = 1  # before one that died at once is started again

log = structlog.get_logger()


def is_child() -> bool:
    """Whether this process shares its port with brothers and sisters."""
    return PARENT in os.environ


def want_files() -> int:
    """Ask for as many open files as the system grants, 65,536 at most, and say how many: each connection is one."""
    granted, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    if granted == resource.RLIM_INFINITY or granted >= wanted:
        return granted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return wanted


def stops_at_signals() -> asyncio.Event:
    """What SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def stop_when_orphaned(stopping: asyncio.Event) -> None:
    """Set `stopping` once the parent is gone, however it went: nobody would stop this process any more."""
    parent = int(os.environ.get(PARENT, "0"))
    while parent and os.getppid() == parent:  # noqa: ASYNC110 -- nothing else tells
        await asyncio.sleep(1)
    if parent:
        stopping.set()


async def keep(count: int, *, host: str, port: int, drain: float = 0) -> int:
    """Keep `count` processes serving until told to stop; 0 when all of them went in order. Raises OSError.

    `drain`: seconds for which they go on taking requests then.
    The port is bound here first, so that port 0 is the same free port for all, and a port in use is known at once.
    """
    stopping = stops_at_signals()
    with _bound(host, port) as place, tempfile.TemporaryDirectory(prefix="comptoir-metrics-") as folder:
        environment = {
            **os.environ,
            "PORT": str(place.getsockname()[1]),
            PARENT: str(os.getpid()),
            metrics.SHARED_FOLDER: folder,
        }
        log.info("api_started", host=host, port=place.getsockname()[1], workers=count)
        codes = await asyncio.gather(*(_keep_one(environment, stopping, STOP_SECONDS + drain) for _ in range(count)))
    log.info("api_stopped", workers=count)
    return max(codes)


def _bound(host: str, port: int) -> socket.socket:
    """Reserve the port for sockets that share it; this one never listens, so no connection goes astray."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.socket(family, socket.SOCK_STREAM)
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        place.bind((host, port))
    except OSError:
        place.close()
        raise
    return place


async def _keep_one(environment: dict[str, str], stopping: asyncio.Event, patience: float) -> int:
    told = asyncio.create_task(stopping.wait())
    while True:
        started = time.monotonic()
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", "service", env=environment)
        ended = asyncio.create_task(child.wait())
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        if told.done():
            return await _stop(child, ended, patience)
        metrics.forget(child.pid, environment[metrics.SHARED_FOLDER])
        log.error("process_died", outcome=child.returncode)
        if time.monotonic() - started < BREATH_SECONDS:
            await asyncio.wait({told}, timeout=BREATH_SECONDS)
        if told.done():
            return 0


async def _stop(child: asyncio.subprocess.Process, ended: asyncio.Task[int], patience: float) -> int:
    with suppress(ProcessLookupError):
        child.terminate()
    if not (await asyncio.wait({ended}, timeout=patience))[0]:
        child.kill()
    code = await ended
    return 0 if code == -signal.SIGTERM else abs(code)  # told before it had begun
