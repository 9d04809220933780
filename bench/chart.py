"""Draws the rows that have a target: how far each got, on one scale on which every target is 1."""

from collections.abc import Sequence

from bench import svg
from bench.results import Row

WIDTH, MARGIN, LABELS, STEP, BAR = 960, 24, 250, 46, 16
MOST = 2.5  # times the target; beyond it the bar is cut
SCALE = 190  # pixels for one target


def draw(rows: Sequence[Row]) -> str:
    """The chart as SVG."""
    judged = [row for row in rows if row.met is not None]
    height = 78 + STEP * len(judged)
    target = MARGIN + LABELS + SCALE
    parts = [
        svg.words(MARGIN, 34, "What was measured, on a scale of its target", size=16, bold=True),
        svg.words(target, 56, "target", size=11, colour=svg.QUIET, anchor="middle"),
        svg.line(target, 62, target, height - 12, svg.QUIET, dashed=True),
    ]
    for place, row in enumerate(judged):
        parts += _bar(row, 68 + STEP * place)
    return svg.card(WIDTH, height, "Measured beside targets", parts)


def reach(row: Row) -> float:
    """How much of its target a row reached; where less is better, how many times it would fit into it."""
    assert row.ratio is not None and row.target is not None  # noqa: S101, PT018 -- rows with a target have both
    return row.target / max(row.ratio, 1e-9) if row.at_most else row.ratio / row.target


def _bar(row: Row, top: float) -> list[str]:
    length = SCALE * min(reach(row), MOST)
    left = MARGIN + LABELS
    colour = svg.GOOD if row.met else svg.BAD
    said = f"{row.value:,g} {row.unit}, ratio {row.ratio:.2f} ({row.wanted})"
    return [
        svg.words(MARGIN, top + BAR - 3, row.name, bold=True),
        svg.words(MARGIN, top + BAR + 12, f"÷ {row.compared_with}", size=10, colour=svg.QUIET),
        svg.rectangle(left, top, length, BAR, colour),
        svg.words(left + length + 8, top + BAR - 3, said, colour=svg.INK),
    ]
