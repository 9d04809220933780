"""The one question asked after an order was handed over, as it travels in JSON."""

from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from service.models.fields import Asked, Moment, Note, Told, whole

Score = Annotated[int, BeforeValidator(whole), Field(ge=0, le=10)]


class SurveyBody(Asked):
    """Whether the customer would recommend the store, from 0 to 10, and why."""

    score: Score
    comment: Note | None = None


class SurveyAnswer(Told):
    """What a customer said, and whether they may still say something else."""

    score: int
    comment: str | None
    answered_at: Moment
    may_change: bool


class SurveySeen(Told):
    """The question as its customer sees it."""

    order_ref: str
    store: str = Field(description="The store's name")
    may_answer: bool
    answer: SurveyAnswer | None


class SurveyListed(Told):
    """One answer, beside how the store had done."""

    id: UUID = Field(description="The reservation")
    store: str
    order_ref: str
    score: int
    comment: str | None
    answered_at: Moment
    promise_kept: bool | None = Field(description="Whether it was ready by the promised time")
    waited_seconds: int | None = Field(description="From “I'm here” to the handover")


class Survey(Told):
    """How likely customers are to recommend the store, and what they say."""

    answers: int
    promoters: int = Field(description="9 and 10")
    passives: int = Field(description="7 and 8")
    detractors: int = Field(description="0 to 6")
    nps: int | None = Field(description="Percentage of promoters less that of detractors, from -100 to 100")
    items: list[SurveyListed]
    next_cursor: str | None
