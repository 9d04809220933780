"""How long and how much is measured: for the record, or for a glance."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Sizes:
    """What one run of the whole takes."""

    seconds: int  # of one run
    runs: int  # of each row; the one in the middle counts
    warm_up: int  # seconds
    past: int  # reservations that a shop looks back on
    ledger: int  # lines of its ledger
    stores: int  # in which a basket is looked for
    items: int  # in each of them
    listeners: int  # event streams that are open at once
    events: int  # per second, in all of them
    messages: int  # that wait to be sent

    def lasting(self, seconds: int | None) -> "Sizes":
        """The same, with runs of so many seconds."""
        return self if seconds is None else replace(self, seconds=seconds)


FULL = Sizes(
    seconds=8,
    runs=3,
    warm_up=3,
    past=1_000_000,
    ledger=10_000_000,
    stores=1_000,
    items=2_000,
    listeners=1_000,
    events=200,
    messages=100_000,
)
QUICK = Sizes(
    seconds=1,
    runs=1,
    warm_up=1,
    past=20_000,
    ledger=200_000,
    stores=40,
    items=200,
    listeners=100,
    events=100,
    messages=2_000,
)
