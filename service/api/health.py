"""Alive? Ready? How much? What the people who run the service ask."""

import asyncio

from aiohttp import web

from service import attempts, carriers, deliveries, health, message_templates, metrics, notifications, webhooks
from service.api.endpoints import CLOSING, OPERATIONS, Answer, Call, Endpoint
from service.database import Pool, connection, within
from service.errors import Problem
from service.models.health import Alive, Ready
from service.settings import Settings


async def livez(_call: Call[None]) -> Answer:
    """The process answers; nothing else is asked."""
    return Answer(Alive(status="alive"))


async def readyz(call: Call[None]) -> Answer | web.Response:
    """Whether to send requests here. Not ready is an answer, not a refusal: the body is the same."""
    url = call.settings.redis_url
    state = await health.ready(
        call.pool,
        days=call.settings.forget_after_days,
        redis_url=url.get_secret_value() if url else None,
        closing=call.request.app[CLOSING].is_set(),
    )
    if state.ready:
        return Answer(state)
    return web.json_response(text=state.model_dump_json(), status=503, headers={"Retry-After": "2"})


async def metrics_now(call: Call[None]) -> web.Response:
    """What was counted, and what waits just now."""
    size, idle = call.pool.get_size(), call.pool.get_idle_size()
    metrics.pool_is(used=size - idle, idle=idle)
    measured = await _measured(call.pool, call.settings)
    return web.Response(body=metrics.counted() + measured, headers={"Content-Type": metrics.MEDIA})


async def _measured(pool: Pool, settings: Settings) -> bytes:
    url = settings.redis_url
    redis_up = asyncio.create_task(health.redis_up(url.get_secret_value() if url else None))
    try:
        gauges = await within(health.PATIENCE_SECONDS, _gauges(pool, settings.forget_after_days))
    except Problem:
        gauges = {}
    gauges["comptoir_database_up"] = ("Whether PostgreSQL answers", {"": float(bool(gauges))})
    gauges["comptoir_redis_up"] = ("Whether Redis takes wake-ups, where there is one", await redis_up)
    return metrics.measured(gauges)


async def _gauges(pool: Pool, days: int) -> dict[str, tuple[str, dict[str, float]]]:
    async with connection(pool) as db:
        undone = await health.oldest_undone(db, days=days)
        waiting = await health.open_reservations(db)
        waiting_webhooks = await deliveries.waiting(db)
        endpoints = await webhooks.standing(db)
        messages = await notifications.standing(db)
        resting = await carriers.resting(db)
        templates = await message_templates.failures(db)
        wrong_codes = await attempts.failures(db)
        workers = await health.workers(db)
        passed_over = await health.passed_over(db)
    return {
        "comptoir_oldest_undone_seconds": ("Age of the oldest work that is due", undone.model_dump()),
        "comptoir_open_reservations": ("Reservations on their way", {**waiting}),
        "comptoir_message_template_failures": ("Messages that the shop's own words failed for", {**templates}),
        "comptoir_wrong_pickup_codes": ("Wrong pickup codes in the last fifteen minutes, by store", {**wrong_codes}),
        "comptoir_notifications": ("Messages that failed, are unknown, in doubt, or tried again", {**messages}),
        "comptoir_carrier_rests_seconds": ("For how long a carrier of messages is left alone", resting),
        "comptoir_workers": ("Workers that live", {"": workers}),
        "comptoir_stores_passed_over": ("Stores whose work failed lately, by round", {**passed_over}),
        "comptoir_webhook_deliveries": ("Webhooks that wait, and that were given up", {**waiting_webhooks}),
        "comptoir_webhook_endpoints": ("Endpoints that are on, and that were switched off for failing", {**endpoints}),
    }


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/livez",
        handle=livez,
        summary="Whether the process answers",
        tag=OPERATIONS,
        scopes=None,
        answers={200: Alive},
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        handle=readyz,
        summary="Whether requests can be served; 503 with the reason when not",
        tag=OPERATIONS,
        scopes=None,
        answers={200: Ready, 503: Ready},
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        handle=metrics_now,
        summary="Numbers for Prometheus",
        tag=OPERATIONS,
        scopes=None,
        media="text/plain",
        answers={200: None},
    ),
)
