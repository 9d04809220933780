"""Words that make an advertisement of a message about an order, which needs no consent as long as it is none."""

import re
import unicodedata
from functools import cache
from pathlib import Path

_LIST = Path(__file__).with_suffix(".txt")
_NO_WORDS = re.compile(
    r"<!--.*?-->|<style.*?</style>|<mj-style.*?</mj-style>|<[^>]*>|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}",
    re.DOTALL | re.IGNORECASE,
)
_SAME = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2019": "'", "\u2212": "-", "\u2013": "-"})


@cache
def _expressions() -> re.Pattern[str]:
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    every = "|".join(line for line in lines if line and not line.startswith("#"))
    return re.compile(rf"(?<!\w)({every})(?!\w)", re.IGNORECASE)


def found(template: str) -> str | None:
    """The first words of a template that advertise, as they stand there; not what is filled in, nor markup."""
    said = _NO_WORDS.sub(lambda markup: " " * len(markup.group()), template)
    match = _expressions().search("".join(map(_bare, said.translate(_SAME))))
    return said[match.start() : match.end()] if match else None


def _bare(symbol: str) -> str:
    """A letter without its accent: one for one, so that places stay."""
    return unicodedata.normalize("NFD", symbol)[0]
