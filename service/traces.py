"""Spans by OpenTelemetry, where it is installed and an exporter is named; otherwise nothing, at no cost."""

import importlib.util
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from service.logs import ALLOWED

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Link, Tracer

WANTED_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Settings of OpenTelemetry itself, read from the environment: where spans go. Without one of them there are none."""

GOODBYE_SECONDS = 2  # for the last spans to leave

NAMES = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "error_type": "error.type",
}
"""What OpenTelemetry calls our facts; every other one is called comptoir.<fact>."""

Role = Literal["internal", "server", "client", "consumer"]

_NOTHING: AbstractContextManager[None] = nullcontext()


class _Tracing:
    """What this process traces with; None: it does not."""

    tracer: "Tracer | None" = None
    provider: "TracerProvider | None" = None


def start(program: str) -> bool:
    """Trace from now on, where that is wanted; whether it is. Raises RuntimeError where it is and can't be."""
    if not any(os.environ.get(name) for name in WANTED_BY):
        return False
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        raise RuntimeError(
            f"{WANTED_BY[0]} is set, and OpenTelemetry is not installed: see docs/operations.md, Traces."
        )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 -- an extra
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": program}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _Tracing.provider, _Tracing.tracer = provider, provider.get_tracer("comptoir")
    return True


def stop() -> None:
    """Let the last spans leave, for two seconds; blocks. A collector that is away keeps nobody any longer."""
    provider, _Tracing.provider, _Tracing.tracer = _Tracing.provider, None, None
    if provider is not None:
        leaving = threading.Thread(target=provider.shutdown, daemon=True)
        leaving.start()
        leaving.join(GOODBYE_SECONDS)


def span(
    name: str, *, role: Role = "internal", parent: str | None = None, links: Iterable[str | None] = (), **facts: Any
) -> AbstractContextManager[None]:
    """Time a piece of work. `parent`, `links`: traceparents (W3C) of what caused it; what is malformed counts as none.

    Facts that logs would not take are not taken here either, and an exception leaves its name and never its text.
    """
    if _Tracing.tracer is None:
        return _NOTHING
    return _span(_Tracing.tracer, name, role, parent, links, facts)


def inner(name: str) -> AbstractContextManager[None]:
    """Time a statement, where it is part of something that is timed."""
    if _Tracing.tracer is None or here() is None:
        return _NOTHING
    return _span(_Tracing.tracer, name, "client", None, (), {})


def note(**facts: Any) -> None:
    """Say more of what is being timed just now; an answer from 500 on makes it an error."""
    if _Tracing.tracer is None:
        return
    from opentelemetry.trace import Status, StatusCode, get_current_span  # noqa: PLC0415

    get_current_span().set_attributes(_attributes(facts))
    if facts.get("status", 0) >= 500:  # noqa: PLR2004 -- as HTTP has it
        get_current_span().set_status(Status(StatusCode.ERROR))


def here() -> str | None:
    """The traceparent of what is being timed just now; None where nothing is."""
    if _Tracing.tracer is None:
        return None
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    at = get_current_span().get_span_context()
    return f"00-{at.trace_id:032x}-{at.span_id:016x}-{at.trace_flags:02x}" if at.is_valid else None


@contextmanager
def _span(
    tracer: "Tracer",
    name: str,
    role: Role,
    parent: str | None,
    links: Iterable[str | None],
    facts: dict[str, Any],
) -> Iterator[None]:
    from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415

    with tracer.start_as_current_span(
        name,
        context=_context(parent) if parent else None,
        kind=SpanKind[role.upper()],
        attributes=_attributes(facts),
        links=[link for one in links if one for link in _link(one)],
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield
        except Exception as error:
            current.set_attributes(_attributes({"error_type": type(error).__name__}))
            current.set_status(Status(StatusCode.ERROR))
            raise


def _context(traceparent: str) -> "Context":
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})


def _link(traceparent: str) -> "list[Link]":
    from opentelemetry.trace import Link, get_current_span  # noqa: PLC0415

    at = get_current_span(_context(traceparent)).get_span_context()
    return [Link(at)] if at.is_valid else []


def _attributes(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        NAMES.get(name, f"comptoir.{name}"): fact
        for name, fact in facts.items()
        if name in ALLOWED and fact is not None
    }
