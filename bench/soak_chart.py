"""Draws series over time as small multiples: each on its own scale from 0, with its first and its last third."""

from collections.abc import Sequence

from bench import svg
from bench.growth import Series

COLUMNS, WIDTH, HEIGHT, MARGIN, TOP = 4, 240, 110, 20, 56
PLOT = 52  # pixels of a curve's height


def draw(series: Sequence[Series], minutes: float) -> str:
    """The chart as SVG."""
    rows = -(-len(series) // COLUMNS)
    parts = [svg.words(MARGIN, 34, f"{minutes:g} minutes of mixed life", size=16, bold=True)]
    for number, one in enumerate(series):
        row, column = divmod(number, COLUMNS)
        parts += _one(one, MARGIN + column * WIDTH, TOP + row * HEIGHT)
    return svg.card(2 * MARGIN + COLUMNS * WIDTH, TOP + rows * HEIGHT + MARGIN, "What grows, and what does not", parts)


def _one(one: Series, left: float, top: float) -> list[str]:
    first, last = one.thirds
    most, width = max(*one.values, 1e-9), WIDTH - 24
    bottom, steps = top + 22 + PLOT, max(len(one.values) - 1, 1)
    points = [(left + width * n / steps, bottom - PLOT * value / most) for n, value in enumerate(one.values)]
    colour = svg.BAD if one.grows else svg.PLAIN
    said = f"{first:,.1f} → {last:,.1f} {one.unit}, at most {most:,.1f}"
    return [
        svg.words(left, top + 12, one.name, bold=True),
        svg.line(left, bottom, left + width, bottom),
        svg.curve(points, colour),
        svg.words(left, bottom + 14, said, size=10, colour=svg.QUIET),
    ]
