"""The shop's own words: tried out when they come, kept, handed to who writes messages, and shown."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from asyncpg import Record

from service import audit, queries, stores
from service.callers import OPERATOR, Caller
from service.database import Connection, Pool, connection
from service.errors import InvalidRequest, NotFound, VersionMismatch
from service.messages import examples, facts, gsm, letters, own_words
from service.messages.letters import Letter
from service.messages.own_words import Broken, OwnWords
from service.messages.words import WORDS
from service.models.message_templates import (
    OF_CHANNEL,
    MessagePreview,
    MessagePreviewBody,
    MessageTemplate,
    MessageTemplateBody,
    MessageTemplates,
)
from service.models.notifications import By, Kind
from service.settings import Settings

SQL = queries.load("message_templates")

KNOWN_SECONDS = 5.0
MOST_SEGMENTS = 3  # of a text message in the shop's own words
MUST_SAY = {"ready": "code", "reminder": "code", "short": "link"}
"""What a message of this kind is for: without it, its customer stands at the counter with nothing."""

Name = tuple[str, str, str]
"""Kind, channel and language."""


def named(kind: str, channel: str, locale: str) -> Name:
    """The name of a template. Raises NotFound for what there can't be."""
    if kind not in get_args(Kind) or channel not in get_args(By) or locale not in WORDS.languages:
        raise NotFound(
            f"Messages are {', '.join(get_args(Kind))}; channels {', '.join(get_args(By))}; "
            f"languages {', '.join(sorted(WORDS.languages))}."
        )
    return kind, channel, locale


async def listed(db: Connection) -> MessageTemplates:
    """All of them."""
    return MessageTemplates(items=[_read(row) for row in await SQL["listed"].rows(db)])


async def find(db: Connection, name: Name) -> MessageTemplate:
    """One as it stands. Raises NotFound."""
    row = await SQL["find"].row(db, **_key(name))
    if row is None:
        raise NotFound("The shop has no words of its own here: ours go out.")
    return _read(row)


async def put(
    db: Connection,
    name: Name,
    body: MessageTemplateBody,
    *,
    settings: Settings,
    expected: int | None = None,
    caller: Caller = OPERATOR,
) -> tuple[MessageTemplate, bool]:
    """Make a template, or replace all of it where its version is the expected one (None: any); and say if it is new.

    Raises InvalidRequest where it can't be used, with part, line and what to do about it; and VersionMismatch.
    """
    await asyncio.to_thread(try_out, name, body, settings=settings)
    made = await SQL["make"].value(db, **_key(name), parts=body.parts) if expected is None else None
    if made is None and not await SQL["replace"].value(db, **_key(name), parts=body.parts, expected=expected):
        raise VersionMismatch("The template has changed since, or is not there; read it again.")
    await audit.note(db, caller, "message_template.changed", " ".join(name))
    return await find(db, name), made is not None


async def remove(db: Connection, name: Name, *, caller: Caller = OPERATOR) -> None:
    """Let our words go out again. Raises NotFound."""
    if not await SQL["remove"].run(db, **_key(name)):
        raise NotFound("The shop has no words of its own here: ours go out.")
    await audit.note(db, caller, "message_template.removed", " ".join(name))


async def failures(db: Connection) -> dict[str, int]:
    """How often each template could not be filled since it was written."""
    return {row["template"]: row["failures"] for row in await SQL["failures"].rows(db)}


def try_out(name: Name, body: MessageTemplateBody, *, settings: Settings) -> OwnWords:
    """Read a template, and fill it for every order that templates stumble over.

    Raises InvalidRequest with part, line and what to do about it.
    """
    kind, channel, language = name
    own = OwnWords(language, tuple(body.parts.items()))
    try:
        _check_parts(kind, channel, body.parts)
        own_words.check(own, channel=channel)
        for part in body.parts:
            person = "delegate" if part == "delegate_text" else "customer"
            for example, row in examples.rows(kind, channel, language, settings=settings, person=person):
                _try(own, part, row, example, settings)
    except Broken as broken:
        fault = {"pointer": f"/{broken.part}", "code": "template", "message": broken.advice, "line": broken.line}
        raise InvalidRequest(str(broken), errors=[fault]) from None
    return own


def _check_parts(kind: str, channel: str, parts: Iterable[str]) -> None:
    for part in parts:
        if part not in OF_CHANNEL[channel] or (part == "delegate_text" and kind != "ready"):
            raise Broken(part, None, f"{kind} by {channel} has no such part")


def _try(own: OwnWords, part: str, row: Mapping[str, Any], example: str, settings: Settings) -> None:
    known = facts.gather(row, own.language, settings=settings)
    if row["channel"] == "sms":
        known |= {"place": known["store"], "customer": known["name"] or "", "order": known["order_ref"]}
    filled = own_words.try_out(own, part, {**known, "subject": ""}, example=example)
    needed = known[MUST_SAY[row["kind"]]] if row["kind"] in MUST_SAY and part != "subject" else None
    if needed and row["person"] == "customer" and needed.removeprefix("https://") not in filled:
        raise Broken(part, None, f"say {{{{ {MUST_SAY[row['kind']]} }}}}: that is what this message is for ({example})")
    if row["channel"] == "sms":
        letter = letters.write(row, settings=settings, own=own)
        if (segments := gsm.segments(letter.text)) > MOST_SEGMENTS:
            raise Broken(part, None, f"it takes {segments} text messages ({example}): {MOST_SEGMENTS} are the most")


class Shelf:
    """The shop's own words at hand, as they stood at most five seconds ago."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._words: Mapping[Name, OwnWords] = {}
        self._read_at = -KNOWN_SECONDS

    async def write(self, row: facts.Row) -> Letter:
        """Write the message of a row of `contents` in the shop's own words where there are such.

        Where those fail, ours go out, and that is kept in mind: no message is held back.
        """
        own = await self._own(row)
        letter = letters.write(row, settings=self._settings, own=own)
        if letter.own_failed is not None:
            name = (letter.kind, letter.channel, letter.language)
            async with connection(self._pool) as db:
                await SQL["note_failure"].run(db, **_key(name), failure=letter.own_failed)
        return letter

    async def _own(self, row: facts.Row) -> OwnWords | None:
        if time.monotonic() >= self._read_at + KNOWN_SECONDS:
            async with connection(self._pool) as db:
                rows = await SQL["listed"].rows(db)
            self._words = {_name(row): OwnWords(row["locale"], tuple(row["parts"].items())) for row in rows}
            self._read_at = time.monotonic()
        return self._words.get((row["kind"], row["channel"], letters.language(row["locale"], self._settings)))


async def preview(db: Connection, body: MessagePreviewBody, *, settings: Settings) -> MessagePreview:
    """Show a message about an invented order: in the words given, in the shop's own, or in ours.

    Raises UnknownStore, and InvalidRequest for words that can't be used.
    """
    language = letters.language(body.locale, settings)
    name = (body.kind, body.channel, language)
    if body.template is not None:
        own: OwnWords | None = await asyncio.to_thread(try_out, name, body.template, settings=settings)
    else:
        kept = await SQL["find"].row(db, **_key(name))
        own = OwnWords(language, tuple(kept["parts"].items())) if kept else None
    place: dict[str, Any] = {}
    if body.store is not None:
        store = (await stores.find(db, body.store)).model_dump(mode="json")
        place = {"store_name": store["name"], "time_zone": store["time_zone"], "instructions": store["instructions"]}
        place |= {"store_address": store["address"], "store_phone": store["phone"]}
    row = examples.row(body.kind, body.channel, body.locale, settings=settings, person=body.person, **place)
    return _shown(letters.write(row, settings=settings, own=own), own=own is not None)


def _shown(letter: Letter, *, own: bool) -> MessagePreview:
    by_sms = letter.channel == "sms"
    septets, segments = gsm.septets(letter.text), gsm.segments(letter.text)
    return MessagePreview(
        language=letter.language,
        own_words=own and letter.own_failed is None,
        subject=letter.subject,
        text=letter.text,
        html=letter.html_with_qr(),
        alphabet=("ucs2" if septets is None else "gsm7") if by_sms else None,
        septets=septets if by_sms else None,
        segments=segments if by_sms else None,
        cost_class=("one_segment" if segments == 1 else "several_segments") if by_sms else "free",
    )


def _key(name: Name) -> dict[str, str]:
    return dict(zip(("kind", "channel", "locale"), name, strict=True))


def _name(row: Record) -> Name:
    return row["kind"], row["channel"], row["locale"]


def _read(row: Record) -> MessageTemplate:
    columns = dict(row)
    return MessageTemplate(**columns.pop("parts"), **columns)
