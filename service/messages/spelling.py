"""Dates, times and amounts as people of a language write them; each language's ways stand in its folder."""

import json
import re
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from service.models.fields import MINOR_DIGITS

FOLDER = Path(__file__).parent

Language = Literal["fr", "en"]
"""What pages are written in. Messages may speak more: see `letters.language`."""

FIXED = "\u00a0"  # a space at which no line breaks

_MARKUP = r"(<style.*?</style>|<!--.*?-->|<[^>]*>)"


class Ways(BaseModel):
    """How a language spells; a template names day, date, month, clock, hour, minute, `at` (clocks: hour12, half)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: tuple[str, ...]  # Monday first
    months: tuple[str, ...]
    first: str | None = None  # of a month
    halves: tuple[str, str] = ("am", "pm")
    clock: str
    clock_on_the_hour: str | None = None
    moment: str
    brief_moment: str  # for text messages
    thousands: str
    decimal: str
    amount: str  # names number and symbol
    amount_by_code: str  # the same where the symbol is a code of ISO 4217
    symbols: dict[str, str]
    fixed_before: str = ""  # marks before which a space is one that doesn't break
    fixed_after: str = ""


@cache
def ways(language: str, folder: Path = FOLDER) -> Ways:
    """Read how a language spells, from its folder."""
    return Ways.model_validate(json.loads((folder / language / "spelling.json").read_text(encoding="utf-8")))


def alphabetical(name: str) -> tuple[str, str]:
    """Where a name stands among others, whatever the database's order is: É by E, capitals by their small letters."""
    letters = unicodedata.normalize("NFKD", name.casefold().replace("œ", "oe").replace("æ", "ae"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)), name


def language(locale: str, default: Language) -> Language:
    """The language of a page for someone of this locale (BCP 47)."""
    spoken = locale.split("-", maxsplit=1)[0].lower()
    return "fr" if spoken == "fr" else "en" if spoken == "en" else default


def moment(at: datetime, language: str, folder: Path = FOLDER) -> str:
    """Spell a moment of the store's time: mardi 25 novembre à 19 h 30; Tuesday 25 November at 7:30 pm."""
    return _spelled(ways(language, folder).moment, at, language, folder)


def brief_moment(at: datetime, language: str, folder: Path = FOLDER) -> str:
    """Spell a moment for a text message: 25/11 19h30; 25 Nov 19:30."""
    return _spelled(ways(language, folder).brief_moment, at, language, folder)


def clock(at: datetime, language: str, folder: Path = FOLDER) -> str:
    """Spell the time of day: 19 h 30; 7:30 pm."""
    way = ways(language, folder)
    template = way.clock if at.minute else way.clock_on_the_hour or way.clock
    return template.format(hour=at.hour, hour12=at.hour % 12 or 12, half=way.halves[at.hour // 12], minute=at.minute)


def deadline(at: datetime) -> datetime:
    """Until when, of the store's time, as people keep it: who reads "until Friday at 0:00" comes on Friday.

    What ends at midnight is told to end a minute before it.
    """
    return at if at.hour or at.minute else at - timedelta(minutes=1)


def _spelled(template: str, at: datetime, language: str, folder: Path) -> str:
    way = ways(language, folder)
    parts: dict[str, Any] = {
        "day": way.days[at.weekday()],
        "date": way.first if way.first and at.day == 1 else at.day,
        "month": way.months[at.month - 1],
        "hour": at.hour,
        "minute": at.minute,
        "clock": clock(at, language, folder),
    }
    return template.format(at=at, **parts)


def money(amount: int, currency: str, language: str, folder: Path = FOLDER) -> str:
    """Spell an amount of minor units: 1 234,50 € (its spaces don't break); €1,234.50."""
    way = ways(language, folder)
    digits = MINOR_DIGITS.get(currency, 2)
    whole, part = divmod(amount, 10**digits)
    number = f"{whole:,}".replace(",", way.thousands) + (f"{way.decimal}{part:0{digits}}" if digits else "")
    symbol = way.symbols.get(currency)
    return (way.amount if symbol else way.amount_by_code).format(number=number, symbol=symbol or currency)


def typeset(text: str, language: str, folder: Path = FOLDER) -> str:
    """Let no line break where the language wants none: French sets a space before : ; ! ? » and €; English does not."""
    return _breaks(language, folder).sub(FIXED, text)


def typeset_page(html: str, language: str, folder: Path = FOLDER) -> str:
    """The same for the words of a page: markup and styles, where French marks mean something else, stay as they are."""
    return _breaks(language, folder, page=True).sub(lambda found: found[1] or FIXED, html)


@cache
def _breaks(language: str, folder: Path, *, page: bool = False) -> re.Pattern[str]:
    """The spaces at which no line may break; in a page also the markup, as a group, that is passed over."""
    way = ways(language, folder)
    before = f" (?=[{re.escape(way.fixed_before)}])" if way.fixed_before else ""
    after = f"(?<=[{re.escape(way.fixed_after)}]) " if way.fixed_after else ""
    spaces = "|".join(filter(None, (before, after))) or "(?!)"
    return re.compile(f"{_MARKUP}|{spaces}" if page else spaces, re.DOTALL)
