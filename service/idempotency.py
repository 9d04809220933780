"""The same request twice is one effect: first answers, kept under their Idempotency-Key."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from service import failpoints, queries
from service.database import Connection, Pool, transaction
from service.errors import IdempotencyInFlight, IdempotencyKeyReused

SQL = queries.load("idempotency")


@dataclass(frozen=True, slots=True)
class Request:
    """What makes two requests the same: who asked, for what, under which key, with which content."""

    store: str  # '' where the address names none
    credential: str
    operation: str  # method and path
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was first given."""

    status: int
    body: str
    replayed: bool = False


def fingerprint(body: str) -> bytes:
    """Digest of a body after reading: spelled differently but meaning the same is the same."""
    return hashlib.sha256(body.encode()).digest()


async def once(pool: Pool, request: Request | None, work: Callable[[Connection], Awaitable[Kept]]) -> Kept:
    """Do `work` in one transaction that also keeps its answer; asked again, give that answer and do nothing.

    Raises IdempotencyInFlight while the first is running and IdempotencyKeyReused for another content.
    """
    answer = await _once(pool, request, work)
    failpoints.reached("once_committed")
    return answer


async def _once(pool: Pool, request: Request | None, work: Callable[[Connection], Awaitable[Kept]]) -> Kept:
    async with transaction(pool) as db:
        if request is None:
            return await work(db)
        names = {"store": request.store, "credential": request.credential}
        names |= {"operation": request.operation, "key": request.key}
        if not await SQL["lock"].value(db, **names):
            raise IdempotencyInFlight("Wait for its answer, or ask again with the same key.", retry_after=1)
        kept = await SQL["find"].row(db, **names)
        if kept is not None:
            if kept["fingerprint"] != request.fingerprint:
                raise IdempotencyKeyReused("Take a new key for a new request.")
            return Kept(kept["status"], kept["body"], replayed=True)
        answer = await work(db)
        failpoints.reached("once_written")
        await SQL["keep"].run(db, **names, fingerprint=request.fingerprint, status=answer.status, body=answer.body)
        failpoints.reached("once_kept")
        return answer


async def keep(pool: Pool, request: Request, answer: Kept) -> None:
    """Keep a refusal, whose own transaction left nothing; a first answer given meanwhile stays."""
    failpoints.reached("refusal_decided")
    async with transaction(pool) as db:
        await SQL["keep"].run(
            db,
            store=request.store,
            credential=request.credential,
            operation=request.operation,
            key=request.key,
            fingerprint=request.fingerprint,
            status=answer.status,
            body=answer.body,
        )


async def first_answer(db: Connection, request: Request | None) -> Kept | None:
    """The answer that this key got first, if it was used for the same request before."""
    if request is None:
        return None
    kept = await SQL["find"].row(
        db, store=request.store, credential=request.credential, operation=request.operation, key=request.key
    )
    if kept is None or kept["fingerprint"] != request.fingerprint:
        return None
    return Kept(kept["status"], kept["body"], replayed=True)
