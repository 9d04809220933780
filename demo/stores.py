"""The five shops of Atelier Lumière, a retailer that doesn't exist, in place of the data set's five busiest stores."""

from datetime import date, timedelta
from typing import Any

RETAILER = "Atelier Lumière"

_WEEK = ("mo", "tu", "we", "th", "fr", "sa")
_SUNDAY = 7


def _open(opens: str, closes: str, *days: str) -> dict[str, Any]:
    return {"days": days or _WEEK, "opens": opens, "closes": closes}


def _advent(year: int, opens: str) -> list[dict[str, str]]:
    """The Sundays before Christmas, on which shops in France open for once, and its shorter eves."""
    first = date(year, 12, 1)
    sundays = [day for day in (first + timedelta(n) for n in range(24)) if day.isoweekday() == _SUNDAY]
    eves = [date(year, 12, 24), date(year, 12, 31)]
    return [
        *({"date": f"{day}", "opens": opens, "closes": "18:00"} for day in sundays),
        *({"date": f"{day}", "opens": "09:00", "closes": "17:00"} for day in eves if day not in sundays),
    ]


def _store(name: str, street: str, town: str, place: tuple[float, float], phone: str, **more: Any) -> dict[str, Any]:
    postcode, city = town.split(" ", 1)
    return {
        "name": f"{RETAILER} {name}",
        "time_zone": "Europe/Paris",
        "address": {"line1": street, "postcode": postcode, "city": city, "country": "FR"},
        "latitude": place[0],
        "longitude": place[1],
        "phone": phone,  # from the ranges that France keeps for fiction
        "public_holidays": "FR",
        "opening_hours": [_open("09:30", "19:30")],
        **more,
    }


def stores_of(year: int) -> dict[str, dict[str, Any]]:
    """All five, by their id, as PUT /v1/stores/{store} takes them; the exceptional days are those of the year."""
    return {
        "343": _store(
            "Nantes", "14 rue Crébillon", "44000 Nantes", (47.2138, -1.5622), "+33261910343",
            opening_hours=[_open("10:00", "19:00")],
            exceptional_days=_advent(year, "14:00"),
            preparation_minutes=60,
            instructions={
                "fr": "Au fond du magasin, à droite des caisses.",
                "en": "At the back of the shop, to the right of the tills.",
            },
        ),
        "361": _store(
            "Bordeaux", "31 rue Sainte-Catherine", "33000 Bordeaux", (44.8404, -0.5737), "+33536490361",
            opening_hours=[_open("10:00", "19:30"), _open("11:00", "18:00", "su")],
            exceptional_days=[{"date": f"{year}-12-24", "opens": "09:00", "closes": "17:00"}],
            preparation_minutes=90,
            slots={"minutes": 30, "capacity": 6},
        ),
        "367": _store(
            "Lyon", "52 rue de la République", "69002 Lyon", (45.7617, 4.8357), "+33465710367",
            opening_hours=[_open("09:00", "20:00")],
            exceptional_days=_advent(year, "10:00"),
            preparation_minutes=45,
            parallel_orders=4,
            cut_off="18:30",
            slots={"minutes": 30, "capacity": 10},
            instructions={
                "fr": "Comptoir « Retraits » au rez-de-chaussée, entrée rue Ferrandière.",
                "en": "“Retraits” counter on the ground floor, entrance rue Ferrandière.",
            },
        ),
        "381": _store(
            "Lille", "8 rue de la Monnaie", "59800 Lille", (50.6404, 3.0632), "+33353010381",
            opening_hours=[_open("10:00", "12:30"), _open("14:00", "19:00")],
            exceptional_days=_advent(year, "14:00"),
            preparation_minutes=60,
            collect_days=5,
        ),
        "406": _store(
            "Paris Marais", "27 rue des Francs-Bourgeois", "75004 Paris", (48.8571, 2.3609), "+33199009406",
            opening_hours=[_open("10:00", "20:00"), _open("11:00", "19:30", "su")],
            exceptional_days=[{"date": f"{year}-12-24", "opens": "10:00", "closes": "18:00"}],
            preparation_minutes=30,
            parallel_orders=3,
            instructions={
                "fr": "Premier étage ; ascenseur à gauche de l’entrée.",
                "en": "First floor; lift to the left of the entrance.",
            },
        ),
    }  # fmt: skip
