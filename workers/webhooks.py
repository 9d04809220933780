"""Sends webhooks: for each endpoint a line of its own, so that a slow one holds up nobody else."""

import asyncio
from uuid import UUID

import structlog
from asyncpg import Record

from service import deliveries, failpoints, traces
from service.database import Pool
from service.deliveries import Attempt, Outcome
from service.errors import Problem
from service.sealing import Sealer
from service.webhooks import sign
from workers.outside import NotReached, Outside

log = structlog.get_logger()

AT_ONCE = 8  # deliveries on their way to one endpoint
MEDIA = {"standard": "application/json", "cloudevents": "application/cloudevents+json; charset=utf-8"}
RECORDING = (0.2, 0.5, 1, 2, 4, 8, 8, 8)  # seconds between attempts to record what an endpoint said


class Sender:
    """Sends what is due to every endpoint; several workers share the work."""

    def __init__(self, pool: Pool, outside: Outside, *, sealer: Sealer) -> None:
        self._pool = pool
        self._sealer = sealer
        self._outside = outside
        self._lines: dict[UUID, asyncio.Task[None]] = {}
        self._stopping = False

    async def send_due(self) -> int:
        """See that every endpoint with something due is being served; the round need not look again at once (0)."""
        due = [endpoint for endpoint in await deliveries.due(self._pool) if endpoint not in self._lines]
        for endpoint in [] if self._stopping else due:
            self._lines[endpoint] = asyncio.create_task(self._serve(endpoint), name=f"webhooks {endpoint}")
        return 0

    async def stop(self) -> None:
        """Begin nothing more, and finish what was begun."""
        self._stopping = True
        await self.finish()

    async def finish(self) -> None:
        """Wait until what was begun has come to its end."""
        while self._lines:
            await asyncio.wait(self._lines.values())

    async def close(self) -> None:
        """Leave what is not finished to others, when its lease is over; hang up."""
        lines = list(self._lines.values())
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)
        await self._outside.close()

    async def _serve(self, endpoint: UUID) -> None:
        """Send to one endpoint until nothing is due."""
        try:
            while not self._stopping and (rows := await deliveries.claim(self._pool, endpoint, most=AT_ONCE)):
                failpoints.reached("delivery_claimed")
                await asyncio.gather(*(self._handle(row) for row in rows))
        except Problem as problem:
            log.warning("webhooks_interrupted", endpoint=str(endpoint), reason=problem.code())
        except Exception:
            log.exception("webhooks_broke", endpoint=str(endpoint))
        finally:
            self._lines.pop(endpoint, None)

    async def _handle(self, row: Record) -> None:
        """One delivery, once; nothing that goes wrong here goes further."""
        attempt = Attempt(row["store_id"], row["id"], row["endpoint_id"], row["lease_until"], row["attempts"])
        facts = {"endpoint": str(attempt.endpoint), "store": attempt.store, "kind": row["type"]}
        try:
            if self._stopping:
                await deliveries.give_back(self._pool, attempt)
                return
            with traces.span("send webhook", role="client", parent=row["traceparent"], **facts):
                outcome = await self._send(row)
                failpoints.reached("delivery_answered")
                switched_off = await self._record(attempt, outcome)
                traces.note(reason=outcome.why, attempts=attempt.attempts + 1)
            log.info("webhook_sent", status=outcome.status, reason=outcome.why, attempts=attempt.attempts + 1, **facts)
            if switched_off:
                log.warning("webhook_disabled", reason=switched_off, **facts)
        except Problem as problem:  # PostgreSQL is away: when the lease is over, it is sent again
            log.warning("webhook_left", reason=problem.code(), **facts)
        except Exception:
            log.exception("webhook_broke", **facts)

    async def _send(self, row: Record) -> Outcome:
        id, body = str(row["message_id"]), self._sealer.open(row["body"]).encode()
        signing = [secret for secret in (row["secret"], row["old_secret"]) if secret]
        headers = {
            "Content-Type": MEDIA[row["format"]],
            "webhook-id": id,
            "webhook-timestamp": str(row["timestamp"]),
            "webhook-signature": " ".join(sign(secret, id, row["timestamp"], body) for secret in signing),
        }
        try:
            answer = await self._outside.post(row["url"], body, headers)
            return Outcome(status=answer.status, retry_after=answer.retry_after)
        except NotReached as error:
            return Outcome(reason=str(error))
        except Exception as error:  # it failed, whatever it was: the schedule goes on
            log.exception("webhook_unsendable", endpoint=str(row["endpoint_id"]))
            return Outcome(reason=type(error).__name__)

    async def _record(self, attempt: Attempt, outcome: Outcome) -> str | None:
        """Write it down, for about as long as the lease lasts; unwritten, it is sent again."""
        for delay in RECORDING:
            try:
                return await deliveries.record(self._pool, attempt, outcome)
            except Problem as problem:
                log.warning("webhook_unrecorded", endpoint=str(attempt.endpoint), reason=problem.code())
                await asyncio.sleep(delay)
        return await deliveries.record(self._pool, attempt, outcome)


async def recover(pool: Pool) -> int:
    """Take back what a sender had that was not heard of again; how many."""
    released = await deliveries.release_abandoned(pool)
    if released:
        log.warning("deliveries_recovered", count=released)
    return released
