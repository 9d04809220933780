"""Places between two effects where a rehearsal has the process die, stand still or fail; in production, nothing.

`COMPTOIR_FAILPOINTS=step_written=crash,message_begun=sleep:2,import_applied=raise@3`: what happens at which place, and
at which arrival there (`@3`: the third; else the first). Unset, `reached` is an empty function.
"""

import os
import signal
import time
from collections import Counter
from typing import NamedTuple

VARIABLE = "COMPTOIR_FAILPOINTS"

PLACES = {
    "hold_asked": "everything a hold needs was read, nothing is written",
    "hold_committed": "a hold is on disk, its answer has not left",
    "due_expired": "due holds were expired for a customer who waits, who has not got their stock yet",
    "step_locked": "a reservation is locked, nothing is written",
    "step_written": "state, stock, ledger and history of a step are written, not committed",
    "once_written": "an effect is written, the answer to its key is not",
    "once_kept": "an effect and the answer to its key are written, not committed",
    "once_committed": "an effect and the answer to its key are on disk, the answer has not left",
    "refusal_decided": "a request is refused for good, which is not yet kept under its key",
    "import_applied": "a batch of a file is written, its account is not",
    "import_noted": "a batch of a file and its account are written, not committed",
    "import_committed": "a batch of a file is on disk, the next one is not begun",
    "clock_struck": "holds or orders whose time is up were taken back, not committed",
    "events_placed": "events have their places, the messages they oblige to are not written",
    "events_owed": "events have their places, messages and deliveries are written, not committed",
    "events_relayed": "events and what they oblige to are on disk, nobody was woken",
    "message_claimed": "messages are leased, none is begun",
    "message_begun": "a message is noted as begun, its carrier does not have it",
    "message_taken": "the carrier has a message, which is not recorded",
    "message_recorded": "it is recorded that the carrier has a message",
    "delivery_claimed": "webhooks are leased, none is sent",
    "delivery_answered": "an endpoint has answered, which is not recorded",
}
"""Each place, and how things stand there."""


class FailpointReached(Exception):  # noqa: N818 -- named for what is so
    """What `raise` raises: nobody expects it."""


class Failpoint(NamedTuple):
    """What happens at a place."""

    mode: str  # crash, sleep, raise
    seconds: float = 0
    arrival: int = 1


def read(text: str) -> dict[str, Failpoint]:
    """Read the variable. Raises ValueError for a place or a mode that does not exist."""
    found = {}
    for part in filter(None, text.replace(" ", "").split(",")):
        place, _, what = part.partition("=")
        what, _, arrival = what.partition("@")
        mode, _, seconds = what.partition(":")
        if place not in PLACES or mode not in {"crash", "sleep", "raise"}:
            raise ValueError(f"{VARIABLE}: {part!r} is no failpoint.")
        found[place] = Failpoint(mode, float(seconds or 0), int(arrival or 1))
    return found


ARMED = read(os.environ.get(VARIABLE, ""))

_arrivals: Counter[str] = Counter()


def _act(place: str) -> None:
    failpoint = ARMED.get(place)
    if failpoint is None:
        return
    _arrivals[place] += 1
    if _arrivals[place] != failpoint.arrival:
        return
    if failpoint.mode == "crash":
        os.kill(os.getpid(), signal.SIGKILL)  # as when the machine loses power: nothing is tidied up
    if failpoint.mode == "sleep":
        time.sleep(failpoint.seconds)  # the whole process stands still, as under SIGSTOP
    if failpoint.mode == "raise":
        raise FailpointReached(place)


def _pass_by(_place: str) -> None:
    """Nothing happens."""


reached = _act if ARMED else _pass_by
