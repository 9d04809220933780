"""HTTP: what happened, to be read from where one stopped."""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from service import events, stores
from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Scope
from service.database import connection
from service.errors import InvalidRequest, UnknownReservation, UnknownStore
from service.models.events import Events, EventsAsked, History

LONGEST_BOOKMARK = 1_000_000  # bytes when unpacked: some ten thousand stores


def bookmark(places: Mapping[str, int]) -> str:
    """Spell the places read last, one per store, as one opaque word."""
    packed = zlib.compress(json.dumps(places, sort_keys=True, separators=(",", ":")).encode(), 9)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_bookmark(word: str | None) -> dict[str, int]:
    """Read it again. Raises InvalidRequest for a word that was not given here."""
    if not word:
        return {}
    try:
        unpack = zlib.decompressobj()
        packed = base64.b64decode(word.encode() + b"=" * (-len(word) % 4), altchars=b"-_", validate=True)
        places = json.loads(unpack.decompress(packed, LONGEST_BOOKMARK))
    except (ValueError, binascii.Error, zlib.error, RecursionError):
        places = None
    if not isinstance(places, dict) or not all(map(_is_place, places, places.values())):
        fault = {"pointer": "/after", "code": "bookmark", "message": "give `next` of an earlier answer, or nothing"}
        raise InvalidRequest("/after: this is no `next` of an earlier answer.", errors=[fault])
    return places


def _is_place(store: str, position: object) -> bool:
    return store.isprintable() and type(position) is int and 0 <= position < 1 << 63


async def listed(call: Call[Any]) -> Answer:
    """What happened in the caller's stores since a bookmark."""
    asked: EventsAsked = call.query
    mine = call.caller.stores
    if asked.store is not None:
        if not call.caller.may_see(asked.store):
            stores.refuse_unknown({asked.store})
        mine = frozenset({asked.store})
    places = read_bookmark(asked.after)
    async with connection(call.pool) as db:
        if asked.store is not None:
            await stores.known(db, asked.store)
        happened = await events.after(db, places, stores=sorted(mine) if mine is not None else None, limit=asked.limit)
    for event in happened:
        places[event.store] = event.position
    items = ",".join(event.body for event in happened)
    return Answer(f'{{"items":[{items}],"next":{json.dumps(bookmark(places))}}}')


async def of_reservation(call: Call[Any]) -> Answer:
    """The history of a reservation."""
    async with connection(call.pool) as db:
        bodies = await events.of_reservation(db, call.store, call.id(missing=UnknownReservation))
    return Answer(f'{{"items":[{",".join(bodies)}],"next_cursor":null}}')


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/events",
        handle=listed,
        summary="What happened in your stores, in order, from where you stopped reading",
        tag="Events",
        scopes=frozenset({Scope.REPORTS, Scope.ADMIN}),
        query=EventsAsked,
        answers={200: Events},
        problems=(UnknownStore, InvalidRequest),
    ),
    Endpoint(
        method="GET",
        path="/v1/stores/{store}/reservations/{id}/events",
        handle=of_reservation,
        summary="The history of a reservation",
        tag="Reservations",
        scopes=frozenset({Scope.CHECKOUT, Scope.COUNTER}),
        answers={200: History},
        problems=(UnknownReservation,),
    ),
)
