"""Two carriers of captured messages that visitors switch off and on, to see messages wait and the second take over."""

from typing import Any

from aiohttp import web

from service import queries
from service.api.endpoints import OPERATIONS, Call, Endpoint
from service.database import transaction
from service.errors import NotFound

SQL = queries.load("demo")

CHANNELS = ("email", "sms")
CARRIERS = ("capture", "spare")


async def switch(call: Call[Any]) -> web.Response:
    """Switch the carrier of a channel off, or on again: what waits then goes out at once."""
    channel, carrier, form = call.part("channel"), call.part("carrier"), await call.request.post()
    if channel not in CHANNELS or carrier not in CARRIERS:
        raise NotFound("There is no such carrier.")
    async with transaction(call.pool) as db:
        if form.get("off"):
            await SQL["switch_off"].run(db, channel=channel, carrier=carrier)
        else:
            await SQL["switch_on"].run(db, channel=channel, carrier=carrier)
            await SQL["rested"].run(db, channel=channel, carrier=carrier)
            await SQL["try_again"].run(db, channel=channel)
    return web.Response(status=303, headers={"Location": "/inbox"})


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/inbox/carriers/{channel}/{carrier}",
        handle=switch,
        summary="Switch a carrier off or on",
        tag=OPERATIONS,
        scopes=None,
        media="text/html",
        page=True,
    ),
)
