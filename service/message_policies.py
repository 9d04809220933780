"""What is told when and how: what Comptoir does by itself, what the deployment and a store want otherwise."""

from collections.abc import Iterable
from datetime import time
from typing import Any, NamedTuple

from service import audit, queries
from service.callers import OPERATOR, Caller
from service.database import Connection
from service.errors import VersionMismatch
from service.models.message_policies import InForce, MessagePolicy, MessagePolicyBody, QuietHours, Reminders, Rule
from service.models.notifications import Kind

SQL = queries.load("message_policies")

DEPLOYMENT = ""
"""Stands where a store's id would, for what holds everywhere."""

EVENTS: dict[Kind, str] = {
    "held": "reservation.held",
    "confirmed": "reservation.confirmed",
    "short": "reservation.short",
    "ready": "reservation.ready",
    "reminder": "reservation.reminder_due",
    "collected": "reservation.collected",
    "cancelled": "reservation.cancelled",
    "expired": "reservation.expired",
}
"""The event that obliges to each kind of message."""

BY_ITSELF = InForce(
    rules=(
        Rule(kind="held", channel="email", send="never"),
        Rule(kind="held", channel="sms", send="never"),
        Rule(kind="confirmed", channel="email", fallback="sms"),
        Rule(kind="confirmed", channel="sms", send="instead", fallback="email"),
        Rule(kind="short", channel="email", fallback="sms"),
        Rule(kind="short", channel="sms", quiet=True, fallback="email"),
        Rule(kind="ready", channel="email", fallback="sms"),
        Rule(kind="ready", channel="sms", quiet=True, fallback="email"),
        Rule(kind="ready", channel="sms", person="delegate", quiet=True),
        Rule(kind="reminder", channel="email", fallback="sms"),
        Rule(kind="reminder", channel="sms", quiet=True, fallback="email"),
        Rule(kind="collected", channel="email"),
        Rule(kind="collected", channel="sms", send="instead", fallback="email"),
        Rule(kind="cancelled", channel="email", fallback="sms"),
        Rule(kind="cancelled", channel="sms", quiet=True, fallback="email"),
        Rule(kind="expired", channel="email"),
        Rule(kind="expired", channel="sms", send="instead", quiet=True, fallback="email"),
    ),
    quiet_hours=QuietHours.model_validate({"from": time(21), "to": time(8)}),
    reminders=Reminders(hours_before=(24,), minimum_gap_hours=12),
)
"""A text message goes out for what cannot wait, and for everything where it is the only way; none rings at night."""


class _Said(NamedTuple):
    """What one level says."""

    body: MessagePolicyBody
    version: int
    updated_at: Any


_NOTHING = _Said(MessagePolicyBody(), 0, None)


async def in_force(db: Connection, store: str) -> InForce:
    """What holds in a store."""
    said = await _said(db, store)
    return _on_top(BY_ITSELF, [one.body for one in said.values()])


def takes_over(failed: Rule, rules: Iterable[Rule]) -> Rule | None:
    """The rule of the channel that takes over where a message by this one fails; None where none may."""
    return next(
        (
            rule
            for rule in rules
            if (rule.kind, rule.channel, rule.person) == (failed.kind, failed.fallback, "customer")
            and rule.send != "never"
        ),
        None,
    )


async def find(db: Connection, store: str = DEPLOYMENT) -> MessagePolicy:
    """What a store or the deployment says, and what that adds up to; version 0 where it has said nothing."""
    said = await _said(db, store)
    own = said.get(store, _NOTHING)
    return MessagePolicy(
        store=store or None,
        version=own.version,
        rules=own.body.rules,
        quiet_hours=own.body.quiet_hours,
        reminders=own.body.reminders,
        in_force=_on_top(BY_ITSELF, [one.body for one in said.values()]),
        updated_at=own.updated_at,
    )


async def put(
    db: Connection,
    body: MessagePolicyBody,
    *,
    store: str = DEPLOYMENT,
    expected: int | None = None,
    caller: Caller = OPERATOR,
) -> MessagePolicy:
    """Replace all that a store or the deployment says, where its version is the expected one (None: any).

    It holds for messages that become owed from now on. Raises VersionMismatch.
    """
    policy = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    version = await SQL["make"].value(db, store=store, policy=policy) if expected in {None, 0} else None
    if version is None:
        version = await SQL["replace"].value(db, store=store, policy=policy, expected=expected)
    if version is None:
        raise VersionMismatch("The policy has changed since; read it again.")
    await audit.note(db, caller, "message_policy.changed", store, store=store)
    return await find(db, store)


async def _said(db: Connection, store: str) -> dict[str, _Said]:
    """By store, the deployment first."""
    rows = await SQL["said"].rows(db, store=store)
    return {
        row["store_id"]: _Said(MessagePolicyBody.model_validate(row["policy"]), row["version"], row["updated_at"])
        for row in rows
    }


def _on_top(below: InForce, said: Iterable[MessagePolicyBody]) -> InForce:
    for body in said:
        wanted = {
            (rule.kind, rule.channel, rule.person): rule.model_dump(exclude_none=True, exclude_unset=True)
            for rule in body.rules
        }
        below = InForce(
            rules=tuple(
                rule.model_copy(update=wanted.get((rule.kind, rule.channel, rule.person), {})) for rule in below.rules
            ),
            quiet_hours=body.quiet_hours or below.quiet_hours,
            reminders=body.reminders or below.reminders,
        )
    return below
