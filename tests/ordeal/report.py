"""The table of an ordeal: for the terminal, and for the docs."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from tests.ordeal.cases import CASES, Case
from tests.ordeal.guards import GUARDS, Guard


class Verdict(NamedTuple):
    """What came of a case."""

    case: Case
    outcome: str  # pass, FAIL, open (nobody tries it yet), n/a (it does not apply)
    seen: str
    tests: int = 0
    seconds: float = 0.0
    seed: int = 0


class Taken(NamedTuple):
    """A guard that was taken out, and who noticed: nobody, where it is empty."""

    guard: Guard
    noticed: str


def judge(case: Case, told: list[dict[str, Any]], missing: list[str]) -> Verdict:
    """Judge a case by what its tests told. A test that does not exist, or did not run, has not passed."""
    if not case.tests:
        return Verdict(case, "n/a" if case.reason else "open", case.reason or "nobody tries it yet")
    mine = [one for one in told if any(_is(one["test"], name) for name in case.tests)]
    silent = [name for name in case.tests if not any(_is(one["test"], name) for one in mine)]
    failed = [f"{one['test'].rpartition('::')[2]}: {one['failure']}" for one in mine if not one["passed"]]
    failed += [
        f"{name.rpartition('::')[2]} {'does not exist' if name in missing else 'did not run'}" for name in silent
    ]
    seconds = sum(one["seconds"] for one in mine)
    if failed:
        return Verdict(case, "FAIL", "; ".join(failed), len(mine), seconds)
    seen = list(dict.fromkeys(what for one in mine for what in one["seen"]))
    rest = len(mine) - sum(1 for one in mine if one["seen"])
    if rest:
        seen.append(f"as promised, in {rest} test{'s' if rest > 1 else ''}")
    return Verdict(case, "pass", "; ".join(seen), len(mine), seconds)


def broken(told: list[dict[str, Any]]) -> set[str]:
    """The tests that ran and found something wrong; not those whose world could not even be set up."""
    return {one["test"] for one in told if one["when"] == "call" and not one["passed"]}


def noticed(case: Case, without: list[dict[str, Any]], with_it: list[dict[str, Any]]) -> list[str]:
    """The tests of a case that fail without a guard and pass with it, each by its name."""
    fine = {one["test"] for one in with_it} - {one["test"] for one in with_it if not one["passed"]}
    mine = [test for test in broken(without) & fine if any(_is(test, name) for name in case.tests)]
    return sorted({test.partition("[")[0].rpartition("::")[2] for test in mine})


def _is(test: str, name: str) -> bool:
    """Whether a test that ran is the one named, or one of the many that the name stands for."""
    return test == name or test.startswith(f"{name}[")


def show(verdicts: list[Verdict], seed: int, console: Console) -> None:
    """Print the table."""
    table = Table("case", "what was done", "what was seen", "verdict", "seed", show_lines=True)
    colours = {"pass": "green", "FAIL": "bold red", "open": "yellow", "n/a": "dim"}
    for one in verdicts:
        verdict = f"[{colours[one.outcome]}]{one.outcome}[/]"
        table.add_row(str(one.case.number), one.case.done, _short(one.seen, 600), verdict, str(seed))
    console.print(table)
    counts = {outcome: sum(one.outcome == outcome for one in verdicts) for outcome in colours}
    tests, minutes = sum(one.tests for one in verdicts), sum(one.seconds for one in verdicts) / 60
    told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
    console.print(f"{told}; {tests} tests, {minutes:.1f} minutes; seed {seed}")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def page(earlier: str, verdicts: Iterable[Verdict], taken: Iterable[Taken]) -> str:
    """The page: what was found now, and of the other cases and guards what it said `earlier`."""
    rows = {line.split(" ")[1]: line for line in earlier.splitlines() if line.startswith("| ")}
    rows |= {
        str(
            one.case.number
        ): f"| {one.case.number} | {one.case.done} | {_cell(one.seen)} | {one.outcome} | {one.seed} |"
        for one in verdicts
    }
    rows |= {
        f"`{one.guard.name}`": f"| `{one.guard.name}` | {one.guard.keeps} | {_cell(one.noticed or 'NOBODY')} |"
        for one in taken
    }
    cases = [rows[str(case.number)] for case in CASES if str(case.number) in rows]
    notes = [f"- {case.number}: {case.reason}." for case in CASES if case.reason and case.tests]
    guards = [rows[f"`{guard.name}`"] for guard in GUARDS if f"`{guard.name}`" in rows]
    return _PAGE.format(
        day=time.strftime("%Y-%m-%d"), cases="\n".join(cases), notes="\n".join(notes), guards="\n".join(guards)
    )


_PAGE = """\
# What was tried

Written by `make ordeal`, on a real PostgreSQL, Valkey and SMTP server and with real processes; see
[decision 18](decisions/0018-an-ordeal-of-its-own.md). `make ordeal ARGS="--seed N"` repeats it;
`--only 25,26` runs some cases, `--without GUARD` takes a guard out and says who noticed.

Last written on {day}, with what was seen when each was tried last.

| case | what was done | what was seen | verdict | seed |
|---|---|---|---|---|
{cases}

What of a case does not apply here:

{notes}

## Guards that were taken out

A test that can't fail proves nothing: each guard was taken out of a copy of the tree.

| guard | what it keeps | who noticed its absence |
|---|---|---|
{guards}
"""


def _cell(text: str) -> str:
    return _short(" ".join(text.split()).replace("|", "\\|"), 900)
