"""The program as it is run: one process or several, started again when they die, stopped in order."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from demo.servers import free_port
from service import keys
from service.database import Pool
from service.metrics import SHARED_FOLDER
from service.processes import PARENT

ROOT = Path(__file__).parent.parent.parent


def environment(database_url: str, port: int) -> dict[str, str]:
    """What the program reads."""
    inherited = {name: value for name, value in os.environ.items() if name not in {SHARED_FOLDER, PARENT}}
    return {
        **inherited,
        "DATABASE_URL": database_url,
        "PUBLIC_URL": "http://shop.example",
        "TOKEN_KEYS": '["' + "k" * 40 + '"]',
        "DATA_KEYS": '["' + "d" * 40 + '"]',
        "PORT": str(port),
        "LOG_FORMAT": "json",
        "DRAIN_SECONDS": "0",
    }


@asynccontextmanager
async def running(database_url: str, port: int, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program, until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", *arguments),
        cwd=ROOT,
        env=environment(database_url, port),
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def alive(session: aiohttp.ClientSession, port: int) -> bool:
    """Whether somebody is ready, now or within half a minute."""
    last = time.monotonic() + 30
    while time.monotonic() < last:
        with suppress(aiohttp.ClientError):
            async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                if answer.status == 200:
                    return True
        await asyncio.sleep(0.05)
    return False


def children(parent: int) -> list[int]:
    """The processes that a process started."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def runs(pid: int) -> bool:
    """Whether a process is more than a name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(condition: Callable[[], bool]) -> None:
    """Wait ten seconds at most for something to be so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 -- nothing tells when
            await asyncio.sleep(0.05)


def connector() -> aiohttp.TCPConnector:
    """A connection per request, so that each may land in another process."""
    return aiohttp.TCPConnector(force_close=True)


async def test_the_program_serves_and_ends_in_order(pool: Pool, database_url: str) -> None:
    port = free_port()
    async with running(database_url, port) as process, aiohttp.ClientSession(connector=connector()) as session:
        assert await alive(session, port)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_request_under_way_is_finished_before_the_end(pool: Pool, database_url: str) -> None:
    port = free_port()
    async with running(database_url, port) as process, aiohttp.ClientSession(connector=connector()) as session:
        assert await alive(session, port)
        async with pool.acquire() as db, db.transaction():
            await db.execute("lock table key")  # the request below waits for it
            asked = asyncio.create_task(
                session.get(
                    f"http://127.0.0.1:{port}/v1/keys",
                    headers={"Authorization": "Bearer " + keys.spell("A" * 12, "B" * 43)},
                )
            )
            while not await pool.fetchval("select exists (select from pg_locks where not granted)"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            assert not asked.done()
        answer = await asked
        assert answer.status in {401, 503}  # judged, or told that it took too long: not cut off
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_process_that_dies_is_started_again_while_the_others_serve(pool: Pool, database_url: str) -> None:
    port = free_port()
    async with (
        running(database_url, port, "--workers", "2") as process,
        aiohttp.ClientSession(connector=connector()) as session,
    ):
        assert await alive(session, port)
        first = set(children(process.pid))
        victim = min(first)
        os.kill(victim, signal.SIGKILL)
        await until(lambda: len(set(children(process.pid)) - {victim}) == 2)
        now = set(children(process.pid))
        assert await alive(session, port)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 15) == 0
        assert not any(runs(pid) for pid in now)


async def test_children_go_when_their_parent_is_killed(pool: Pool, database_url: str) -> None:
    port = free_port()
    async with (
        running(database_url, port, "--workers", "2") as process,
        aiohttp.ClientSession(connector=connector()) as session,
    ):
        assert await alive(session, port)
        orphans = children(process.pid)
        process.kill()
        await until(lambda: not any(runs(pid) for pid in orphans))


async def test_several_processes_count_together(pool: Pool, database_url: str) -> None:
    port = free_port()
    async with (
        running(database_url, port, "--workers", "2"),
        aiohttp.ClientSession(connector=connector()) as session,
    ):
        assert await alive(session, port)
        for _ in range(20):
            async with session.get(f"http://127.0.0.1:{port}/livez") as answer:
                assert answer.status == 200
        async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            text = await answer.text()
        assert 'comptoir_requests_total{method="GET",route="/livez",status="200"} 20.0' in text


async def test_a_wrong_setting_is_one_line_and_an_exit(database_url: str) -> None:
    values = environment(database_url, free_port()) | {"TOKEN_KEYS": '["short"]'}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", cwd=ROOT, env=values, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert "TOKEN_KEYS" in said.decode()
    assert "Traceback" not in said.decode()


async def test_a_port_in_use_is_one_line_and_an_exit(database_url: str) -> None:
    port = free_port()
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    async with server:
        for arguments in ((), ("--workers", "2")):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service", *arguments),
                cwd=ROOT,
                env=environment(database_url, port),
                stderr=asyncio.subprocess.PIPE,
            )
            _, said = await process.communicate()
            assert process.returncode == 1
            assert "can't start" in said.decode()
            assert "Traceback" not in said.decode()


async def test_as_many_files_are_open_as_the_system_grants() -> None:
    ask = f"{sys.executable} -c 'from service import processes; print(processes.want_files())'"
    process = await asyncio.create_subprocess_shell(
        f"ulimit -Sn 200 && ulimit -Hn 900 && {ask}", stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    said, _ = await process.communicate()
    assert int(said) == 900
