"""What was measured: rows that compare, the run in the middle, the table, and the files for whoever reads later."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class NotAsItShouldBe(RuntimeError):  # noqa: N818 -- it says what is so, like every refusal here
    """An answer was not what it should be: a measurement of that says nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured, and what it is compared with; without a target it is told as it is."""

    name: str
    value: float
    unit: str
    compared_with: str
    ratio: float | None = None
    target: float | None = None
    at_most: bool = False  # the target is not to be reached, instead of to be reached

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None where there is none."""
        if self.ratio is None or self.target is None:
            return None
        return self.ratio < self.target if self.at_most else self.ratio >= self.target

    @property
    def wanted(self) -> str:
        """The target, in a word."""
        return "" if self.target is None else f"{'<' if self.at_most else '≥'} {self.target:g}"

    @property
    def verdict(self) -> str:
        """Whether the target was met, in a word."""
        return {True: "met", False: "MISSED", None: ""}[self.met]

    def as_json(self) -> dict[str, Any]:
        """The row as `results.json` has it."""
        row = asdict(self) | {"met": self.met}
        del row["at_most"]
        return row


def compare(
    name: str, value: float, unit: str, beside: str, other: float, *, target: float | None = None, most: bool = False
) -> Row:
    """Compare a value with another one of the same run; the ratio is to reach the target (`most`: to stay below it)."""
    return Row(name, _short(value), unit, f"{beside}: {_short(other):,g}", round(value / other, 3), target, most)


def tell(name: str, value: float, unit: str, circumstances: str) -> Row:
    """Tell a value as it is, and in which circumstances."""
    return Row(name, _short(value), unit, circumstances)


def _short(value: float) -> float:
    return round(value) if abs(value) >= 100 else round(value, 1)  # noqa: PLR2004 -- enough digits to compare


def median(values: Sequence[float]) -> float:
    """The value in the middle."""
    return statistics.median(values)


def table(rows: Sequence[Row]) -> str:
    """The rows for the terminal."""
    cells = [("", "value", "", "ratio", "compared with", "target", "")]
    cells += [
        (row.name, f"{row.value:,g}", row.unit, _ratio(row), row.compared_with, row.wanted, row.verdict) for row in rows
    ]
    widths = [max(len(cell[column]) for cell in cells) for column in range(len(cells[0]))]
    numbers = {1, 3}
    lines = [
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(each, widths, strict=True))
        ).rstrip()
        for each in cells
    ]
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}"


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table for the docs."""
    lines = ["| | value | compared with | ratio | target | |", "|---|--:|---|--:|--:|---|"]
    lines += [
        f"| {' | '.join((row.name, f'{row.value:,g} {row.unit}', row.compared_with, _ratio(row), row.wanted))}"
        f" | {row.verdict} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def keep(rows: Sequence[Row], folder: Path) -> None:
    """Write `results.json` and `results.md`."""
    (folder / "results.json").write_text(
        json.dumps([row.as_json() for row in rows], indent=2, ensure_ascii=False) + "\n"
    )
    (folder / "results.md").write_text(markdown(rows))
