"""Amounts and moments, as people write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from service.messages import spelling


@pytest.mark.parametrize(
    ("amount", "currency", "french", "english"),
    [
        (3990, "EUR", "39,90\u00a0€", "€39.90"),
        (123456789, "EUR", "1\u202f234\u202f567,89\u00a0€", "€1,234,567.89"),
        (5, "GBP", "0,05\u00a0£", "£0.05"),
        (1200, "JPY", "1\u202f200\u00a0JPY", "JPY\u00a01,200"),
        (1500, "KWD", "1,500\u00a0KWD", "KWD\u00a01.500"),
        (1990, "CHF", "19,90\u00a0CHF", "CHF\u00a019.90"),
    ],
)
def test_amounts_are_written_as_people_write_them(amount: int, currency: str, french: str, english: str) -> None:
    assert spelling.money(amount, currency, "fr") == french
    assert spelling.money(amount, currency, "en") == english


def test_moments_are_written_as_people_write_them() -> None:
    paris = ZoneInfo("Europe/Paris")
    summer = datetime(2026, 8, 1, 7, 0, tzinfo=UTC).astimezone(paris)
    assert spelling.moment(summer, "fr") == "samedi 1er\u00a0août à 9\u00a0h"
    assert spelling.moment(summer, "en") == "Saturday 1\u00a0August at 9:00\u00a0am"
    midnight = datetime(2026, 1, 2, 23, 5, tzinfo=UTC).astimezone(paris)
    assert spelling.moment(midnight, "fr") == "samedi 3\u00a0janvier à 0\u00a0h\u00a005"
    assert spelling.moment(midnight, "en") == "Saturday 3\u00a0January at 12:05\u00a0am"
    assert spelling.brief_moment(midnight, "fr") == "03/01 0h05"
    assert spelling.brief_moment(midnight, "en") == "3 Jan 00:05"


def test_names_stand_where_people_look_for_them() -> None:
    names = ["Zoé", "élodie", "Ezra", "Eliott", "Œuvre", "Odile", "Île-Rousse", "Ibos"]
    told = ["Eliott", "élodie", "Ezra", "Ibos", "Île-Rousse", "Odile", "Œuvre", "Zoé"]
    assert sorted(names, key=spelling.alphabetical) == told
