"""What every carrier of messages can do, and the three ways in which it can fail to."""

from typing import Protocol

from service.messages.letters import Letter


class NotNow(Exception):  # noqa: N818 -- named for what is so
    """It did not go out, and may another time: busy, away, rate limited."""


class Refused(Exception):  # noqa: N818
    """It did not go out and never will: no such address, not allowed."""


class InDoubt(Exception):  # noqa: N818
    """It was handed over and no answer came: it may have gone out or not."""


class Carrier(Protocol):
    """Hands messages over. Reasons are codes, without addresses: they are kept and logged."""

    name: str

    async def send(self, letter: Letter) -> str | None:
        """Hand it over; the carrier's own name for it, if it gives one. Raises NotNow, Refused or InDoubt."""

    async def look_up(self, letter: Letter) -> bool | None:
        """Whether it went out by its `ref`; None where the carrier can't tell. Raises NotNow."""

    async def close(self) -> None:
        """Let go of connections."""
