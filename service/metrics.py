"""What is counted and timed, for Prometheus."""

import os
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where several processes on one port add up their numbers; set before this module is imported."""

REGISTRY = CollectorRegistry()
disable_created_metrics()  # type: ignore[no-untyped-call]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_requests = Counter("comptoir_requests_total", "Requests served", ["method", "route", "status"], registry=REGISTRY)
_seconds = Histogram(
    "comptoir_request_seconds",
    "Time from the first byte of a request to its answer",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
    registry=REGISTRY,
)
_connections = Gauge(
    "comptoir_database_connections",
    "Connections to PostgreSQL, by what they do",
    ["state"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)


def served(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request and its time."""
    counter, timer = _meters(method if method in _METHODS else "other", route, status)
    counter.inc()
    timer.observe(seconds)


@cache
def _meters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The counter and the clock of one kind of answer: as many as there are routes, methods and statuses."""
    return _requests.labels(method, route, str(status)), _seconds.labels(route)


def pool_is(*, used: int, idle: int) -> None:
    """Note how many connections are in use and how many wait."""
    _connections.labels("used").set(used)
    _connections.labels("idle").set(idle)


def counted() -> bytes:
    """What this process counted, or all processes on this port together."""
    if SHARED_FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)


def measured(gauges: dict[str, tuple[str, dict[str, float]]]) -> bytes:
    """Spell numbers that were measured just now: {name: (help, {label: value})}, '' for no label."""
    registry = CollectorRegistry()
    for name, (description, values) in gauges.items():
        if "" in values:
            Gauge(name, description, registry=registry).set(values[""])
            continue
        gauge = Gauge(name, description, ["what"], registry=registry)
        for label, value in values.items():
            gauge.labels(label).set(value)
    return generate_latest(registry)


def forget(process: int, folder: str) -> None:
    """Count a process that died no longer among the living; what it counted stays."""
    multiprocess.mark_process_dead(process, folder)  # type: ignore[no-untyped-call]
