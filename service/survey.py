"""The one question asked after an order was handed over: whether its customer would recommend the store."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service import queries
from service.database import Connection
from service.errors import TooLate, WrongState
from service.links import Links
from service.models.survey import Survey, SurveyAnswer, SurveyBody, SurveyListed

SQL = queries.load("survey")


async def answer(db: Connection, store: str, id: UUID, body: SurveyBody, *, links: Links) -> None:
    """Keep what the customer says, sealed; for a day they may say something else.

    Raises WrongState before the order was handed over, TooLate when the day has passed.
    """
    comment = links.sealer.close("note", body.comment or None, id)
    kept = await SQL["answer"].value(db, store=store, id=id, score=body.score, comment=comment)
    if kept is None:
        if await answered(db, store, id, links=links) is not None:
            raise TooLate("An answer can be changed for a day.")
        raise WrongState("The order was not handed over.")


async def answered(db: Connection, store: str, id: UUID, *, links: Links) -> SurveyAnswer | None:
    """What the customer said."""
    row = await SQL["answered"].row(db, store=store, id=id)
    return SurveyAnswer.model_validate({**row, "comment": _opened(row["comment"], id, links)}) if row else None


def _opened(comment: str | None, id: UUID, links: Links) -> str | None:
    return comment and links.sealer.read("note", comment, id)


async def report(
    db: Connection,
    shops: Sequence[str] | None,
    *,
    since: datetime | None,
    until: datetime | None,
    before: UUID,
    limit: int,
    links: Links,
) -> Survey:
    """What customers of these stores (None: all) said; one answer more than `limit` where there is another page."""
    among = {"stores": None if shops is None else list(shops), "since": since, "until": until}
    counted = await SQL["score"].row(db, **among)
    counts = dict(counted) if counted else {}
    rows = await SQL["listed"].rows(db, **among, before=before, limit=limit + 1)
    net = counts["promoters"] - counts["detractors"]
    return Survey(
        **counts,
        nps=round(100 * net / counts["answers"]) if counts["answers"] else None,
        items=[
            SurveyListed.model_validate({**row, "comment": _opened(row["comment"], row["id"], links)}) for row in rows
        ],
        next_cursor=None,
    )
