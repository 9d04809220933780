"""The day in figures: how each store did, and where people would rather look than read, drawn."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from statistics import mode
from typing import Any

from aiohttp import web

from service import queries, reports, stores
from service.api.reading import checked
from service.callers import Scope
from service.database import connection
from service.messages.spelling import FIXED, Language, ways
from service.models.reports import DayAsked, DayReport, Hour
from service.reports import PastDay
from service.screens import plots
from service.screens.admin_devices import stores_of
from service.screens.admin_frame import Page, endpoint
from service.screens.plots import Plot

NOW = queries.load("reservations")["now"]

REPORTS = frozenset({Scope.REPORTS})

_MINUTE, _HOUR = 60, 3600


def duration(seconds: float | None, language: Language) -> str:
    """Spell how long something took, as exactly as anybody wants to know: 45 s, 12 min, 1 h 05."""
    if seconds is None:
        return "–"
    if seconds < _MINUTE:
        return f"{seconds:.0f}{FIXED}s"
    hours, minutes = divmod(round(seconds / _MINUTE), 60)
    if not hours:
        return f"{minutes}{FIXED}min"
    return f"{hours}{FIXED}h{FIXED}{minutes:02}" if language == "fr" else f"{hours}{FIXED}h {minutes:02}{FIXED}min"


def share(part: float | None) -> str:
    """Spell a part of a whole in percent."""
    return "–" if part is None else f"{part * 100:.0f}{FIXED}%"


def spelled(date: date, language: Language) -> str:
    """Spell a date: mercredi 25 novembre 2026; Wednesday 25 November 2026."""
    way = ways(language)
    day = way.first if way.first and date.day == 1 else date.day
    return f"{way.days[date.weekday()]} {day}{FIXED}{way.months[date.month - 1]} {date.year}"


async def day(page: Page) -> web.Response:
    """One day: of all stores as a table, of one store with its plots."""
    query = page.call.request.query
    asked = checked(DayAsked.model_validate, {name: query[name] for name in ("store", "date") if query.get(name)})
    if asked.store is not None and not page.visit.caller.may_see(asked.store):
        stores.refuse_unknown([asked.store])
    known = await stores_of(page)
    one = asked.store or (known[0].id if len(known) == 1 else None)
    async with connection(page.call.pool) as db:
        found = await reports.days(db, page.visit.caller.stores if one is None else {one}, asked.date)
        if one is not None and not found:
            stores.refuse_unknown([one])
        fortnight = await reports.fortnight(db, one, found[0].date) if one else []
        # Today is another day in Nouméa: the page is of the one that most stores have, and says where it is not.
        shown = asked.date or (mode(one.date for one in found) if found else (await NOW.value(db)).date())
    return page.show(
        "day.html",
        stores=known,
        names={store.id: store.name for store in known},
        chosen=one,
        date=shown,
        spelled=spelled(shown, page.visit.language),
        before=shown - timedelta(days=1),
        after=shown + timedelta(days=1),
        reports=found,
        duration=lambda seconds: duration(seconds, page.visit.language),
        share=share,
        short_date=partial(_short, language=page.visit.language),
        **(_drawn(found[0], fortnight) if one else {}),
    )


def _drawn(report: DayReport, fortnight: Sequence[PastDay]) -> dict[str, Any]:
    hours = _all_hours(report.hours)
    return {
        "hours": hours,
        "fortnight": fortnight,
        "hours_plot": _by_hour(hours),
        "kept_plot": _kept(fortnight),
    }


def _short(date: date, *, language: Language) -> str:
    """Spell a date for a table: 25/11; 25 Nov."""
    return (
        f"{date.day:02}/{date.month:02}" if language == "fr" else f"{date.day} {ways('en').months[date.month - 1][:3]}"
    )


def _all_hours(hours: Sequence[Hour]) -> list[Hour]:
    """From the first hour in which anything happened to the last, at least a working day."""
    known = {one.hour: one for one in hours}
    first, last = min([8, *known]), max([19, *known])
    return [known.get(hour, Hour(hour=hour, confirmed=0, ready=0, collected=0)) for hour in range(first, last + 1)]


def _by_hour(hours: Sequence[Hour]) -> Plot:
    return plots.columns(
        [(one.confirmed, one.ready, one.collected) for one in hours],
        [f"{one.hour}" for one in hours],
        every=1 if len(hours) <= 16 else 2,  # noqa: PLR2004 -- so many labels fit side by side
    )


def _kept(fortnight: Sequence[PastDay]) -> Plot:
    shares = [(100 * one.kept / one.ready,) if one.ready else () for one in fortnight]
    labels = [f"{one.date.day:02}/{one.date.month:02}" for one in fortnight]
    return plots.columns(shares, labels, most=100, unit=f"{FIXED}%", every=2, least=3)


ENDPOINTS = (endpoint("GET", "/admin/day", day, REPORTS),)
