"""What a customer's link lets its holder do, by a form of their page or by JSON."""

import contextlib
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import phonenumbers
from aiohttp import web

from service import changes, picking, reservations, steps, survey
from service.api.endpoints import Answer, Call, Endpoint
from service.api.reading import checked, read_body, read_form
from service.callers import CUSTOMER
from service.database import Connection, transaction
from service.errors import AlreadyExtended, InvalidRequest, Problem, TooLate, UnknownReservation, WrongState
from service.models.fields import Asked
from service.models.orders import AnswerBody, OrderSeen
from service.models.reservations import Delegate
from service.models.steps import CancelBody, ChangeBody, ExtendBody, Nothing
from service.models.survey import SurveyBody
from service.reservations import Place
from service.screens import customer

FORM = "application/x-www-form-urlencoded"
LONGEST_SCORE = 2  # digits
USUAL_COUNTRY = "FR"  # of a phone that is written without one, in a store that says not where it is


async def arrive(db: Connection, place: Place, call: Call[Any], _body: Nothing) -> None:
    """The customer is here."""
    await changes.arrive(db, place.store, place.id, caller=CUSTOMER, links=call.links)


async def extend(db: Connection, place: Place, call: Call[Any], _body: Nothing) -> None:
    """They need some days more; once."""
    await changes.extend(db, place.store, place.id, ExtendBody(), caller=CUSTOMER, links=call.links)


async def cancel(db: Connection, place: Place, call: Call[Any], body: CancelBody) -> None:
    """They don't want it any more."""

    async def judge(db: Connection, current: steps.Current) -> steps.Change:
        return await picking.cancel(db, current, body)

    await steps.advance(db, place.store, place.id, "cancel", judge, caller=CUSTOMER, links=call.links)


async def delegate(db: Connection, place: Place, call: Call[Any], body: Delegate) -> None:
    """Somebody else will collect it."""
    change = ChangeBody(delegate=body)
    await changes.change(db, place.store, place.id, change, caller=CUSTOMER, links=call.links)


async def answer(db: Connection, place: Place, call: Call[Any], body: AnswerBody) -> None:
    """What is to become of an order that is short."""
    take = body.answer == "take"
    await changes.answer(db, place.store, place.id, take=take, caller=CUSTOMER, links=call.links)


async def tell(db: Connection, place: Place, call: Call[Any], body: SurveyBody) -> None:
    """Whether they would recommend the store."""
    await survey.answer(db, place.store, place.id, body, links=call.links)


async def act(call: Call[None], *, operation: Any, model: type[Asked]) -> Answer | web.StreamResponse:
    """Do what the customer asks, by form or by JSON; a form leads back to the page, which says how things stand."""
    if call.request.content_type == FORM:
        return await _act_by_form(call, operation, model)
    body = await read_body(call.request, model, optional=True)
    await _do(call, operation, body)
    return Answer((await customer.look(call)).order)


async def _do(call: Call[None], operation: Any, body: Asked) -> None:
    async with transaction(call.pool) as db:
        place = await reservations.of_token(db, call.part("token"), links=call.links)
        await operation(db, place, call, body)


async def _act_by_form(call: Call[None], operation: Any, model: type[Asked]) -> web.StreamResponse:
    """Whoever typed something that can't be done finds it on the page again, beside the reason."""
    typed = {name: value for name, value in (await read_form(call.request)).items() if value}
    try:
        await _do(call, operation, checked(model.model_validate, typed | await _meant(call, typed)))
    except Problem as problem:
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR or not customer.wants_page(call):
            raise
        form = call.request.path.rpartition("/")[2] if operation is not tell else "survey"
        refused = customer.Refused(form, problem.code(), typed, HTTPStatus(problem.status))
        return await customer.page(call, refused=refused)
    chosen = call.request.query.get("lang", "")
    lang = f"?lang={chosen}" if chosen in {"fr", "en"} else ""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"/p/{call.part('token')}{lang}"})


async def _meant(call: Call[None], typed: Mapping[str, str]) -> dict[str, Any]:
    """A form sends digits where JSON has a number, and people write a phone as they dial it where they are."""
    meant: dict[str, Any] = {}
    score, phone = typed.get("score", ""), typed.get("phone", "")
    if score.isascii() and score.isdigit() and len(score) <= LONGEST_SCORE:
        meant["score"] = int(score)
    if phone and not phone.startswith("+"):
        where = (await customer.look(call)).order.store.address
        with contextlib.suppress(phonenumbers.NumberParseException):
            number = phonenumbers.parse(phone, where.country if where and where.country else USUAL_COUNTRY)
            meant["phone"] = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return meant


def _action(path: str, operation: Any, model: type[Asked], summary: str) -> Endpoint:
    return Endpoint(
        method="POST",
        path=path,
        handle=partial(act, operation=operation, model=model),
        summary=summary,
        tag="Customer",
        scopes=None,
        takes=("application/json", FORM),
        answers={200: OrderSeen, 303: None},
        problems=(UnknownReservation, WrongState, TooLate, AlreadyExtended, InvalidRequest),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    _action("/p/{token}/arrive", arrive, Nothing, "The customer is here"),
    _action("/p/{token}/extend", extend, Nothing, "Some days more, once"),
    _action("/p/{token}/cancel", cancel, CancelBody, "The customer cancels"),
    _action("/p/{token}/delegate", delegate, Delegate, "Somebody else will collect"),
    _action("/p/{token}/answer", answer, AnswerBody, "What to do about a short order"),
    _action("/s/{token}", tell, SurveyBody, "Whether the customer would recommend the store"),
)
