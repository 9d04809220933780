"""A store as a form: what is shown, sent back as it is, changes nothing."""

from typing import Any

from multidict import MultiDict

from service.models.stores import Store, StoreBody
from service.screens.store_forms import WEEK, filled, read

FULL: dict[str, Any] = {
    "name": "Atelier",
    "time_zone": "Europe/Paris",
    "address": {"line1": "1 rue X", "postcode": "69002", "city": "Lyon", "country": "FR"},
    "latitude": 45.75,
    "longitude": 4.85,
    "phone": "+33472000000",
    "opening_hours": [
        {"days": ["mo", "tu"], "opens": "09:00", "closes": "12:00"},
        {"days": ["mo"], "opens": "14:00", "closes": "19:00"},
        {"days": ["mo"], "opens": "20:00", "closes": "02:00"},
    ],
    "exceptional_days": [{"date": "2026-12-25"}, {"date": "2026-12-24", "opens": "09:00", "closes": "17:00"}],
    "public_holidays": "FR-57",
    "preparation_minutes": 45,
    "parallel_orders": 3,
    "cut_off": "18:00",
    "slots": {"minutes": 30, "capacity": 4},
    "hold_seconds": 1230,
    "collect_days": 5,
    "instructions": {"fr": "Au fond à gauche"},
    "active": False,
}


def known(body: StoreBody) -> Store:
    """The store that was asked for."""
    rest = {"id": "lyon", "number": 1, "version": 3, "created_at": "2026-01-01T00:00:00Z"}
    return Store.model_validate({**body.model_dump(), **rest, "updated_at": "2026-01-01T00:00:00Z"})


def sent(form: dict[str, Any]) -> MultiDict[str]:
    """What a browser sends of the form, untouched."""
    fields = MultiDict((name, value) for name, value in form["fields"].items() if name != "active" or value)
    for day in WEEK:
        openings = [*form["week"][day], *[("", "")] * (form["openings"] - len(form["week"][day]))]
        for opens, closes in openings:
            fields.add(f"{day}_opens", opens)
            fields.add(f"{day}_closes", closes)
    for row in form["dates"]:
        for name, field in (("date", "on"), ("opens", "opens"), ("closes", "closes")):
            fields.add(f"date_{field}", row.get(name, ""))
    return fields


def test_a_form_sent_back_untouched_changes_nothing() -> None:
    for asked in (FULL, {"name": "Plain", "time_zone": "Europe/Paris"}):
        body = StoreBody.model_validate(asked)
        told = known(body).model_dump(mode="json")
        before = {name: told[name] for name in StoreBody.model_fields}
        again = StoreBody.model_validate(read(sent(filled(known(body))), before))
        assert _by_day(again) == _by_day(body)
        assert again.model_copy(update={"opening_hours": ()}) == body.model_copy(update={"opening_hours": ()})


def _by_day(body: StoreBody) -> set[tuple[str, object, object]]:
    return {(day, opening.opens, opening.closes) for opening in body.opening_hours for day in opening.days}


def test_three_openings_a_day_are_shown_all_three() -> None:
    form = filled(known(StoreBody.model_validate(FULL)))
    assert form["openings"] == 3
    assert form["week"]["mo"] == [("09:00", "12:00"), ("14:00", "19:00"), ("20:00", "02:00")]
