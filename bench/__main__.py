"""`python -m bench`: measures side by side in one run, prints what is compared with what, and proves the ledger."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from asyncpg import PostgresError

from bench import availability, chart, expiry, holds, messages, past, results, streams
from bench.load import wrk_program
from bench.results import NotAsItShouldBe, Row
from bench.shop import serving
from bench.sizes import FULL, QUICK, Sizes
from demo.servers import Postgres
from service import logs

HERE = Path(__file__).parent

Scene = Callable[[Postgres, Sizes], Awaitable[list[Row]]]

SCENES: dict[str, Scene] = {
    "holds": holds.measure,
    "expiry": expiry.measure,
    "streams": streams.measure,
    "availability": availability.measure,
    "past": past.measure,
    "messages": messages.measure,
}
"""What can be measured, each in a shop of its own."""


async def measure(names: Sequence[str], sizes: Sizes) -> list[Row]:
    """Measure one scene after the other on one server. Raises NotAsItShouldBe for an answer that is wrong."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="comptoir-bench-", ignore_cleanup_errors=True) as folder:
        async with serving(Path(folder)) as server:
            for name in names:
                print(f"measuring {name} …", file=sys.stderr, flush=True)
                rows += await SCENES[name](server, sizes)
    return rows


def read(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure side by side, in one run.")
    parser.add_argument(
        "--only", nargs="+", choices=SCENES, default=list(SCENES), metavar="NAME", help=", ".join(SCENES)
    )
    parser.add_argument("--quick", action="store_true", help="small and once, in a minute: not for the record")
    parser.add_argument("--seconds", type=int, help=f"of one run (default: {FULL.seconds}, quick: {QUICK.seconds})")
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="write results.json, .md and .svg here (the whole, in full: to bench/)"
    )
    asked = parser.parse_args(arguments)
    if asked.to is None and asked.only == list(SCENES) and not asked.quick:
        asked.to = HERE
    return asked


def main(arguments: list[str] | None = None) -> int:
    """Measure, tell, and keep it; 1 when anything was not as it should be, 0 also where a target is missed."""
    asked = read(arguments)
    wrk_program()
    logs.set_up("json", "warning")
    sizes = (QUICK if asked.quick else FULL).lasting(asked.seconds)
    try:
        rows = asyncio.run(measure(asked.only, sizes))
    except (NotAsItShouldBe, PostgresError, RuntimeError, OSError) as error:
        print(f"Not as it should be: {str(error) or repr(error)}", file=sys.stderr)
        return 1
    print(results.table(rows))
    print("Every answer was what it should be, and the check of every promise is clean.")
    if asked.to is not None:
        asked.to.mkdir(parents=True, exist_ok=True)
        results.keep(rows, asked.to)
        (asked.to / "results.svg").write_text(chart.draw(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
