"""HTTP: what customers said after their order was handed over."""

from pydantic import Field

from service import stores, survey
from service.api.endpoints import Answer, Call, Endpoint
from service.api.pages import Cursor, Limit, cursor, read_cursor
from service.callers import Scope
from service.database import connection
from service.errors import InvalidRequest, UnknownStore
from service.models.fields import Asked, Moment, StoreId
from service.models.survey import Survey
from service.reservations import LAST


class SurveyAsked(Asked):
    """Which answers to report."""

    store: StoreId | None = None
    since: Moment | None = Field(default=None, description="answered at this moment or later")
    until: Moment | None = Field(default=None, description="answered before this moment")
    limit: Limit = 50
    cursor: Cursor = None


async def report(call: Call[None]) -> Answer:
    """How likely customers are to recommend the caller's stores."""
    asked: SurveyAsked = call.query
    mine = call.caller.stores
    if asked.store is not None:
        if not call.caller.may_see(asked.store):
            raise UnknownStore
        mine = frozenset({asked.store})
    before = read_cursor(asked.cursor) if asked.cursor else LAST
    async with connection(call.pool) as db:
        if asked.store is not None:
            await stores.known(db, asked.store)
        told = await survey.report(
            db,
            sorted(mine) if mine is not None else None,
            since=asked.since,
            until=asked.until,
            before=before,
            limit=asked.limit,
            links=call.links,
        )
    if len(told.items) <= asked.limit:
        return Answer(told)
    items = told.items[: asked.limit]
    return Answer(told.model_copy(update={"items": items, "next_cursor": cursor(items[-1].id)}))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/reports/survey",
        handle=report,
        summary="What customers said after their order was handed over",
        tag="Reports",
        scopes=frozenset({Scope.REPORTS, Scope.ADMIN}),
        description=(
            "The net promoter score of a time, and the answers, each beside what its customer had been promised and "
            "how long they waited. A comment may say anything, also about people."
        ),
        query=SurveyAsked,
        answers={200: Survey},
        problems=(UnknownStore, InvalidRequest),
    ),
)
