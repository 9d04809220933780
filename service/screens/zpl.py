"""Labels in ZPL II, the language of Zebra printers: 62 × 100 mm at 8 dots per millimetre."""

from collections.abc import Sequence
from typing import NamedTuple

DOTS = 8  # per millimetre: 203 dpi
WIDTH, HEIGHT = 62 * DOTS, 100 * DOTS
EDGE = 3 * DOTS
_QR = 9  # dots per module


class Text(NamedTuple):
    """One line of a label: what it says, how high it is, and where it begins, in dots from the top."""

    said: str
    height: int
    top: int


def label(lines: Sequence[Text], *, code: str, top: int) -> str:
    """Spell one label: its lines, centred, and the QR of a code below them. Copies are labels of their own."""
    fields = [
        f"^FO{EDGE},{line.top}^A0N,{line.height},{line.height}^FB{WIDTH - 2 * EDGE},1,0,C^FH^FD{_escaped(line.said)}^FS"
        for line in lines
    ]
    left = (WIDTH - 21 * _QR) // 2  # a code of six symbols is a QR of 21 modules
    return "\n".join(
        (
            "^XA^CI28",  # what follows is UTF-8
            f"^PW{WIDTH}^LL{HEIGHT}",
            *fields,
            f"^FO{left},{top}^BQN,2,{_QR}^FH^FDMA,{_escaped(code)}^FS",
            "^XZ\n",
        )
    )


def _escaped(text: str) -> str:
    """No text of a customer is a command of the printer: what could be one goes as its number."""
    plain = "".join(symbol if symbol.isprintable() else " " for symbol in text)
    return plain.replace("_", "_5F").replace("^", "_5E").replace("~", "_7E").replace("\\", "_5C")
