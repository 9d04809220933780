"""What `python -m demo` promises: it says where everything is, it goes on, and it leaves nothing behind."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from demo.client import Service
from demo.servers import Valkey
from service import checks
from tests.demo.conftest import Started


async def stopped(demo: Started) -> bool:
    """Whether nothing of it runs any more."""
    for _ in range(100):
        if not demo.left():
            return True
        await asyncio.sleep(0.05)
    return False


async def status(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def test_the_ready_file_tells_where_everything_is(open_shop: Started) -> None:
    told = await open_shop.told()
    assert sorted(told) == ["api_key", "database_url", "pids", "redis_url", "url"]
    assert sorted(told["pids"]) == ["api", "postgres", "redis", "worker"]
    assert all(isinstance(pid, int) for pid in told["pids"].values())
    assert open_shop.ready_file.stat().st_mode & 0o077 == 0, "the key is for its owner"


async def test_its_key_opens_everything(open_shop: Started) -> None:
    told = await open_shop.told()
    async with Service(told["url"], told["api_key"]) as service:
        for path in ("/v1/stores", "/v1/stores/367/stock", "/v1/keys", "/v1/events", "/v1/stores/367/reservations"):
            answer = await service.get(path)
            assert answer.accepted, answer.refusal


async def test_its_shop_adds_up(open_shop: Started) -> None:
    db = await asyncpg.connect((await open_shop.told())["database_url"])
    assert await checks.differences(db) == []
    assert await db.fetchval("select sum(on_hand) from position") == 15_089
    await db.close()


@pytest.mark.parametrize("part", ["api", "worker", "redis", "postgres"])
async def test_what_dies_is_started_again_and_told(open_shop: Started, part: str) -> None:
    before = await open_shop.told()
    os.kill(before["pids"][part], signal.SIGKILL)
    after = await open_shop.told(other_than=before)
    assert after["pids"][part] != before["pids"][part]
    assert {name: value for name, value in after.items() if name != "pids"} == {
        name: value for name, value in before.items() if name != "pids"
    }
    assert await status(f"{after['url']}/readyz") == 200


async def test_customers_wait_at_the_door_while_the_api_starts_again(open_shop: Started) -> None:
    told = await open_shop.told()
    os.kill(told["pids"]["api"], signal.SIGKILL)
    async with aiohttp.ClientSession() as session:
        await asyncio.sleep(0.05)
        async with session.get(f"{told['url']}/livez") as answer:
            assert answer.status == 200
    await open_shop.told(other_than=told)


async def test_another_demo_takes_the_next_free_port(open_shop: Started, demo: Started) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        await demo.start("--port", str(port))
        assert f"Port {port} is taken" in await demo.ended()
        assert demo.process.returncode == 1


async def test_a_kill_leaves_no_process(demo: Started) -> None:
    await demo.start()
    await demo.told()
    demo.process.kill()
    assert await stopped(demo)


@pytest.mark.parametrize("after", [0.4, 1.0, 1.8, 2.6])
async def test_sigterm_during_the_start_leaves_no_process(demo: Started, after: float) -> None:
    await demo.start()
    await asyncio.sleep(after)
    demo.process.send_signal(signal.SIGTERM)
    await demo.ended()
    assert demo.left() == []


async def test_a_start_that_fails_early_leaves_no_process(demo: Started) -> None:
    await demo.start(DATABASE_URL="postgresql://nobody:nothing@127.0.0.1:1/none")
    said = await demo.ended()
    assert "does not start" in said
    assert "Traceback" not in said
    assert demo.process.returncode == 1
    assert demo.left() == []


async def test_a_start_that_fails_late_leaves_no_process(demo: Started, tmp_path: Path) -> None:
    wrong = tmp_path / "stock.csv"
    wrong.write_text("store_id,product_id,on_hand\n367,819765,plenty\n")
    await demo.start("--opening-stock", wrong)
    said = await demo.ended()
    assert "is no opening stock" in said
    assert "Traceback" not in said
    assert demo.process.returncode == 1
    assert demo.left() == []


async def test_sigterm_leaves_nothing_but_the_folder_which_is_opened_again_with_the_same_key(demo: Started) -> None:
    await demo.start()
    first = await demo.told()
    assert len(demo.left()) > 6, demo.left()
    demo.process.terminate()
    await demo.ended()
    assert demo.process.returncode == 0
    assert demo.left() == []
    assert not demo.ready_file.exists()
    await demo.start()
    second = await demo.told()
    assert first["api_key"] == second["api_key"]
    async with Service(second["url"], second["api_key"]) as service:
        assert (await service.get("/v1/stores/367")).accepted


async def test_servers_of_ones_own_are_used_and_left_running(
    demo: Started, postgres_of_ours: str, valkey: Valkey
) -> None:
    await demo.start(DATABASE_URL=postgres_of_ours, REDIS_URL=valkey.url)
    told = await demo.told()
    assert told["pids"]["postgres"] is None
    assert told["pids"]["redis"] is None
    demo.process.terminate()
    await demo.ended()
    db = await asyncpg.connect(postgres_of_ours)
    assert await db.fetchval("select count(*) from store") == 5
    await db.close()
