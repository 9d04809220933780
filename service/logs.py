"""structlog, set up once for API and workers: facts as events, data as keywords, nothing personal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from pydantic_core import to_json

ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "logger", "exception", "request_id", "method", "route", "status",
        "milliseconds", "credential", "store", "reservation", "order_id", "action", "job", "count", "kind",
        "channel", "provider", "state", "reason", "attempts", "batch", "outcome", "url", "host", "port",
        "version", "sku", "delay", "error_type", "where", "import_id", "lines", "applied", "failed", "workers",
        "migration", "code", "endpoint", "digest", "trace_id",
    }
)  # fmt: skip
"""The only keywords that reach a log: whatever is not named here can't carry a name, a phone or a code out."""

_KEPT = ALLOWED | {"_record", "_from_structlog"}  # structlog's own, which it takes out again


def keep_allowed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every keyword that is not on the list, and cut long texts."""
    return {
        key: value[:200] if isinstance(value, str) and key not in {"exception", "event"} else value
        for key, value in event.items()
        if key in _KEPT
    }


def trace_without_values(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say where it broke, not with which values: an exception's text may quote a customer."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno} {trace.tb_frame.f_code.co_name}")
            trace = trace.tb_next
        event["error_type"] = type(error).__name__
        event["exception"] = "\n".join(frames)
    return event


def _as_json(event: MutableMapping[str, Any], **_ours: Any) -> str:
    """What the standard library spells too, four times as fast: there is a line for each request."""
    return to_json(event, fallback=repr).decode()


def set_up(log_format: str = "auto", level: str = "info") -> None:
    """Send structlog and the standard library's loggers through the same steps to standard error."""
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    chain: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        trace_without_values,
        keep_allowed,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(_as_json) if as_json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*chain, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # one write a line, past the standard library
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for quiet in ("arq", "aiohttp.access", "asyncio"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
