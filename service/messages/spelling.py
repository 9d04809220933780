"""Dates, times and amounts as people of a language write them."""

import re
from datetime import datetime
from typing import Literal

from service.models.fields import MINOR_DIGITS

Language = Literal["fr", "en"]

DAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
MONTHS = {
    "fr": [
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ],
    "en": [
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ],
}
SYMBOLS = {"fr": {"EUR": "€", "GBP": "£"}, "en": {"EUR": "€", "GBP": "£", "USD": "$"}}

FIXED = "\u00a0"  # a space at which no line breaks
NARROW = "\u202f"

_BEFORE = re.compile(r" (?=[:;!?»€£%])")
_AFTER = re.compile(r"(?<=«) ")


def language(locale: str, default: Language) -> Language:
    """The language we write to someone of this locale (BCP 47)."""
    spoken = locale.split("-", maxsplit=1)[0].lower()
    return "fr" if spoken == "fr" else "en" if spoken == "en" else default


def moment(at: datetime, language: Language) -> str:
    """Spell a moment of the store's time: mardi 25 novembre à 19 h 30; Tuesday 25 November at 7:30 pm."""
    day, month = DAYS[language][at.weekday()], MONTHS[language][at.month - 1]
    if language == "fr":
        number = "1er" if at.day == 1 else str(at.day)
        minutes = f"{FIXED}{at.minute:02}" if at.minute else ""
        return f"{day} {number}{FIXED}{month} à {at.hour}{FIXED}h{minutes}"
    clock = f"{at.hour % 12 or 12}:{at.minute:02}{FIXED}{'am' if at.hour < 12 else 'pm'}"  # noqa: PLR2004 -- noon
    return f"{day} {at.day}{FIXED}{month} at {clock}"


def brief_moment(at: datetime, language: Language) -> str:
    """Spell a moment for a text message: 25/11 19h30; 25 Nov 19:30."""
    if language == "fr":
        return f"{at.day:02}/{at.month:02} {at.hour}h{at.minute:02}"
    return f"{at.day} {MONTHS['en'][at.month - 1][:3]} {at.hour:02}:{at.minute:02}"


def money(amount: int, currency: str, language: Language) -> str:
    """Spell an amount of minor units: 1 234,50 € (its spaces don't break); €1,234.50."""
    digits = MINOR_DIGITS.get(currency, 2)
    whole, part = divmod(amount, 10**digits)
    symbol = SYMBOLS[language].get(currency)
    if language == "fr":
        number = f"{whole:,}".replace(",", NARROW) + (f",{part:0{digits}}" if digits else "")
        return f"{number}{FIXED}{symbol or currency}"
    number = f"{whole:,}" + (f".{part:0{digits}}" if digits else "")
    return f"{symbol}{number}" if symbol else f"{currency}{FIXED}{number}"


def typeset(text: str, language: Language) -> str:
    """French sets a space before : ; ! ? » and €, and no line breaks there; English has none."""
    return _AFTER.sub(FIXED, _BEFORE.sub(FIXED, text)) if language == "fr" else text
