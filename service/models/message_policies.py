"""What is told when and how, as it travels in JSON."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from service.models.fields import Asked, Moment, Told
from service.models.hours import Clock
from service.models.notifications import By, Kind, Person

MOST_RULES = 34
MOST_REMINDERS = 10

Send = Annotated[
    Literal["always", "instead", "never"],
    Field(description="`instead`: only to who can't be reached by the other channel"),
]
Delay = Annotated[int, Field(ge=0, le=24 * 60, description="how long after the event it goes out")]
Fallback = Annotated[
    Literal["email", "sms", "none"], Field(description="the channel that takes over when this one fails for good")
]
Hours = Annotated[int, Field(ge=1, le=90 * 24)]


class RuleBody(Asked):
    """What is to be otherwise for one kind of message on one channel; what is left out is as one level up."""

    kind: Kind
    channel: By
    person: Person = "customer"
    send: Send | None = None
    delay_minutes: Delay | None = None
    quiet: Annotated[bool | None, Field(description="whether it waits while hours are quiet")] = None
    fallback: Fallback | None = None

    @model_validator(mode="after")
    def can_be(self) -> Self:
        """Refuse a message that there is not, and a channel that takes over from itself."""
        if self.person == "delegate" and (self.kind, self.channel) != ("ready", "sms"):
            raise ValueError("a delegate is told by sms when the order is ready, and nothing else")
        if self.person == "delegate" and self.fallback not in {None, "none"}:
            raise ValueError("a delegate has no other channel")
        if self.fallback == self.channel:
            raise ValueError("another channel can take over, or none")
        return self


class QuietHours(Asked):
    """From when to when, by the store's clock, messages wait; past midnight where the end is not later. `{}`: never."""

    model_config = ConfigDict(serialize_by_alias=True)

    starts: Annotated[Clock | None, Field(alias="from", examples=["21:00"])] = None
    ends: Annotated[Clock | None, Field(alias="to", examples=["08:00"])] = None

    @model_validator(mode="after")
    def has_two_ends(self) -> Self:
        """Refuse hours that don't begin or don't end."""
        if (self.starts is None) != (self.ends is None):
            raise ValueError("give `from` and `to`, or neither")
        return self


class Reminders(Asked):
    """When a ready order that waits is told of again. None where `hours_before` is empty."""

    hours_before: Annotated[
        tuple[Hours, ...], Field(max_length=MOST_REMINDERS, description="before the collect-by date")
    ] = ()
    minimum_gap_hours: Annotated[
        int, Field(ge=1, le=30 * 24, description="between two of them, and after the order became ready")
    ] = 12


class MessagePolicyBody(Asked):
    """A policy, all of it: what is left out is as one level up (a store's: the deployment's)."""

    rules: Annotated[tuple[RuleBody, ...], Field(max_length=MOST_RULES)] = ()
    quiet_hours: QuietHours | None = None
    reminders: Reminders | None = None

    @model_validator(mode="after")
    def says_things_once(self) -> Self:
        """Refuse two rules for the same message."""
        told = [(rule.kind, rule.channel, rule.person) for rule in self.rules]
        if twice := [one for one in told if told.count(one) > 1]:
            raise ValueError(f"there are two rules for {' '.join(twice[0])}")
        return self


class Rule(Told):
    """What holds for one kind of message on one channel."""

    kind: Kind
    channel: By
    person: Person = "customer"
    send: Send = "always"
    delay_minutes: int = 0
    quiet: bool = False
    fallback: Fallback = "none"


class InForce(Told):
    """What holds in the end: this policy, on top of the one above, on top of what Comptoir does by itself."""

    rules: tuple[Rule, ...]
    quiet_hours: QuietHours
    reminders: Reminders


class MessagePolicy(Told):
    """A policy as it stands: what was said, and what that adds up to. Version 0 has never been written."""

    store: Annotated[str | None, Field(description="none: the deployment")]
    version: int
    rules: tuple[RuleBody, ...]
    quiet_hours: QuietHours | None
    reminders: Reminders | None
    in_force: InForce
    updated_at: Moment | None
