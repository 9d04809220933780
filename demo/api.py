"""The API with the demo's pages beside it: `python -m demo.api`, as the supervisor runs it."""

import asyncio
import contextlib
import json
import os
import socket
from collections import Counter

import uvloop
from aiohttp import web

from demo import carriers, hooks, pages, tour
from demo.programs import DOOR, HOOKS, KEY
from service import logs, processes, settings
from service.api import routes
from service.api.app import build_app, runner
from service.api.canonical_log import PROBLEM
from service.api.endpoints import CLOSING
from service.database import open_pool
from service.errors import OutOfStock
from service.settings import Settings

GOODBYE_SECONDS = 5  # for connections to PostgreSQL to end in order


async def _count_refusals(request: web.Request, _response: web.StreamResponse) -> None:
    if request.get(PROBLEM) == OutOfStock.code():
        request.app[pages.REFUSED][OutOfStock.code()] += 1


async def serve(chosen: Settings, door: socket.socket, api_key: str) -> None:
    """Answer at the door until told to stop, and finish what is under way."""
    stopping = processes.stops_at_signals()
    pool = await open_pool(str(chosen.database_url), size=chosen.pool_size, name="comptoir-api")
    app = build_app(chosen, pool, (*routes.ENDPOINTS, *pages.ENDPOINTS, *hooks.ENDPOINTS, *carriers.ENDPOINTS))
    app[pages.API_KEY] = api_key
    app[pages.REFUSED] = Counter()
    app[hooks.HOOKS] = hooks.Hooks(json.loads(os.environ.get(HOOKS, "{}")))
    app.on_response_prepare.append(_count_refusals)
    app.on_response_prepare.append(tour.may_be_framed)
    server = runner(app)
    await server.setup()
    await web.SockSite(server, door).start()
    await stopping.wait()
    app[CLOSING].set()
    await server.cleanup()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(pool.close(), GOODBYE_SECONDS)


def main() -> None:
    """Read what the supervisor told us, and serve."""
    chosen = settings.read()
    logs.set_up(chosen.log_format, chosen.log_level)
    uvloop.run(serve(chosen, socket.socket(fileno=int(os.environ[DOOR])), os.environ[KEY]))


if __name__ == "__main__":
    main()
