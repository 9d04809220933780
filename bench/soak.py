"""Minutes of mixed life on one shop: memory, latency, tables and what waits, over time. `python -m bench.soak`.

Fails when something grows, or when an answer is not what it should be; the check of every promise comes last.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from asyncpg import PostgresError

from bench import soak_chart
from bench.growth import MEBIBYTE, Series, resident, verdict
from bench.life import FORGETFUL, SHOPS, Life
from bench.results import NotAsItShouldBe
from bench.shop import Shop, opened, serving
from demo.client import Service
from service import health, logs, queries

SQL = queries.load("bench")
HERE = Path(__file__).parent

EVERY = 5.0  # seconds between two samples
CONNECTIONS = 64
TABLES = ["position", "reservation", "slot", "stream", "idempotency", "notification"]

MAY_GROW: dict[str, tuple[str, float, float]] = {
    "memory": ("MiB", 1.1, 1),
    "p50": ("ms", 1.5, 10),
    "p99": ("ms", 1.5, 25),
    "bytes": ("B/row", 1.25, 0),
    "dead": ("rows", 1.5, 2000),
    "late": ("s", 1.5, 2),
}
"""By the first word of a series' name: its unit, and the factor and the rest by which the last third may be more."""

SMALL = MEBIBYTE  # a table of fewer bytes counts as so many: a page more or less says nothing of its rows


class Samples:
    """The series, in the order in which they were first seen."""

    def __init__(self) -> None:
        self.values: defaultdict[str, list[float]] = defaultdict(list)

    def note(self, name: str, value: float) -> None:
        """One value more."""
        self.values[name].append(round(value, 2))

    def series(self) -> list[Series]:
        """All of them, with how much each may grow."""
        return [
            Series(name, unit, values, factor, slack)
            for name, values in self.values.items()
            for unit, factor, slack in [MAY_GROW[name.split()[0]]]
        ]


async def spend(seconds: float, rate: float, every: float = EVERY) -> list[Series]:
    """Let them live in a shop of their own for so long, and measure. Raises NotAsItShouldBe."""
    with tempfile.TemporaryDirectory(prefix="comptoir-soak-", ignore_cleanup_errors=True) as folder:
        async with serving(Path(folder)) as server, opened(server, "soak") as shop:
            await shop.stock_up()
            return await _watched(shop, seconds, rate, every)


async def _watched(shop: Shop, seconds: float, rate: float, every: float) -> list[Series]:
    samples = Samples()
    async with (
        shop.api() as api,
        shop.worker() as worker,
        Service(api.url, shop.key, connections=CONNECTIONS) as service,
    ):
        life = Life(service, random.Random(5))
        await life.open()
        async with life.listening(SHOPS[0]), life.listening(FORGETFUL):
            living = asyncio.create_task(life.live(seconds, rate))
            while not (await asyncio.wait([living], timeout=every))[0]:
                for name, program in {"memory of the API": api, "memory of the worker": worker}.items():
                    if program.pid is None:
                        raise NotAsItShouldBe(f"{name}: it ended.")
                    samples.note(name, resident(program.pid))
                await _look(shop, life, samples)
            living.result()
    async with shop.patient() as db:
        expired = await SQL["expired"].value(db)
    if not expired or not life.heard:
        raise NotAsItShouldBe(f"{expired} holds expired, {life.heard} events were heard.")
    print(f"{life.answers:,} answers, {life.heard:,} events heard, {expired:,} holds expired", file=sys.stderr)
    return samples.series()


async def _look(shop: Shop, life: Life, samples: Samples) -> None:
    """Note how long answers took since the last look, what waits and how large the tables are; let holds end."""
    took, life.took = life.took, defaultdict(list)
    for kind, times in took.items():
        samples.note(f"p50 {kind}", statistics.median(times))
        samples.note(f"p99 {kind}", max(times) if len(times) < 2 else statistics.quantiles(times, n=100)[-1])  # noqa: PLR2004 -- two make quantiles
    async with shop.pool.acquire() as db:
        undone = await health.oldest_undone(db, days=shop.settings().forget_after_days)
        for what, seconds in undone.model_dump().items():
            samples.note(f"late {what}", seconds)
        for row in await SQL["tables"].rows(db, names=TABLES):
            rows = max(row["live"], 1)
            samples.note(f"bytes {row['name']}", max(row["bytes"], SMALL) / rows)
            samples.note(f"dead {row['name']}", row["dead"])
        await SQL["overdue"].run(db, store=FORGETFUL)


def main(arguments: list[str] | None = None) -> int:
    """Soak, tell, and keep it; 1 when something grows or was not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--rate", type=float, default=120.0, help="requests per second (default: 120)")
    parser.add_argument("--to", type=Path, default=HERE, metavar="DIR", help="where soak.json and soak.svg go")
    asked = parser.parse_args(arguments)
    logs.set_up("json", "warning")
    try:
        series = asyncio.run(spend(60 * asked.minutes, asked.rate))
    except (NotAsItShouldBe, PostgresError, RuntimeError, OSError, ExceptionGroup) as error:
        first = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        print(f"Not as it should be: {str(first) or repr(first)}", file=sys.stderr)
        return 1
    print(verdict(series))
    told = [asdict(one) | {"thirds": one.thirds, "grows": one.grows} for one in series]
    (asked.to / "soak.json").write_text(json.dumps(told, indent=1) + "\n")
    (asked.to / "soak.svg").write_text(soak_chart.draw(series, asked.minutes))
    return 1 if any(one.grows for one in series) else 0


if __name__ == "__main__":
    sys.exit(main())
