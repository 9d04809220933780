"""The fifteen lines of the README do what they say, word for word."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.service.api.conftest import Api
from tests.shop import Shop

README = (Path(__file__).parents[3] / "README.md").read_text()
[LINES] = re.findall(r"```sh\nAPI=.*\n((?:.*\n)*?)```", README)
MOST_LINES = 15
DEFINE, *CALLS = LINES.split("\n\n")


async def bash(script: str, **variables: str) -> Any:
    """Run a script; what it says, read as JSON."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-euc", script, env=variables | {"PATH": "/usr/local/bin:/usr/bin:/bin"}, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, script
    return json.loads(said)


@pytest.mark.skipif(not shutil.which("curl"), reason="the README's lines need curl")
async def test_the_fifteen_lines_take_an_order_from_availability_to_cancel(api: Api, shop: Shop) -> None:
    await shop.store("367", latitude=45.7617, longitude=4.8357)
    await shop.stock("1082185", 46, "367")
    where = {"API": api.url, "KEY": await api.key("checkout")}

    [there] = (await bash(f"{DEFINE}\n{CALLS[0]}", **where))["items"]
    assert ("367", True, 46) == (there["store"], there["complete"], there["lines"][0]["available"])

    held = await bash(f"{DEFINE}\n{CALLS[1]}", **where)
    assert ("held", 2) == (held["state"], held["lines"][0]["quantity"])

    states = [(await bash(f"{DEFINE}\n{call}", ID=held["id"], **where))["state"] for call in CALLS[2:]]
    assert ["confirmed", "cancelled"] == states


def test_the_fifteen_lines_are_no_more() -> None:
    assert len([line for line in LINES.splitlines() if line]) <= MOST_LINES
