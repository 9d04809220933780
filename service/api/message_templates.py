"""The shop's own words over HTTP, and what messages look like."""

from service import message_templates
from service.api.endpoints import Answer, Call, Endpoint
from service.api.message_policies import check_reach
from service.callers import Scope
from service.database import connection, transaction
from service.errors import NotFound, UnknownStore, VersionMismatch
from service.message_templates import Name
from service.models.message_templates import (
    MessagePreview,
    MessagePreviewBody,
    MessageTemplate,
    MessageTemplateBody,
    MessageTemplates,
)

ADMIN = frozenset({Scope.ADMIN})
ALL = "/v1/message-templates"
ONE = ALL + "/{kind}/{channel}/{locale}"
WORDS = (
    "Words in Jinja, in a small language of it: what is known of the order can be said, asked about (`if`) and gone "
    "through (`for line in lines`), and filters like `upper` applied; nothing can be called. `html` is a page, MJML, "
    "or blocks of our own layout. They are tried out at once on orders that templates stumble over (no name, no link, "
    "five hundred lines); what fails is refused with part, line and what to do about it. What would advertise is "
    "refused too: these messages need no consent because they don't."
)
EXAMPLE = {
    "subject": "{{ name }}, votre commande {{ order_ref }} vous attend",
    "html": (
        '{% extends "fr/frame.html" %}{% block headline %}C’est prêt !{% endblock %}'
        "{% block sentence %}Passez quand vous voulez, nous gardons tout au chaud.{% endblock %}"
    ),
}


def _named(call: Call[MessageTemplateBody] | Call[None]) -> Name:
    return message_templates.named(call.part("kind"), call.part("channel"), call.part("locale"))


async def listed(call: Call[None]) -> Answer:
    """All of them."""
    async with connection(call.pool) as db:
        return Answer(await message_templates.listed(db))


async def read(call: Call[None]) -> Answer:
    """One of them."""
    async with connection(call.pool) as db:
        return Answer(await message_templates.find(db, _named(call)))


async def put(call: Call[MessageTemplateBody]) -> Answer:
    """Make or replace one."""
    check_reach(call.caller)
    name = _named(call)
    async with transaction(call.pool) as db:
        template, new = await message_templates.put(
            db, name, call.body, settings=call.settings, caller=call.caller, expected=call.if_match
        )
    return Answer(template, 201 if new else 200)


async def remove(call: Call[None]) -> Answer:
    """Let ours go out again."""
    check_reach(call.caller)
    async with transaction(call.pool) as db:
        await message_templates.remove(db, _named(call), caller=call.caller)
    return Answer("", 204)


async def preview(call: Call[MessagePreviewBody]) -> Answer:
    """Show a message."""
    if call.body.store is not None and not call.caller.may_see(call.body.store):
        raise UnknownStore
    async with connection(call.pool) as db:
        return Answer(await message_templates.preview(db, call.body, settings=call.settings))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=ALL,
        handle=listed,
        summary="List the shop's own words",
        tag="Messages",
        scopes=ADMIN,
        answers={200: MessageTemplates},
    ),
    Endpoint(
        method="GET",
        path=ONE,
        handle=read,
        summary="Read the shop's own words for a message",
        tag="Messages",
        scopes=ADMIN,
        answers={200: MessageTemplate},
        problems=(NotFound,),
    ),
    Endpoint(
        method="PUT",
        path=ONE,
        handle=put,
        summary="Say a message in the shop's own words",
        description=WORDS,
        tag="Messages",
        scopes=ADMIN,
        body=MessageTemplateBody,
        example=EXAMPLE,
        answers={200: MessageTemplate, 201: MessageTemplate},
        problems=(NotFound, VersionMismatch),
    ),
    Endpoint(
        method="DELETE",
        path=ONE,
        handle=remove,
        summary="Go back to our words for a message",
        tag="Messages",
        scopes=ADMIN,
        answers={204: None},
        problems=(NotFound,),
    ),
    Endpoint(
        method="POST",
        path="/v1/message-preview",
        handle=preview,
        summary="See a message before anybody gets it",
        description=(
            "An invented order, in the words in force or in those given. A text message says how many it is paid as: "
            "160 septets of GSM-7 make one, or 70 symbols of anything else."
        ),
        tag="Messages",
        scopes=frozenset({Scope.ADMIN, Scope.STORES}),
        body=MessagePreviewBody,
        example={"kind": "ready", "channel": "sms", "locale": "fr-FR"},
        answers={200: MessagePreview},
        problems=(UnknownStore,),
    ),
)
