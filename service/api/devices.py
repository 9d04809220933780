"""Devices over HTTP: prepared by who administers, paired by a code, asked who they are."""

from service import attempts, devices
from service.access_errors import TooManyAttempts, UnknownDevice, WrongPairingCode
from service.api import limits
from service.api.access import COOKIE_SECONDS, DEVICE_COOKIE, cookie
from service.api.endpoints import Answer, Call, Endpoint, Retry
from service.api.origins import refuse_other_sites
from service.attempts import PAIRING_CODE, Guess
from service.callers import Scope
from service.database import Connection, connection, transaction
from service.models.devices import (
    ClaimBody,
    Device,
    DeviceBody,
    DeviceClaimed,
    DeviceListing,
    DeviceMade,
    DevicePage,
    DeviceSelf,
)

ADMIN = frozenset({Scope.ADMIN})
COUNTER = frozenset({Scope.COUNTER})


async def create(call: Call[DeviceBody]) -> Answer:
    """Prepare a device. What is kept for the Idempotency-Key is the answer without the code."""
    shown: list[DeviceMade] = []

    async def work(db: Connection) -> Answer:
        made, pairing = await devices.create(
            db, call.body, caller=call.caller, public_url=str(call.settings.public_url)
        )
        facts = made.model_dump()
        shown.append(DeviceMade(**facts, pairing_code=pairing.code, pairing_url=pairing.url, pairing_qr=pairing.qr))
        return Answer(DeviceMade(**facts, pairing_code=None, pairing_url=None, pairing_qr=None), 201)

    answer = await call.once(work)
    return Answer(shown[0], 201) if shown else answer


async def claim(call: Call[ClaimBody]) -> Answer:
    """Pair: a browser keeps the token as a cookie that no script reads, a program as its bearer."""
    if call.request.headers.get("Sec-Fetch-Site") is not None:
        refuse_other_sites(call.request)  # nobody pairs somebody else's browser with a store of theirs
    guess = Guess(PAIRING_CODE, "", limits.address(call.request))
    async with attempts.counted(call.pool, guess, WrongPairingCode), transaction(call.pool) as db:
        claimed = await devices.claim(db, call.body.code)
    kept = cookie(DEVICE_COOKIE, claimed.token, seconds=COOKIE_SECONDS)
    return Answer(claimed, headers={"Set-Cookie": kept})


async def listed(call: Call[None]) -> Answer:
    """The devices that this caller may see."""
    asked: DeviceListing = call.query
    async with connection(call.pool) as db:
        return Answer(await devices.listed(db, call.caller, store=asked.store, after=asked.cursor, limit=asked.limit))


async def revoke(call: Call[None]) -> Answer:
    """Let a device open nothing from now on."""
    async with transaction(call.pool) as db:
        return Answer(await devices.revoke(db, call.part("device"), caller=call.caller))


async def described(call: Call[None]) -> Answer:
    """Who the device is; its cookie lives on from here."""
    async with connection(call.pool) as db:
        seen = await devices.described(db, call.caller, language=call.settings.default_locale)
    token = call.request.cookies.get(DEVICE_COOKIE)
    kept = {"Set-Cookie": cookie(DEVICE_COOKIE, token, seconds=COOKIE_SECONDS)} if token else {}
    return Answer(seen, headers=kept)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/v1/devices",
        handle=create,
        summary="Prepare a device: its code pairs it with a store, once, within ten minutes",
        description=(
            "`pairing_url` opens the page where the code is given, `pairing_qr` is that address as a picture (SVG). "
            "Repeated with the same `Idempotency-Key`, the request prepares no second device and tells no code."
        ),
        tag="Admin",
        scopes=ADMIN,
        body=DeviceBody,
        example={"store": "lyon", "name": "Left tablet"},
        answers={201: DeviceMade},
        retry=Retry.HONOURED,
    ),
    Endpoint(
        method="POST",
        path="/v1/devices/claim",
        handle=claim,
        summary="Pair a device by its code",
        description=(
            "A browser keeps what this answers as the cookie `__Host-comptoir-device`; a program sends `token` as its "
            "bearer. Ten wrong codes from one address close the door for fifteen minutes."
        ),
        tag="Counter",
        scopes=None,
        body=ClaimBody,
        example={"code": "K7PX-29TD"},
        answers={200: DeviceClaimed},
        problems=(WrongPairingCode, TooManyAttempts),
    ),
    Endpoint(
        method="GET",
        path="/v1/devices",
        handle=listed,
        summary="List devices",
        tag="Admin",
        scopes=ADMIN,
        query=DeviceListing,
        answers={200: DevicePage},
    ),
    Endpoint(
        method="DELETE",
        path="/v1/devices/{device}",
        handle=revoke,
        summary="Revoke a device; every process refuses it after five seconds at most",
        tag="Admin",
        scopes=ADMIN,
        answers={200: Device},
        problems=(UnknownDevice,),
    ),
    Endpoint(
        method="GET",
        path="/v1/device",
        handle=described,
        summary="Ask which device this is, where it stands, and who works at it",
        tag="Counter",
        scopes=COUNTER,
        answers={200: DeviceSelf},
        problems=(UnknownDevice,),
    ),
)
