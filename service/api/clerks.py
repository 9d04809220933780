"""The clerks of a store over HTTP, and who of them works at a device."""

from typing import Any
from uuid import UUID

from aiohttp import web

from service import clerks, devices, stores
from service.access_errors import TooManyAttempts, UnknownClerk, UnknownDevice, WrongPin
from service.api.access import CLERK_COOKIE, cookie
from service.api.endpoints import Answer, Call, Endpoint, Retry
from service.callers import Caller, Scope
from service.database import Connection, connection, transaction
from service.errors import UnknownStore
from service.models.clerks import Clerk, ClerkBody, ClerkChange, Clerks, ClerkSession, ClerkSessionBody
from service.pins import Pins

PINS: web.AppKey[Pins] = web.AppKey("pins", Pins)

ADMIN = frozenset({Scope.ADMIN})
COUNTER = frozenset({Scope.COUNTER})

_OF_STORE = "/v1/stores/{store}/clerks"
_ONE = "/v1/stores/{store}/clerks/{clerk}"


def _pins(call: Call[Any]) -> Pins:
    return call.request.app[PINS]


def _clerk(call: Call[Any]) -> UUID:
    return call.id("clerk", UnknownClerk)


async def create(call: Call[ClerkBody]) -> Answer:
    """Welcome a clerk."""

    async def work(db: Connection) -> Answer:
        await stores.known(db, call.store)
        return Answer(await clerks.create(db, call.store, call.body, pins=_pins(call), caller=call.caller), 201)

    return await call.once(work)


async def listed(call: Call[None]) -> Answer:
    """The clerks of a store."""
    async with connection(call.pool) as db:
        await stores.known(db, call.store)
        return Answer(await clerks.listed(db, call.store))


async def replace(call: Call[ClerkChange]) -> Answer:
    """Give a clerk another name or PIN."""
    async with transaction(call.pool) as db:
        return Answer(
            await clerks.replace(db, call.store, _clerk(call), call.body, pins=_pins(call), caller=call.caller)
        )


async def leave(call: Call[None]) -> Answer:
    """Let a clerk work here no more."""
    async with transaction(call.pool) as db:
        return Answer(await clerks.leave(db, call.store, _clerk(call), caller=call.caller))


def _refuse_others(caller: Caller) -> None:
    if caller.device is None:
        raise UnknownDevice("This is asked by a device that is paired with a store.")


async def begin(call: Call[ClerkSessionBody]) -> Answer:
    """A clerk takes the device over, with their PIN."""
    _refuse_others(call.caller)
    session = await clerks.begin(call.pool, call.caller, call.body, pins=_pins(call))
    at_work = Caller(call.caller.credential, clerk=call.body.clerk)
    async with connection(call.pool) as db:
        seen = await devices.described(db, at_work, language=call.settings.default_locale)
    return Answer(ClerkSession(clerk=seen.clerk), headers={"Set-Cookie": cookie(CLERK_COOKIE, session)})


async def end(call: Call[None]) -> Answer:
    """The clerk leaves the device."""
    _refuse_others(call.caller)
    async with transaction(call.pool) as db:
        await clerks.end(db, call.caller)
    return Answer(ClerkSession(clerk=None), headers={"Set-Cookie": cookie(CLERK_COOKIE, "")})


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=_OF_STORE,
        handle=listed,
        summary="List a store's clerks, those who left last",
        tag="Counter",
        scopes=ADMIN | COUNTER,
        answers={200: Clerks},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="POST",
        path=_OF_STORE,
        handle=create,
        summary="Welcome a clerk",
        tag="Admin",
        scopes=ADMIN,
        body=ClerkBody,
        example={"name": "Inès", "pin": "4071"},
        answers={201: Clerk},
        problems=(UnknownStore,),
        retry=Retry.HONOURED,
    ),
    Endpoint(
        method="PUT",
        path=_ONE,
        handle=replace,
        summary="Give a clerk another name or another PIN",
        tag="Admin",
        scopes=ADMIN,
        body=ClerkChange,
        example={"name": "Inès B."},
        answers={200: Clerk},
        problems=(UnknownClerk,),
    ),
    Endpoint(
        method="DELETE",
        path=_ONE,
        handle=leave,
        summary="Let a clerk work here no more; the history keeps their name",
        tag="Admin",
        scopes=ADMIN,
        answers={200: Clerk},
        problems=(UnknownClerk,),
    ),
    Endpoint(
        method="POST",
        path="/v1/clerk-session",
        handle=begin,
        summary="A clerk takes the device over, with their PIN",
        description=(
            "Kept as the cookie `__Host-comptoir-clerk` beside the device's: what is done from now on says who did it. "
            "It ends after twelve hours, after fifteen minutes without a change, or when another clerk takes over; "
            "requests that still carry it are then 401 with `reason: clerk_session_over`. Five wrong PINs lock this "
            "clerk at this device for fifteen minutes, and nobody else."
        ),
        tag="Counter",
        scopes=COUNTER,
        body=ClerkSessionBody,
        example={"clerk": "01a2197a-e025-743d-93d3-d5e2beae8388", "pin": "4071"},
        answers={200: ClerkSession},
        problems=(UnknownDevice, WrongPin, TooManyAttempts),
        clerk=False,
    ),
    Endpoint(
        method="DELETE",
        path="/v1/clerk-session",
        handle=end,
        summary="The clerk leaves the device",
        tag="Counter",
        scopes=COUNTER,
        answers={200: ClerkSession},
        problems=(UnknownDevice,),
        clerk=False,
    ),
)
