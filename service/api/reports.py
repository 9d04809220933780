"""Reports over HTTP."""

from service import reports, stores
from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Scope
from service.database import connection
from service.errors import UnknownStore
from service.models.reports import DayAsked, DayReports


async def day(call: Call[None]) -> Answer:
    """A day in figures, of one store or of all that the caller may see."""
    asked: DayAsked = call.query
    if asked.store is not None and not call.caller.may_see(asked.store):
        stores.refuse_unknown([asked.store])
    among = call.caller.stores if asked.store is None else {asked.store}
    async with connection(call.pool) as db:
        found = await reports.days(db, among, asked.date)
    if asked.store is not None and not found:
        stores.refuse_unknown([asked.store])
    return Answer(DayReports(items=found))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/reports/day",
        handle=day,
        summary="A day in figures: time to ready, promises kept, waiting, short picks, uncollected",
        tag="Reports",
        scopes=frozenset({Scope.REPORTS}),
        query=DayAsked,
        answers={200: DayReports},
        problems=(UnknownStore,),
    ),
)
