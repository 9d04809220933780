"""The same application, middleware, key and log line, with holds answered from memory: the ceiling of HTTP."""

import dataclasses
import sys

import uvloop

from service import __main__ as program
from service import logs, settings
from service.api import reservations, routes
from service.api.endpoints import Answer, Call, tagged
from service.models.reservations import HoldBody

_first: list[Answer] = []


async def answer(call: Call[HoldBody]) -> Answer:
    """Tell everybody what the first was told, who did get a reservation."""
    if not _first:
        _first.append(await reservations.hold(call))
    return tagged(_first[0].text(), status=_first[0].status)


ENDPOINTS = tuple(
    dataclasses.replace(endpoint, handle=answer) if endpoint.handle is reservations.hold else endpoint
    for endpoint in routes.ENDPOINTS
)


def main() -> int:
    """Serve until told to stop, as `python -m service` does."""
    chosen = settings.read()
    logs.set_up(chosen.log_format, chosen.log_level)
    return uvloop.run(program.serve(chosen, ENDPOINTS))


if __name__ == "__main__":
    sys.exit(main())
