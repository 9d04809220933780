"""Load from outside: wrk for HTTP, pgbench for what PostgreSQL does alone."""

import asyncio
import json
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.results import NotAsItShouldBe, median
from bench.shop import Shop

SCRIPTS = Path(__file__).parent / "scripts"
CONNECTIONS = 64
MISSING = (
    "wrk is missing: `apt-get install wrk` on Debian and Ubuntu, `dnf install wrk` on Fedora, `brew install wrk` "
    "on macOS; elsewhere see https://github.com/wg/wrk."
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Answers per second, and milliseconds in which half and 99 % of them came."""

    rate: float
    p50: float = 0.0
    p99: float = 0.0


def wrk_program() -> str:
    """Where wrk is. Ends the program with how to get it where it is missing."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit(MISSING)
    return program


async def wrk(url: str, script: str, *arguments: str, seconds: int, expect: str) -> Measured:
    """Load the address from 64 connections; every answer is to be `expect`: "201", "409 out_of_stock".

    Raises NotAsItShouldBe with what came instead.
    """
    command = (wrk_program(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", script, url)
    said = await _run(*command, "--", *arguments, cwd=SCRIPTS)
    told = json.loads(said.strip().splitlines()[-1])
    if set(told["answers"]) != {expect} or told["lost"]:
        raise NotAsItShouldBe(f"{script} {arguments[1:]}: all was to be {expect}, and this came:\n{said}")
    return Measured(told["answers"][expect] / told["seconds"], told["p50"], told["p99"])


async def holds(url: str, shop: Shop, baskets: str = "spread", *, seconds: int, expect: str = "201") -> Measured:
    """Hold baskets of three lines, each an order of its own."""
    return await wrk(url, "hold.lua", shop.key, baskets, seconds=seconds, expect=expect)


async def requests(url: str, shop: Shop, lines: Sequence[str], *, seconds: int) -> Measured:
    """Send requests drawn at random from some, each `method, tab, path, tab, body`; every answer is to be 200."""
    file = shop.folder / "requests"
    file.write_text("".join(f"{line}\n" for line in lines))
    return await wrk(url, "requests.lua", shop.key, str(file), seconds=seconds, expect="200")


async def pgbench(shop: Shop, *files: Path, seconds: int, clients: int = CONNECTIONS) -> Measured:
    """Run scripts, drawn at random, from so many clients in C: how many per second. Raises NotAsItShouldBe."""
    said = await _run(
        str(shop.server.programs / "pgbench"),
        *("-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds)),
        *(part for file in files for part in ("-f", str(file))),
        shop.url,
    )
    rate = re.search(r"tps = ([\d.]+)", said)
    if rate is None or "number of failed transactions: 0" not in said or "aborted" in said:
        raise NotAsItShouldBe(said)
    return Measured(float(rate[1]))


async def side_by_side(
    runs: int, measures: Mapping[str, Callable[[], Awaitable[Measured]]]
) -> dict[str, list[Measured]]:
    """Measure one after the other, and all of them again and again: a slow minute of the machine is everybody's."""
    done: dict[str, list[Measured]] = {name: [] for name in measures}
    for _ in range(runs):
        for name, measure in measures.items():
            done[name].append(await measure())
    return done


def rate(measured: Sequence[Measured]) -> float:
    """The rate in the middle."""
    return median([one.rate for one in measured])


async def _run(*command: str, cwd: Path | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=cwd
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise NotAsItShouldBe(f"{Path(command[0]).name} failed:\n{said.decode(errors='replace')[-2000:]}")
    return said.decode(errors="replace")
