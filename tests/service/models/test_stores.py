"""What a store's body may say, and what is refused with a reason."""

import json
from datetime import time
from typing import Any

import pytest
from pydantic import ValidationError

from service.models.stores import Store, StoreBody, StoresQuery
from tests.paper import a_store, opening

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"time_zone": "Europe/Lyon"}, "IANA"),
    ({"time_zone": "../etc/passwd"}, "IANA"),
    ({"time_zone": "localtime"}, "IANA"),
    ({"opening_hours": [{"days": ["mo"], "opens": "9:30", "closes": "19:30"}]}, "like 09:30"),
    ({"opening_hours": [{"days": ["mo"], "opens": "09:30", "closes": "24:00"}]}, "midnight is 00:00"),
    ({"opening_hours": [{"days": ["mo"], "opens": "09:30:00", "closes": "19:30"}]}, "like 09:30"),
    ({"opening_hours": [{"days": ["mo"], "opens": 930, "closes": "19:30"}]}, "like 09:30"),
    ({"opening_hours": [{"days": ["monday"], "opens": "09:30", "closes": "19:30"}]}, "mo"),
    ({"opening_hours": [{"days": [], "opens": "09:30", "closes": "19:30"}]}, "at least 1"),
    ({"opening_hours": [{"days": ["mo"], "opens": "09:30"}]}, "closes"),
    ({"exceptional_days": [{"date": "2026-12-24", "opens": "09:30"}]}, "opens and closes"),
    (
        {"exceptional_days": [{"date": "2026-12-24"}, {"date": "2026-12-24", "opens": "09:00", "closes": "12:00"}]},
        "both closed",
    ),
    ({"exceptional_days": [{"date": "24/12/2026"}]}, "date"),
    ({"exceptional_days": [{"date": "9999-12-31"}]}, "less than"),
    ({"public_holidays": "XX"}, "no public holidays"),
    ({"public_holidays": "FR-99"}, "no public holidays"),
    ({"public_holidays": "France"}, "pattern"),
    ({"cut_off": "6 pm"}, "like 09:30"),
    ({"latitude": 48.85}, "latitude and longitude"),
    ({"latitude": 91, "longitude": 0}, "less than or equal to 90"),
    ({"gln": "3012345678901"}, "check digit"),
    ({"phone": "01 99 00 00 00"}, "international form"),
    ({"slots": {"minutes": 0, "capacity": 4}}, "greater than or equal to 5"),
    ({"slots": {"minutes": 30}}, "capacity"),
    ({"hold_seconds": 30}, "greater than or equal to 60"),
    ({"collect_days": 0}, "greater than or equal to 1"),
    ({"parallel_orders": 0}, "greater than or equal to 1"),
    ({"preparation_minutes": -1}, "greater than or equal to 0"),
    ({"name": " "}, "at least 1"),
    ({"colour": "red"}, "not permitted"),
]


@pytest.mark.parametrize(("fields", "why"), REFUSED, ids=str)
def test_what_cannot_be_is_refused_with_a_reason(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        StoreBody.model_validate({"name": "Atelier", "time_zone": "Europe/Paris", **fields})
    assert why in str(refused.value)


def test_only_a_name_and_a_time_zone_are_needed() -> None:
    body = StoreBody.model_validate({"name": "Atelier", "time_zone": "Europe/Paris"})
    assert (body.preparation_minutes, body.parallel_orders, body.hold_seconds, body.collect_days) == (120, 1, 900, 3)
    assert (body.opening_hours, body.exceptional_days, body.active) == ((), (), True)
    assert (body.slots, body.cut_off, body.public_holidays, body.latitude) == (None, None, None, None)


def test_two_openings_of_an_exceptional_day_are_fine() -> None:
    rows = [
        {"date": "2026-12-24", "opens": "09:00", "closes": "12:00"},
        {"date": "2026-12-24", "opens": "13:00", "closes": "16:00"},
    ]
    body = StoreBody.model_validate({"name": "Atelier", "time_zone": "Europe/Paris", "exceptional_days": rows})
    assert [day.opens for day in body.exceptional_days] == [time(9), time(13)]


def test_a_store_tells_its_hours_as_they_were_given_and_keeps_its_number_to_itself() -> None:
    store = a_store(opening_hours=[opening("09:30", "00:00", "mo")], cut_off="18:00")
    told = json.loads(store.model_dump_json())
    assert told["opening_hours"] == [{"days": ["mo"], "opens": "09:30", "closes": "00:00"}]
    assert told["cut_off"] == "18:00"
    assert "number" not in told
    assert "number" not in Store.model_json_schema(mode="serialization")["properties"]


@pytest.mark.parametrize("near", ["48.85", "48.85;2.35", "abc,2.35", "91,2.35", "48.85,2.35,7", "nan,2", "", ","])
def test_a_place_is_a_latitude_and_a_longitude(near: str) -> None:
    with pytest.raises(ValidationError):
        StoresQuery.model_validate({"near": near})


def test_a_radius_needs_a_centre() -> None:
    with pytest.raises(ValidationError, match="needs near"):
        StoresQuery.model_validate({"radius_km": "5"})
    query = StoresQuery.model_validate({"near": "45.76,4.84", "radius_km": "5"})
    assert query.circle is not None
    assert (query.circle.latitude, query.circle.longitude, query.circle.radius_km) == (45.76, 4.84, 5)
