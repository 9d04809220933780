"""Messages in the administration: what each looks like, in whose words, and those that did not go out."""

from collections.abc import Mapping
from typing import Any, get_args
from uuid import UUID

from aiohttp import web

from service import message_templates, notifications
from service.api.message_policies import check_reach
from service.api.reading import checked
from service.callers import Scope
from service.database import connection, transaction
from service.errors import NotFound, Problem, UnknownStore
from service.message_templates import Name
from service.messages.words import WORDS
from service.models.message_templates import OF_CHANNEL, MessagePreviewBody, MessageTemplateBody
from service.models.notifications import By, DeadAsked, Kind
from service.screens.admin_devices import stores_of
from service.screens.admin_frame import Page, endpoint, form, seeing, version

ADMIN = frozenset({Scope.ADMIN})

LETTER_SECURITY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
"""Of an e-mail that is shown inside the page: it may look as it wants, and do nothing."""


def _chosen(page: Page, asked: Mapping[str, str]) -> Name:
    """Which message: the one asked for, else the one that most customers get. Raises NotFound."""
    locale = asked.get("locale") or page.visit.language
    return message_templates.named(asked.get("kind") or "ready", asked.get("channel") or "email", locale)


def _store(page: Page) -> str | None:
    """Whose name and address the message has; None: an invented one's. Raises UnknownStore."""
    store = page.call.request.query.get("store") or None
    if store is not None and not page.visit.caller.may_see(store):
        raise UnknownStore
    return store


async def _shown(page: Page, name: Name) -> dict[str, Any]:
    kind, channel, locale = name
    store = _store(page)
    ask = checked(
        MessagePreviewBody.model_validate, {"kind": kind, "channel": channel, "locale": locale, "store": store}
    )
    async with connection(page.call.pool) as db:
        preview = await message_templates.preview(db, ask, settings=page.call.settings)
        try:
            own = await message_templates.find(db, name)
        except NotFound:
            own = None
    return {
        "kinds": get_args(Kind),
        "channels": get_args(By),
        "languages": sorted(WORDS.languages),
        "stores": await stores_of(page),
        "store": store,
        "kind": kind,
        "channel": channel,
        "locale": locale,
        "preview": preview,
        "own": own,
        "parts": OF_CHANNEL[channel],
    }


async def show(page: Page) -> web.Response:
    """A message as its customer would get it, and the words that the shop may put in place of ours."""
    name = _chosen(page, page.call.request.query)
    return page.show("messages.html", **await _shown(page, name))


async def letter(page: Page) -> web.Response:
    """The e-mail alone, for the frame in which it is shown."""
    kind, _, locale = _chosen(page, page.call.request.query)
    store = _store(page)
    ask = checked(
        MessagePreviewBody.model_validate, {"kind": kind, "channel": "email", "locale": locale, "store": store}
    )
    async with connection(page.call.pool) as db:
        preview = await message_templates.preview(db, ask, settings=page.call.settings)
    headers = {"Content-Security-Policy": LETTER_SECURITY}
    return web.Response(text=preview.html or "", content_type="text/html", headers=headers)


async def say(page: Page) -> web.Response:
    """Put the shop's own words in place of ours, or ours back; they are tried out before they are kept."""
    check_reach(page.visit.caller)
    fields = await form(page.call)
    name = _chosen(page, fields)
    try:
        async with transaction(page.call.pool) as db:
            if "ours" in fields:
                await message_templates.remove(db, name, caller=page.visit.caller)
            else:
                given = {part: fields[part] for part in OF_CHANNEL[name[1]] if fields.get(part)}
                body = checked(MessageTemplateBody.model_validate, given)
                expected = version(fields) if fields.get("version") else None
                settings, caller = page.call.settings, page.visit.caller
                await message_templates.put(db, name, body, settings=settings, caller=caller, expected=expected)
    except Problem as problem:
        return page.refused(problem, "messages.html", typed=fields, **await _shown(page, name))
    kind, channel, locale = name
    return seeing(f"/admin/messages?kind={kind}&channel={channel}&locale={locale}&done=saved")


async def failed(page: Page) -> web.Response:
    """Messages that will not go out by themselves any more."""
    async with connection(page.call.pool) as db:
        found = await notifications.dead(db, DeadAsked(limit=100), caller=page.visit.caller)
    return page.show("failed.html", failed=found.items, more=found.next_cursor is not None)


async def resend(page: Page) -> web.Response:
    """Send one of them once more."""
    id: UUID = page.call.id()
    async with transaction(page.call.pool) as db:
        await notifications.resend(db, page.call.store, id)
    return seeing("/admin/messages/failed?done=replayed")


ENDPOINTS = (
    endpoint("GET", "/admin/messages", show, ADMIN),
    endpoint("POST", "/admin/messages", say, ADMIN),
    endpoint("GET", "/admin/messages/letter", letter, ADMIN),
    endpoint("GET", "/admin/messages/failed", failed, ADMIN),
    endpoint("POST", "/admin/messages/failed/{store}/{id}", resend, ADMIN),
)
