"""Kinds of values that are checked once, here: skus, phones, e-mail addresses, currencies, languages, GTINs."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic import StringConstraints as Text
from pydantic_core import ErrorDetails

MOST_UNITS = 1_000_000  # of one sku in one line
MOST_LINES = 500

CURRENCIES = frozenset(
    {
        "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF", "BMD",
        "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC",
        "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL",
        "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR",
        "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP",
        "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK",
        "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR",
        "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE",
        "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD",
        "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XOF", "XPF",
        "YER", "ZAR", "ZMW", "ZWG",
    }
)  # fmt: skip
"""ISO 4217, the currencies people pay with."""

MINOR_DIGITS = {"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0}
MINOR_DIGITS |= {"UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0}
MINOR_DIGITS |= {"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3}
"""Digits after the point, where they aren't two."""


_SAID = {
    "missing": "this is needed",
    "extra_forbidden": "there is nothing of that name here",
    "too_short": "give at least {min_length}",
    "too_long": "give at most {max_length}",
    "moment": "give a moment with its offset (RFC 3339), like 2026-11-23T18:30:00Z",
}
"""What pydantic says of its own types, said of what was sent."""


class Asked(BaseModel):
    """Something a caller sends: no unknown fields, no blanks around texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Told(BaseModel):
    """Something we answer: it has these fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_FRENCH_PHONE = re.compile(r"\+33[1-9][0-9]{8}")


def _phone(value: str) -> str:
    if _FRENCH_PHONE.fullmatch(value):
        return value  # what most customers have; the library takes its time, which every other country deserves
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        raise ValueError("give the number in international form (E.164), like +33612345678") from None
    if not phonenumbers.is_possible_number(number):  # by length: new ranges open faster than tables of them
        raise ValueError("no telephone number of that country has this length")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_PLAIN_EMAIL = re.compile(
    r"(?=.{3,64}$)[a-z0-9]+([._-][a-z0-9]+)*@([a-z0-9]+(-[a-z0-9]+)*\.)+(com|fr|net|org|eu|be|ch|lu|de|es|it|example)"
)


def _email(value: str) -> str:
    if _PLAIN_EMAIL.fullmatch(value):
        return value  # what most people have; the library takes its time, which every other kind deserves
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise ValueError("give an ISO 4217 code in capitals, like EUR")
    return value


def _minor(value: Any) -> Any:
    if isinstance(value, (bool, str)) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError("give a whole number of the smallest unit: 1250 for 12.50 EUR")
    return value


def check_digit_agrees(digits: str) -> bool:
    """Whether the last digit of a GS1 number is the one that the others ask for (weights 3 and 1 from the right)."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return total % 10 == 0


def _gs1(value: str) -> str:
    if not check_digit_agrees(value):
        raise ValueError("the check digit does not agree")
    return value


def whole(value: Any) -> Any:
    """A number that was written as one: no text, no yes or no."""
    if isinstance(value, (bool, str)):
        raise ValueError("give a whole number")  # noqa: TRY004 -- pydantic wants a ValueError
    return value


def said(fault: ErrorDetails) -> str:
    """What is wrong with a field, in words that need no knowledge of what reads it."""
    kind = "moment" if fault["type"].startswith(("datetime_", "timezone_")) else fault["type"]
    if kind in _SAID:
        return _SAID[kind].format_map(fault.get("ctx", {}))
    return fault["msg"].removeprefix("Value error, ")


def _written(value: Any) -> Any:
    if not isinstance(value, (str, datetime)) or (isinstance(value, str) and value[4:5] != "-"):
        raise ValueError(_SAID["moment"])  # seconds since 1970, or thousandths of them? nobody should have to guess
    return value


def _spellable(value: datetime) -> datetime:
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise ValueError("by the clock of Greenwich it lies outside the years 1 to 9999") from None
    return value


def spell(moment: datetime) -> str:
    """Spell a moment as the API does: RFC 3339, UTC, microseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


StoreId = Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Sku = Annotated[str, Text(min_length=1, max_length=64, pattern=r"^[!-~]+( [!-~]+)*$")]
OrderRef = Annotated[str, Text(min_length=1, max_length=64)]
Name = Annotated[str, Text(min_length=1, max_length=200)]
Note = Annotated[str, Text(max_length=1000)]
Channel = Annotated[str, Text(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Phone = Annotated[str, Text(max_length=40), AfterValidator(_phone), Field(examples=["+33639981234"])]
Email = Annotated[str, Text(max_length=254), AfterValidator(_email), Field(examples=["camille@atelier.example"])]
Locale = Annotated[
    str, Text(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", max_length=35), Field(examples=["fr-FR"])
]
Currency = Annotated[str, Text(pattern=r"^[A-Z]{3}$"), AfterValidator(_currency), Field(examples=["EUR"])]
Gtin = Annotated[str, Text(pattern=r"^(\d{8}|\d{12,14})$"), AfterValidator(_gs1), Field(examples=["3017620422003"])]
Gln = Annotated[str, Text(pattern=r"^\d{13}$"), AfterValidator(_gs1)]
Quantity = Annotated[int, BeforeValidator(whole), Field(ge=1, le=MOST_UNITS)]
Units = Annotated[int, BeforeValidator(whole), Field(ge=0, le=MOST_UNITS)]
Money = Annotated[int, BeforeValidator(_minor), Field(ge=0, le=1_000_000_000_00, description="minor units")]
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_written),
    AfterValidator(_spellable),
    PlainSerializer(spell, when_used="json"),
    Field(examples=["2026-11-23T18:30:00Z"]),
]
