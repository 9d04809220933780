"""The alphabet of text messages (GSM 03.38): what a message costs, and how names are spelled within it."""

import re
import unicodedata

SEGMENT = 160  # septets

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")  # each costs two
SPELLED = str.maketrans({
    "\u2019": "'", "\u2018": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...",
    "•": "-", "×": "x", "œ": "oe", "Œ": "OE", "\u00a0": " ", "\u202f": " ", "\t": " ", "ð": "d", "ł": "l", "Ł": "L",
})  # fmt: skip


_QUOTED = re.compile(r"«\s*|\s*»")


def septets(text: str) -> int | None:
    """What a message costs; None when it leaves the alphabet and would be sent in 16 bits a symbol."""
    if not set(text) <= BASIC | EXTENDED:
        return None
    return len(text) + sum(symbol in EXTENDED for symbol in text)


def segments(text: str) -> int:
    """How many text messages this is: 160 septets in one, 153 each in several; 70 and 67 outside the alphabet."""
    cost, one, each = septets(text), SEGMENT, 153
    if cost is None:
        cost, one, each = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if cost <= one else -(-cost // each)


def spelled(text: str) -> str:
    """The same within the alphabet: ê as e, œ as oe. What has no such spelling (another script) stays as it is."""
    return "".join(map(_symbol, _QUOTED.sub('"', text).translate(SPELLED)))


def _symbol(symbol: str) -> str:
    if symbol in BASIC or symbol in EXTENDED:
        return symbol
    bare = unicodedata.normalize("NFKD", symbol)
    bare = "".join(part for part in bare if not unicodedata.combining(part))
    return bare if bare and set(bare) <= BASIC | EXTENDED else symbol
