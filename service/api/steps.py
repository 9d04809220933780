"""The steps of the lifecycle over HTTP, one endpoint each, and what can happen to a reservation between them."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from pydantic import BaseModel

from service import attempts, changes, clerks, clocks, codes, handover, notifications, picking, steps
from service.access_errors import TooManyAttempts
from service.api.endpoints import Answer, Call, Endpoint, Handler, Retry, tagged
from service.api.reservations import ONE, SHOP
from service.callers import Scope
from service.database import Connection
from service.errors import (
    AlreadyExtended,
    IdempotencyInFlight,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    LinesDontFit,
    NothingToSend,
    OutOfStock,
    Problem,
    SlotFull,
    StoreClosed,
    Superseded,
    TooLate,
    UnknownReservation,
    VersionMismatch,
    WrongCode,
    WrongState,
)
from service.lifecycle import STEPS, Who
from service.models.reservations import Reservation
from service.models.steps import (
    CancelBody,
    ChangeBody,
    CollectBody,
    ConfirmBody,
    Deed,
    ExtendBody,
    Nothing,
    NotifyBody,
    ReturnBody,
    ShelveBody,
    UndoBody,
)
from service.steps import Change, Current

Judge = Callable[[Connection, Current, Any], Awaitable[Change]]

_STEPS: dict[str, tuple[type[BaseModel], Judge, str, tuple[type[Problem], ...]]] = {
    "confirm": (ConfirmBody, picking.confirm, "The customer has paid", (OutOfStock, SlotFull, Superseded, StoreClosed)),
    "pick": (Deed, picking.pick, "Someone fetches the goods", ()),
    "shelve": (ShelveBody, picking.shelve, "The goods are on the pickup shelf", (LinesDontFit,)),
    "unshelve": (Deed, picking.unshelve, "Back to picking: it was not ready", ()),
    "undo": (UndoBody, handover.undo, "Take a handover back, within 15 minutes", (TooLate,)),
    "return": (ReturnBody, handover.take_back, "The customer brings something back", (LinesDontFit,)),
    "cancel": (CancelBody, picking.cancel, "Cancel, and release the stock", ()),
    "lapse": (Nothing, handover.lapse, "Nobody came: release the stock", ()),
}  # "collect" is added below: it needs the links to verify a token

_NO_BODY_NEEDED = frozenset({"confirm", "pick", "shelve", "unshelve", "cancel", "lapse"})


async def take(call: Call[Any], *, action: str, judge: Judge) -> Answer:
    """Take a step, in one transaction with the record of its Idempotency-Key.

    What due holds still have is given back to a step that wants it, as it is to who asks for it anew.
    """

    async def work(db: Connection) -> Answer:
        body = await steps.advance(
            db,
            call.store,
            call.id(missing=UnknownReservation),
            action,
            lambda db, current: judge(db, current, call.body),
            caller=await clerks.at_work(db, call.caller, call.body),
            links=call.links,
            if_match=call.if_match,
            deed=call.body if isinstance(call.body, Deed) else None,
        )
        return tagged(body)

    try:
        answer = await call.once(work)
    except (OutOfStock, SlotFull):
        if not await clocks.expire_for_hold(call.pool, call.store):
            raise
        answer = await call.once(work)
    return tagged(answer.text(), status=answer.status, headers=answer.headers)


async def collect(call: Call[CollectBody]) -> Answer:
    """Hand over, to whom the code, the token or the clerk recognises; codes are not for trying out."""
    judge = partial(handover.collect, links=call.links)
    proof = call.body.token if call.body.code is None else call.body.code
    if proof is None:
        return await take(call, action="collect", judge=judge)
    said = f"{call.id(missing=UnknownReservation)} {codes.normalise(proof)}"
    guess = attempts.Guess(attempts.PICKUP_CODE, call.store, call.caller.credential, said)
    async with attempts.counted(call.pool, guess, WrongCode):
        return await take(call, action="collect", judge=judge)


Operation = Callable[..., Awaitable[str]]


async def happen(call: Call[Any], *, operation: Operation, takes_body: bool = False, matches: bool = False) -> Answer:
    """Let something happen to a reservation that is no step."""

    async def work(db: Connection) -> Answer:
        arguments = [call.body] if takes_body else []
        options = {"if_match": call.if_match} if matches else {}
        id, caller = call.id(missing=UnknownReservation), await clerks.at_work(db, call.caller, call.body)
        return tagged(await operation(db, call.store, id, *arguments, caller=caller, links=call.links, **options))

    answer = await call.once(work)
    return tagged(answer.text(), status=answer.status, headers=answer.headers)


async def notify(call: Call[NotifyBody]) -> Answer:
    """Send the current message again."""

    async def work(db: Connection) -> Answer:
        id = call.id(missing=UnknownReservation)
        await notifications.request(db, call.store, id, call.body.channel, actor=call.caller.actor)
        return tagged(await steps.told(db, call.store, id, links=call.links, applied=True), status=202)

    answer = await call.once(work)
    return tagged(answer.text(), status=answer.status, headers=answer.headers)


def _scopes(action: str) -> frozenset[Scope]:
    """The scopes of whoever may take a step: checkout and counter are scopes by the same name."""
    return frozenset(Scope(who) for who in STEPS[action].by if who in {Who.CHECKOUT, Who.COUNTER})


_LATER = {"happened_at": "2026-11-23T18:30:00Z"}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "confirm": {"payment_ref": "pay_77"},
    "pick": _LATER,
    "unshelve": _LATER,
    "put-back": _LATER,
    "cancel": {"reason": "ordered twice"},
    "shelve": {"lines": [{"sku": "tea", "found": 1, "reason": "not_found"}], "shelf": "A3", "bags": 1},
    "collect": {"checked_by": "identity card"},
    "undo": {"reason": "the wrong customer"},
    "return": {"lines": [{"sku": "tea", "quantity": 1, "sellable": True}]},
    "extend": {"hold_seconds": 600},
    "": {"delegate": {"name": "Paul Martin", "phone": "+33639981235"}},
    "notifications": {"channel": "sms"},
}
"""A body for each that reads one, by the end of its address."""

_ALWAYS = (UnknownReservation, WrongState, VersionMismatch, IdempotencyKeyReused, IdempotencyInFlight)


def _step(
    action: str, handle: Handler, body: type[BaseModel], summary: str, problems: tuple[type[Problem], ...]
) -> Endpoint:
    required = action == "return"
    return Endpoint(
        method="POST",
        path=f"{ONE}/{action}",
        handle=handle,
        summary=summary,
        tag="Reservations" if Scope.CHECKOUT in _scopes(action) else "Counter",
        scopes=_scopes(action),
        body=body,
        body_optional=action in _NO_BODY_NEEDED,
        example=_EXAMPLES.get(action),
        answers={200: Reservation},
        problems=(*_ALWAYS, *problems, *((IdempotencyKeyMissing,) if required else ())),
        retry=Retry.REQUIRED if required else Retry.HONOURED,
    )


def _other(
    path: str,
    handle: Handler,
    summary: str,
    *,
    body: type[BaseModel] = Nothing,
    body_optional: bool = True,
    scopes: frozenset[Scope] = frozenset({Scope.COUNTER}),
    problems: tuple[type[Problem], ...] = (),
    retry: Retry = Retry.HONOURED,
    method: str = "POST",
    status: int = 200,
) -> Endpoint:
    return Endpoint(
        method=method,
        path=ONE + path,
        handle=handle,
        summary=summary,
        tag="Reservations" if Scope.CHECKOUT in scopes else "Counter",
        scopes=scopes,
        body=body,
        body_optional=body_optional,
        example=_EXAMPLES.get(path.removeprefix("/")),
        answers={status: Reservation},
        problems=(*_ALWAYS, *problems),
        retry=retry,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    *(
        _step(action, partial(take, action=action, judge=judge), body, summary, problems)
        for action, (body, judge, summary, problems) in _STEPS.items()
    ),
    _step("collect", collect, CollectBody, "Hand over", (WrongCode, TooManyAttempts, LinesDontFit, Superseded)),
    _other("/arrive", partial(happen, operation=changes.arrive), "The customer is here"),
    _other(
        "/extend",
        partial(happen, operation=changes.extend, takes_body=True, matches=True),
        "More time to pay, or to collect (once)",
        body=ExtendBody,
        scopes=SHOP,
        problems=(AlreadyExtended, IdempotencyKeyMissing),
        retry=Retry.REQUIRED,
    ),
    _other(
        "/put-back",
        partial(happen, operation=changes.put_back, takes_body=True),
        "The goods are on their shelves again",
        body=Deed,
    ),
    _other(
        "",
        partial(happen, operation=changes.change, takes_body=True, matches=True),
        "Change contact, delegate or note",
        body=ChangeBody,
        body_optional=False,
        scopes=SHOP,
        method="PATCH",
        retry=Retry.NATURAL,
    ),
    _other(
        "/notifications",
        notify,
        "Send the current message again",
        body=NotifyBody,
        problems=(NothingToSend, IdempotencyKeyMissing),
        retry=Retry.REQUIRED,
        status=202,
    ),
)
