"""The command line, as people use it: what it prints, and how it ends."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from service import devices, keys
from service.callers import Scope
from service.database import Pool
from service.errors import Unauthorized
from service.manage import main
from tests.service.test_processes import ROOT, environment
from tests.shop import Shop

Manage = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def manage(pool: Pool, database_url: str) -> Manage:
    """Runs a command, and gives its exit, what it printed and what it complained of."""

    async def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service.manage", *arguments),
            cwd=ROOT,
            env=environment(database_url, 0) | variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, complained = await process.communicate()
        assert "Traceback" not in complained.decode()
        return process.returncode or 0, printed.decode(), complained.decode()

    return run


async def test_a_key_is_made_listed_and_revoked(manage: Manage, pool: Pool, shop: Shop) -> None:
    await shop.store("lyon")
    code, printed, _ = await manage("keys", "create", "web shop", "--scope", "checkout", "--store", "lyon")
    assert code == 0
    parts = keys.read(printed.strip())
    assert parts
    caller = await keys.Keyring(pool).authenticate(printed.strip())
    assert caller.scopes == frozenset({Scope.CHECKOUT})
    assert caller.stores == frozenset({"lyon"})
    code, printed, _ = await manage("keys", "list")
    assert (code, parts[0] in printed, parts[1] in printed) == (0, True, False)
    code, printed, _ = await manage("keys", "revoke", parts[0])
    assert (code, "is revoked" in printed) == (0, True)
    code, printed, _ = await manage("keys", "list")
    assert "revoked" in printed


async def test_a_device_is_paired_listed_and_revoked(manage: Manage, pool: Pool, shop: Shop) -> None:
    await shop.store("lyon")
    code, printed, _ = await manage("devices", "pair", "lyon", "Left tablet")
    assert code == 0
    async with pool.acquire() as db:
        claimed = await devices.claim(db, printed.split()[0])
    code, printed, _ = await manage("devices", "list", "--store", "lyon")
    assert (code, printed.split()[:2], "never used" in printed) == (0, [claimed.id, "lyon"], True)
    code, printed, _ = await manage("devices", "revoke", claimed.id)
    assert (code, "is revoked" in printed) == (0, True)
    with pytest.raises(Unauthorized):
        await keys.Keyring(pool).authenticate(claimed.token)


async def test_what_is_wrong_is_one_line(manage: Manage) -> None:
    for arguments, said in (
        (("keys", "create", "x", "--scope", "checkout", "--store", "atlantis"), "There is no store atlantis."),
        (("keys", "revoke", "nonesuch"), "There is no such key."),
        (("devices", "pair", "atlantis", "x"), "There is no store atlantis."),
        (("devices", "revoke", "nonesuch"), "There is no such device."),
        (("import", "/nowhere.csv"), "nowhere.csv"),
    ):
        code, _, complained = await manage(*arguments)
        assert (code, len(complained.strip().splitlines())) == (1, 1), complained
        assert said in complained


async def test_a_database_that_is_away_is_one_line(manage: Manage) -> None:
    code, _, complained = await manage("keys", "list", DATABASE_URL="postgresql://x:y@127.0.0.1:1/z")
    assert (code, len(complained.strip().splitlines())) == (1, 1), complained


async def test_a_clean_database_passes_the_check(manage: Manage, shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.hold("tea", 2)
    code, printed, _ = await manage("check")
    assert (code, printed) == (0, "Every unit is accounted for.\n")


async def test_a_unit_too_many_is_found_and_named(manage: Manage, shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.hold("tea", 2)
    await shop.pool.execute("update position set reserved = 3")
    code, printed, _ = await manage("check")
    await shop.pool.execute("update position set reserved = 2")
    assert code == 1
    assert "lyon tea" in printed
    assert "expected 2, found 3" in printed


async def test_the_doctor_says_what_to_do_and_its_exit_says_whether(manage: Manage) -> None:
    code, printed, _ = await manage("doctor")
    assert code == 1, "no worker lives"
    assert "FAIL  workers" in printed
    assert "Start `python -m workers`." in printed
    code, printed, _ = await manage("doctor", "--json")
    found = {one["about"]: one for one in map(json.loads, printed.splitlines())}
    assert (code, found["migrations"]["state"], found["workers"]["state"]) == (1, "ok", "fail")


async def test_the_doctor_finds_wrong_settings_too(manage: Manage) -> None:
    code, printed, _ = await manage("doctor", PORT="-1", POOL_SIZE="1")
    assert (code, printed.count("FAIL  settings")) == (1, 2)


async def test_migrating_twice_is_once(manage: Manage) -> None:
    code, _, _ = await manage("migrate")
    assert code == 0


async def test_the_document_is_printed_without_settings() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.manage", "openapi"),
        cwd=ROOT,
        env={"PATH": ""},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert json.loads(printed)["openapi"] == "3.1.0"


async def test_a_file_is_taken_in_and_its_wrong_lines_told(manage: Manage, shop: Shop, tmp_path: Path) -> None:
    await shop.store("lyon")
    await shop.item("tea")
    file = tmp_path / "stock.csv"
    file.write_text("store,sku,on_hand,as_of\nlyon,tea,7,2026-01-01T00:00:00Z\nlyon,nonesuch,1,2026-01-01T00:00:00Z\n")
    code, printed, _ = await manage("import", str(file))
    assert code == 1
    assert "line 3: " in printed
    assert "2 lines: 1 applied, 0 said nothing new, 1 failed." in printed
    assert (await shop.position("tea"))["on_hand"] == 7


@pytest.mark.parametrize(
    "arguments", [(), ("migrate",), ("check",), ("doctor",), ("keys",), ("keys", "create"), ("import",)]
)
def test_every_command_explains_itself(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: python -m service.manage")
