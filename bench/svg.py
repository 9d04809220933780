"""Just enough SVG for a chart: rectangles, lines and words on a card."""

from collections.abc import Iterable, Sequence
from html import escape

INK, QUIET, RULE, CARD = "#1f2933", "#616e7c", "#d8dee6", "#ffffff"
GOOD, BAD, PLAIN = "#2f855a", "#c05621", "#2b6cb0"
COLOURS = (PLAIN, BAD, GOOD, "#6b46c1", "#b7791f", "#0f766e", "#97266d")


def rectangle(x: float, y: float, width: float, height: float, colour: str, *, corner: float = 2) -> str:
    """Draw a filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{corner:g}" fill="{colour}"/>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = RULE, *, dashed: bool = False) -> str:
    """Draw a straight line."""
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashes}/>'


def curve(points: Sequence[tuple[float, float]], colour: str) -> str:
    """Draw a line through points."""
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{through}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"/>'


def words(
    x: float, y: float, said: str, *, colour: str = INK, size: int = 12, anchor: str = "start", bold: bool = False
) -> str:
    """Write words; `anchor` says which end of them is at x: start, middle or end."""
    weight = ' font-weight="600"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}{weight}>{escape(said)}</text>"


def card(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """Put it all together, on a card that is read on any background."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
            f"<title>{escape(title)}</title>",
            rectangle(0, 0, width, height, CARD, corner=8),
            *parts,
            "</svg>\n",
        ]
    )
