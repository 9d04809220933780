"""`python -m tests.ordeal`: every case there is, seeded, and one table of what was done and what was seen."""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.ordeal import report
from tests.ordeal.cases import CASES, Case
from tests.ordeal.guards import GUARDS, Guard
from tests.ordeal.listening import VARIABLE

ROOT = Path(__file__).parent.parent.parent
REPORT = ROOT / ".cache" / "ordeal" / "report.md"
PAGE = ROOT / "docs" / "ordeal.md"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".cache", "__pycache__", ".*_cache", ".hypothesis", "node_modules")


def main() -> int:
    """Run what is asked for: 0 when every case passed, and every guard that was taken out was missed."""
    asked = _parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160)
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000)
    only = {int(number) for number in asked.only.split(",")} if asked.only else None
    cases = [case for case in CASES if only is None or case.number in only]
    console.print(f"seed {seed}")
    page = PAGE if asked.docs else REPORT
    if asked.without:
        taken = []
        for guard in GUARDS:
            if asked.without in {guard.name, "all"}:
                taken.append(_without(guard, seed, console))
                _write(page, report.page(PAGE.read_text(), [], taken))
        return 0 if taken and all(one.noticed for one in taken) else 1
    told, missing = _run(ROOT, cases, seed, Path(tempfile.mkdtemp()) / "log", aloud=True)
    verdicts = [report.judge(case, told, missing)._replace(seed=seed) for case in cases]
    report.show(verdicts, seed, console)
    _write(page, report.page(PAGE.read_text(), verdicts, []))
    console.print(str(page.relative_to(ROOT)))
    return 1 if any(one.outcome in {"FAIL", "open"} for one in verdicts) else 0


def _write(page: Path, text: str) -> None:
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.ordeal", description="Try everything that can go wrong.")
    parser.add_argument(
        "--seed", type=int, help="repeat the ordeal of this seed (default: a new one, which is printed)"
    )
    parser.add_argument("--only", metavar="1,2,…", help="some cases only")
    names = ", ".join(guard.name for guard in GUARDS)
    parser.add_argument("--without", metavar="GUARD", help=f"take a guard out and see who notices: all, or {names}")
    parser.add_argument("--docs", action="store_true", help="write docs/ordeal.md")
    return parser


def _run(
    tree: Path, cases: Iterable[Case], seed: int, log: Path, *, aloud: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Run the tests of some cases in a tree; what each told, and which of them do not exist."""
    named = list(dict.fromkeys(test for case in cases for test in case.tests))
    missing = [test for test in named if not _exists(tree, test)]
    return _tell(tree, [test for test in named if test not in missing], seed, log, aloud=aloud), missing


def _tell(tree: Path, tests: Iterable[str], seed: int, log: Path, *, aloud: bool = False) -> list[dict[str, Any]]:
    """Run these tests in a tree; what each told."""
    command = [sys.executable, "-m", "pytest", "-m", "ordeal or not ordeal", "-p", "tests.ordeal.listening"]
    command += ["--hypothesis-seed", str(seed), "-p", "no:cacheprovider"]
    subprocess.run(
        [*command, *tests],
        cwd=tree,
        env={**os.environ, "ORDEAL_SEED": str(seed), VARIABLE: str(log), "PYTHONPATH": str(tree)},
        stdout=None if aloud else subprocess.DEVNULL,
        stderr=None if aloud else subprocess.DEVNULL,
        check=False,
    )
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line) for line in lines]


def _exists(tree: Path, test: str) -> bool:
    """Whether there is a test of that name, for pytest runs none at all where one is missing."""
    file, _, name = test.partition("::")
    path = tree / file
    return path.exists() and f"def {name.partition('[')[0]}(" in path.read_text()


def _without(guard: Guard, seed: int, console: Console) -> report.Taken:
    """Run a guard's cases in a copy of the tree that lacks it; who noticed."""
    cases = [case for case in CASES if case.number in guard.cases]
    with tempfile.TemporaryDirectory(prefix="comptoir-without-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        for change in guard.changes:
            _take_out(tree, *change)
        told, _ = _run(tree, cases, seed, Path(folder) / "log", aloud=False)
        failed = report.broken(told)
        with_it = _tell(ROOT, sorted(failed), seed, Path(folder) / "with it") if failed else []
    noticed = "; ".join(
        f"case {case.number} ({', '.join(names)})" for case in cases if (names := report.noticed(case, told, with_it))
    )
    colour = "green" if noticed else "bold red"
    console.print(f"without [bold]{guard.name}[/] ({guard.keeps}): [{colour}]{noticed or 'NOBODY noticed'}[/]")
    return report.Taken(guard, noticed)


def _take_out(tree: Path, files: str, guard: str, instead: str) -> None:
    found = [file for file in tree.glob(files) if guard in file.read_text()]
    if not found:
        raise SystemExit(f"{files} has changed: {guard!r} is not in it.")
    for file in found:
        file.write_text(file.read_text().replace(guard, instead))


if __name__ == "__main__":
    sys.exit(main())
