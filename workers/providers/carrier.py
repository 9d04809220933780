"""What every carrier of messages can do, and the three ways in which it can fail to."""

from typing import Protocol

from service.messages.letters import Letter


class NotNow(Exception):  # noqa: N818 -- named for what is so
    """It did not go out, and may another time: busy, away, rate limited."""


class NotYet(NotNow):
    """The same, for a reason of the recipient's: a full mailbox says nothing of the carrier."""


class Refused(Exception):  # noqa: N818
    """It did not go out and never will: no such address, not allowed."""


class OptedOut(Refused):
    """The recipient told the carrier that they want nothing from us."""


class InDoubt(Exception):  # noqa: N818
    """It was handed over and no answer came: it may have gone out or not."""


class Carrier(Protocol):
    """Hands messages over. Reasons are codes, without addresses: they are kept and logged.

    `can_tell`: it can be asked what it sent. `doubt_seconds`: how long to wait before a doubt is looked into, so that
    what is on its way there is found, or a receipt says it first.
    """

    name: str
    can_tell: bool
    doubt_seconds: float

    async def send(self, letter: Letter) -> str | None:
        """Hand it over; the carrier's own name for it, if it gives one.

        Raises NotNow (or NotYet), Refused (or OptedOut), and InDoubt.
        """

    async def look_up(self, letter: Letter) -> str | None:
        """What the carrier calls a message that it has; None: it never got it. Raises NotNow.

        Not asked where it can't tell.
        """

    async def close(self) -> None:
        """Let go of connections."""
