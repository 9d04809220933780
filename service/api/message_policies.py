"""What is told when and how, over HTTP: for the deployment, and for a store."""

from service import message_policies, stores
from service.api.endpoints import Answer, Call, Endpoint
from service.callers import Caller, Scope
from service.database import connection, transaction
from service.errors import Forbidden, UnknownStore, VersionMismatch
from service.models.message_policies import MessagePolicy, MessagePolicyBody

ALL = "/v1/message-policy"
OF_STORE = "/v1/stores/{store}/message-policy"
SAID = (
    "A rule says for one kind of message on one channel whether it is sent (`instead`: only to who can't be reached by "
    "the other channel), how long after its event, whether it waits while hours are quiet, and which channel takes "
    "over when it fails for good. What is left out is as one level up: a store's policy lies on top of the "
    "deployment's, and that on top of what Comptoir does by itself. `in_force` is what that adds up to.\n\n"
    "No message waits that was asked for at the counter, whose customer is in the store, or that would come too late."
)
EXAMPLE = {
    "rules": [
        {"kind": "held", "channel": "email", "send": "always"},
        {"kind": "collected", "channel": "email", "send": "never"},
        {"kind": "ready", "channel": "sms", "delay_minutes": 5, "fallback": "email"},
    ],
    "quiet_hours": {"from": "20:30", "to": "08:30"},
    "reminders": {"hours_before": [48, 4], "minimum_gap_hours": 12},
}


def check_reach(caller: Caller) -> None:
    """Raise Forbidden for a key of some stores, where what it changes holds in all of them."""
    if caller.stores is not None:
        raise Forbidden("This holds in every store, and the key is bound to some.")


async def read(call: Call[None]) -> Answer:
    """What the deployment says."""
    async with connection(call.pool) as db:
        return Answer(await message_policies.find(db))


async def put(call: Call[MessagePolicyBody]) -> Answer:
    """Replace all that the deployment says."""
    check_reach(call.caller)
    async with transaction(call.pool) as db:
        return Answer(await message_policies.put(db, call.body, caller=call.caller, expected=call.if_match))


async def read_of_store(call: Call[None]) -> Answer:
    """What a store says."""
    async with connection(call.pool) as db:
        await stores.find(db, call.store)
        return Answer(await message_policies.find(db, call.store))


async def put_of_store(call: Call[MessagePolicyBody]) -> Answer:
    """Replace all that a store says."""
    async with transaction(call.pool) as db:
        await stores.find(db, call.store)
        return Answer(
            await message_policies.put(db, call.body, caller=call.caller, store=call.store, expected=call.if_match)
        )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=ALL,
        handle=read,
        summary="Read what is told when and how",
        tag="Messages",
        scopes=frozenset({Scope.ADMIN}),
        answers={200: MessagePolicy},
    ),
    Endpoint(
        method="PUT",
        path=ALL,
        handle=put,
        summary="Decide what is told when and how",
        description=SAID,
        tag="Messages",
        scopes=frozenset({Scope.ADMIN}),
        body=MessagePolicyBody,
        example=EXAMPLE,
        answers={200: MessagePolicy},
        problems=(VersionMismatch,),
    ),
    Endpoint(
        method="GET",
        path=OF_STORE,
        handle=read_of_store,
        summary="Read what is told when and how in a store",
        tag="Messages",
        scopes=frozenset({Scope.STORES, Scope.ADMIN}),
        answers={200: MessagePolicy},
        problems=(UnknownStore,),
    ),
    Endpoint(
        method="PUT",
        path=OF_STORE,
        handle=put_of_store,
        summary="Decide what is told when and how in a store",
        description=SAID,
        tag="Messages",
        scopes=frozenset({Scope.STORES, Scope.ADMIN}),
        body=MessagePolicyBody,
        example={"quiet_hours": {"from": "20:00", "to": "09:00"}},
        answers={200: MessagePolicy},
        problems=(UnknownStore, VersionMismatch),
    ),
)
