"""Health as it travels in JSON."""

from service.models.fields import Told


class Alive(Told):
    """The process answers."""

    status: str


class OldestUndone(Told):
    """How many seconds ago the oldest work was due that is not done; 0: nothing waits."""

    events: float  # that happened and are not told to anybody
    notifications: float  # that should have gone out
    deliveries: float  # of webhooks, that should have been tried
    holds: float  # whose time is up but which are not expired
    lapses: float  # of ready orders that nobody collected
    answers: float  # of customers who were asked, and whose silence means take
    callbacks: float  # of carriers, that should have been read
    people: float  # who should have been forgotten


class Ready(Told):
    """Whether requests can be served, and what else is known."""

    ready: bool
    reason: str | None  # why not
    migration: str | None  # the newest in the database
    migration_wanted: str
    redis: str  # answers, refuses, away, not configured, not asked; never required
    oldest_undone_seconds: OldestUndone | None
