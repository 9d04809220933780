"""Backups that were really restored: a dump and a base backup with its log, and the orders since sent again."""

import asyncio
import contextlib
import os
import pwd
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from demo.processes import run
from demo.servers import Postgres
from service import checks
from service.database import open_pool
from tests.conftest import FAST
from tests.service.api.conftest import Api, serve
from tests.shop import Shop, settings_for
from tests.workers.conftest import until

PATH = "/v1/stores/lyon/reservations"
SLOT = "comptoir_log"


def order(number: int) -> dict[str, Any]:
    """What a checkout sends, and sends again after a restore."""
    return {
        "order_ref": f"backup-{number}",
        "customer": {"name": "Camille", "email": f"c{number}@atelier.example"},
        "lines": [{"sku": "tea", "quantity": 1}],
    }


async def send(api: Api, numbers: range, key: str) -> list[int]:
    """Send these orders, each with its own Idempotency-Key; the answers."""
    return [(await api.post(PATH, order(number), once=f"backup-{number}", key=key)).status for number in numbers]


@contextlib.asynccontextmanager
async def api_of(url: str) -> AsyncIterator[Api]:
    """The API over a database that was restored."""
    pool = await open_pool(url, size=4, name="tests-restored")
    try:
        async with serve(settings_for(url), pool) as api:
            yield api
    finally:
        await pool.close()


async def differences(url: str) -> list[dict[str, Any]]:
    """What `check` finds there."""
    db = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await checks.differences(db)]
    finally:
        await db.close()


async def has_recovered(url: str) -> bool:
    """Whether all of the log was read; until then the server can be looked at and not written to."""
    db = await asyncpg.connect(url)
    try:
        return not await db.fetchval("select pg_is_in_recovery()")
    finally:
        await db.close()


def given_to_the_server(path: Path) -> Path:
    """The same folder, its server's own."""
    if os.geteuid() == 0:
        owner = pwd.getpwnam("nobody")
        for one in (path, *path.rglob("*")):
            os.chown(one, owner.pw_uid, owner.pw_gid)
    return path


@pytest.fixture
async def elsewhere(postgres: Postgres) -> AsyncIterator[str]:
    """An empty database to restore into."""
    admin = await asyncpg.connect(postgres.database_url("postgres"))
    await admin.execute("create database restored")
    yield postgres.database_url("restored")
    await admin.execute("drop database restored with (force)")
    await admin.close()


async def test_a_dump_is_restored_and_the_orders_since_are_sent_again(
    shop: Shop, database_url: str, postgres: Postgres, elsewhere: str, tmp_path: Path
) -> None:
    await shop.stock("tea", 12)
    async with serve(settings_for(database_url), shop.pool) as api:
        key = await api.key()
        assert await send(api, range(5), key) == [201] * 5
        await run(postgres.programs / "pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}", database_url)
        assert await send(api, range(5, 10), key) == [201] * 5, "accepted, and in no backup"
    restore = ("--exit-on-error", "--no-owner", f"--dbname={elsewhere}", tmp_path / "dump")
    await run(postgres.programs / "pg_restore", *restore)
    assert await differences(elsewhere) == []
    async with api_of(elsewhere) as api:
        assert (await api.get("/readyz", key="")).json["ready"] is True
        assert await send(api, range(10), key) == [201] * 10, "what stood is answered as it was, the others are held"
        assert len((await api.get(f"{PATH}?state=held")).json["items"]) == 10, "each order once"
        counted = {"on_hand": 8, "as_of": datetime.now(UTC).isoformat()}
        told = await api.put("/v1/stores/lyon/stock/tea", counted)
        assert told.json["shortfall"] == 2, "reality wins: what was promised twice is named"
    assert await differences(elsewhere) == []


@contextlib.asynccontextmanager
async def log_received(postgres: Postgres, shop: Shop, log: Path) -> AsyncIterator[None]:
    """While this lasts, all that the server writes is received elsewhere; at the end all of it is there."""
    receiver = (postgres.programs / "pg_receivewal", f"--dbname={postgres.database_url('postgres')}", f"--slot={SLOT}")
    await run(*receiver, "--create-slot")
    receiving = await asyncio.create_subprocess_exec(*receiver, f"--directory={log}", "--no-loop")
    try:
        yield
        segment = await shop.pool.fetchval("select pg_walfile_name(pg_switch_wal())")
        await until((log / segment).exists)
    finally:
        receiving.terminate()
        await receiving.wait()
        await run(*receiver, "--drop-slot")


async def test_a_base_backup_and_its_log_bring_back_every_accepted_order(
    shop: Shop, database_url: str, postgres: Postgres, scratch: Path
) -> None:
    folder, log = scratch / "restored", scratch / "restored" / "log-archive"
    log.mkdir(parents=True)
    given_to_the_server(folder)
    await shop.stock("tea", 30)
    async with log_received(postgres, shop, log), serve(settings_for(database_url), shop.pool) as api:
        key = await api.key()
        await send(api, range(5), key)
        backup = ("--checkpoint=fast", "--no-sync", f"--pgdata={folder / 'data'}")
        await run(postgres.programs / "pg_basebackup", f"--dbname={postgres.database_url('postgres')}", *backup)
        assert await send(api, range(5, 20), key) == [201] * 15, "accepted after the backup"
    (folder / "data" / "recovery.signal").touch()
    shutil.copy(postgres.folder / "password", folder / "password")
    given_to_the_server(folder)
    restored = Postgres(folder, options={**FAST, "restore_command": f"cp {log}/%f %p"})
    await restored.start()
    try:
        url = restored.database_url("comptoir")
        await until(lambda: has_recovered(url))
        assert await differences(url) == []
        async with api_of(url) as api:
            assert len((await api.get(f"{PATH}?state=held&limit=50")).json["items"]) == 20
            assert await send(api, range(20), key) == [201] * 20, "each answered again as it was"
    finally:
        await restored.stop()
        shutil.rmtree(folder)
