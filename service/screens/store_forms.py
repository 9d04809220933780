"""A store as a form: a week that people read day by day, and the same as the API has it."""

from collections.abc import Mapping
from typing import Any, get_args

from service.models.hours import Day
from service.models.stores import Store
from service.screens.admin_frame import Form

WEEK: tuple[str, ...] = get_args(Day)
OPENINGS = 2  # a day, where nobody has more
BLANK_DATES = 3
_LONGEST_MINUTES = 9  # digits

_TEXTS = ("name", "time_zone", "phone", "gln", "public_holidays", "cut_off", "latitude", "longitude")
_NUMBERS = ("preparation_minutes", "parallel_orders", "collect_days")
_ADDRESS = ("line1", "line2", "postcode", "city", "country")


def filled(store: Store | None, typed: Form | None = None) -> dict[str, Any]:
    """What the fields show: what was typed, else the store as it stands, else what a new one would be."""
    if typed is not None:
        week = _typed_week(typed)
        dates = _typed_dates(typed)
        return {"fields": typed, "week": week, "dates": dates + [{}] * BLANK_DATES, "openings": _openings(week)}
    week = _week(store)
    told = store.model_dump(mode="json") if store else {}
    dates = [{name: value or "" for name, value in day.items()} for day in told.get("exceptional_days", ())]
    return {
        "fields": _fields(told) if store else {"time_zone": "Europe/Paris", "active": "on", "hold_minutes": "15"},
        "week": week,
        "dates": dates + [{}] * BLANK_DATES,
        "openings": _openings(week),
    }


def _openings(week: Mapping[str, list[tuple[str, str]]]) -> int:
    return max([OPENINGS, *map(len, week.values())])


def _fields(told: Mapping[str, Any]) -> dict[str, str]:
    slots, said, address = told["slots"] or {}, told["instructions"] or {}, told["address"] or {}
    found = {name: told[name] for name in (*_TEXTS, *_NUMBERS)}
    found |= {name: address.get(name) for name in _ADDRESS}
    found |= {"slot_minutes": slots.get("minutes"), "slot_capacity": slots.get("capacity")}
    found |= {"instructions_fr": said.get("fr"), "instructions_en": said.get("en")}
    found |= {"hold_minutes": f"{told['hold_seconds'] / 60:g}", "active": "on" if told["active"] else ""}
    return {name: "" if value is None else str(value) for name, value in found.items()}


def _week(store: Store | None) -> dict[str, list[tuple[str, str]]]:
    """The openings of each day, as clocks spell them."""
    week: dict[str, list[tuple[str, str]]] = {day: [] for day in WEEK}
    for opening in store.opening_hours if store else ():
        for day in opening.days:
            week[day].append((f"{opening.opens:%H:%M}", f"{opening.closes:%H:%M}"))
    return {day: sorted(openings) for day, openings in week.items()}


def _typed_week(typed: Form) -> dict[str, list[tuple[str, str]]]:
    week = {}
    for day in WEEK:
        pairs = zip(typed.getall(f"{day}_opens", []), typed.getall(f"{day}_closes", []), strict=False)
        week[day] = [pair for pair in pairs if any(pair)]
    return week


def _typed_dates(typed: Form) -> list[dict[str, str]]:
    columns = (typed.getall(f"date_{name}", []) for name in ("on", "opens", "closes"))
    rows = (dict(zip(("date", "opens", "closes"), row, strict=True)) for row in zip(*columns, strict=False))
    return [row for row in rows if any(row.values())]


def read(typed: Form, before: dict[str, Any] | None) -> dict[str, Any]:
    """What the form asks for, as the API takes it; what it does not show stays as before."""
    asked = dict(before or {})
    asked |= {name: typed.get(name) or None for name in _TEXTS}
    asked |= {name: typed[name] for name in _NUMBERS if typed.get(name)}
    address = {name: typed.get(name) or None for name in _ADDRESS}
    asked["address"] = address if any(address.values()) else None
    asked["opening_hours"] = _grouped(_typed_week(typed))
    asked["exceptional_days"] = [{name: value or None for name, value in row.items()} for row in _typed_dates(typed)]
    slots = {"minutes": typed.get("slot_minutes"), "capacity": typed.get("slot_capacity")}
    asked["slots"] = slots if any(slots.values()) else None
    said = {language: typed.get(f"instructions_{language}") or None for language in ("fr", "en")}
    asked["instructions"] = said if any(said.values()) else None
    if minutes := typed.get("hold_minutes"):
        number = minutes.replace(".", "", 1).isdecimal() and len(minutes) <= _LONGEST_MINUTES
        asked["hold_seconds"] = int(float(minutes) * 60) if number else minutes
    asked["active"] = "active" in typed
    return asked


def _grouped(week: Mapping[str, list[tuple[str, str]]]) -> list[dict[str, Any]]:
    """Days that open and close alike are one line."""
    by_hours: dict[tuple[str, str], list[str]] = {}
    for day, openings in week.items():
        for pair in openings:
            by_hours.setdefault(pair, []).append(day)
    return [{"days": days, "opens": opens, "closes": closes} for (opens, closes), days in by_hours.items()]
