"""Columns for the eye: where they stand and how high they are, for an SVG that a table says again in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 440, 190
LEFT, BOTTOM, TOP = 50, 26, 12

_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: which series it is of, and where it stands."""

    series: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Plot:
    """Columns in groups, the lines behind them, and what is written below."""

    columns: list[Column]
    labels: list[tuple[float, str]]
    lines: list[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    bottom: int = BOTTOM


def columns(
    groups: Sequence[Sequence[float]],
    labels: Sequence[str],
    *,
    most: float | None = None,
    unit: str = "",
    every: int = 1,
    least: float = 0,
) -> Plot:
    """Draw groups of columns, one a series; `most`: the top of the scale, `every`: which labels are written.

    `least`: how high a column is at least, where nothing is something to be seen.
    """
    top, step = _scale(max((value for group in groups for value in group), default=0), most)
    room = (WIDTH - LEFT) / max(len(groups), 1)
    usable = HEIGHT - BOTTOM - TOP
    drawn, written = [], []
    for place, group in enumerate(groups):
        begins, width = LEFT + place * room + room * 0.12, room * 0.76 / max(len(group), 1)
        for series, value in enumerate(group):
            height = max(round(usable * min(value, top) / top, 1), least)
            drawn.append(
                Column(
                    series, round(begins + series * width, 1), HEIGHT - BOTTOM - height, round(width * 0.92, 1), height
                )
            )
        if place % every == 0:
            written.append((round(LEFT + (place + 0.5) * room, 1), labels[place]))
    count = round(top / step)
    lines = [(HEIGHT - BOTTOM - usable * n / count, f"{step * n:g}{unit}") for n in range(count + 1)]
    return Plot(drawn, written, lines)


def _scale(highest: float, most: float | None) -> tuple[float, float]:
    """The top of the scale and the distance of its lines: three to five round numbers."""
    if most is not None:
        return most, most / 4
    size = 1
    while True:
        for one in _STEPS:
            step = one * size
            if highest <= step * 4:
                return step * max(1, -(-int(highest) // step)) if highest > step else step, step
        size *= 10
