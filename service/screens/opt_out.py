"""The page behind the link in reminders: no more of them, no more texts, no more e-mails, please; and back."""

from functools import partial
from http import HTTPStatus

from aiohttp import web

from service import reminders
from service.api.endpoints import Answer, Call, Endpoint
from service.api.reading import checked, read_body, read_form
from service.database import connection, transaction
from service.errors import InvalidRequest, UnknownReservation
from service.messages import spelling
from service.models.reminders import RemindersBody, RemindersSeen
from service.opt_outs import OptOuts
from service.screens.customer import wants_page
from service.screens.rendering import render, words

PATH = "/o/{token}"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def look(call: Call[None]) -> Answer | web.Response:
    """What they are told: a page with a button each, or JSON. Mail programs look at links, so it stops nothing."""
    language = spelling.language(
        call.request.query.get("lang", call.request.headers.get("Accept-Language", "")), call.settings.default_locale
    )
    show = partial(
        render, call.request, "opt_out.html", language, say=words("opt_out", language), shop=call.settings.retailer
    )
    try:
        seen = await _seen(call)
    except UnknownReservation:
        if not wants_page(call):
            raise
        return show(status=HTTPStatus.NOT_FOUND, seen=None, token="")
    return show(seen=seen, token=call.part("token")) if wants_page(call) else Answer(seen)


async def act(call: Call[None]) -> Answer | web.Response:
    """Tell them no more, or again: by JSON, by the page's form, or by the button of a mail program."""
    by_form = call.request.content_type in FORMS
    if by_form:
        body = checked(RemindersBody.model_validate, await _form(call.request))
    else:
        body = await read_body(call.request, RemindersBody, optional=True)
    channels = {"email": body.email, "sms": body.sms}
    nothing_said = {body.reminders, *channels.values()} == {None}
    async with transaction(call.pool) as db:
        await reminders.choose(
            db,
            call.part("token"),
            reminders=False if nothing_said else body.reminders,
            channels=channels,
            links=call.links,
            opt_outs=OptOuts(call.settings),
        )
    if by_form and body.one_click is None:  # a mail program follows no redirection
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": call.request.path_qs})
    return Answer(await _seen(call))


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a form; some mail programs send theirs in parts. Raises InvalidRequest where it can't be read."""
    return dict(await read_form(request))


async def _seen(call: Call[None]) -> RemindersSeen:
    async with connection(call.pool) as db:
        wanted = await reminders.wanted(db, call.part("token"), links=call.links, opt_outs=OptOuts(call.settings))
    channels = {channel: wanted.channels.get(channel) for channel in ("email", "sms")}
    return RemindersSeen(reminders=wanted.reminders, **channels)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handle=look,
        summary="What the customer is told",
        tag="Customer",
        scopes=None,
        answers={200: RemindersSeen},
        problems=(UnknownReservation,),
    ),
    Endpoint(
        method="POST",
        path=PATH,
        handle=act,
        summary="No more reminders, text messages or e-mails, or all of it again",
        tag="Customer",
        scopes=None,
        takes=("application/json", *FORMS),
        answers={200: RemindersSeen, 303: None},
        problems=(UnknownReservation, InvalidRequest),
    ),
)
