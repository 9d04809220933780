"""Requests that wait travel together: whoever arrives while a statement is running joins the next one."""

import asyncio
import contextvars
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from service import traces
from service.errors import Busy, Unavailable

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

TOGETHER_SECONDS = 1.0  # more than statements that want the same thing take one after the other, also in a rush
GLANCE_SECONDS = 0.05
ALONE_SECONDS = 2.0


def _stays() -> bool:
    return False


@dataclass(slots=True)
class _Waiting(Generic[Asked, Answered]):
    asked: Asked
    gone: Callable[[], bool]
    trace: str | None = field(default_factory=traces.here)
    since: float = field(default_factory=time.monotonic)
    answer: asyncio.Future[Answered] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Together(Generic[Asked, Answered]):
    """A queue before some work that is cheaper for many at once.

    An idle one adds no wait: the first request starts at once, alone. Those who arrive meanwhile are taken in their
    order, `most` at a time, and no more than one of `parts` of all who are here, unless that is less than a crowd:
    where all travel at once, all are answered at once, and the work waits for requests or they for it. Up to `lanes`
    statements run side by side, each further one as soon as a `crowd` waits: a few are served sooner by the statement
    that is about to end than by one more that gets in its way. Beyond `longest` waiting ones, and while the first of
    them has waited for `patience` seconds, the answer is Busy: who is let in is served soon. Who has gone before their
    turn takes nothing. Where the work fails for many, each is tried alone: one poisoned request is refused alone.

    The work is told how many seconds it may wait for what others have in hand; it raises Busy after that. Companions
    lose no more than `TOGETHER_SECONDS` to who can't move, who then waits apart, and leaves the lane to the others.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Asked], float], Awaitable[Sequence[Answered]]],
        *,
        most: int,
        longest: int,
        lanes: int,
        crowd: int = 1,
        parts: int = 1,
        patience: float = 2.0,
    ) -> None:
        self._work = work
        self._most = most
        self._longest = longest
        self._lanes = lanes
        self._crowd = crowd
        self._parts = parts
        self._patience = patience
        self._running: set[asyncio.Task[None] | None] = set()
        self._apart: set[asyncio.Task[None]] = set()
        self._under_way = 0  # requests in statements
        self._waiting: deque[_Waiting[Asked, Answered]] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def refuse_when_full(self) -> None:
        """Raise Busy where one more would wait in vain, before any work goes into what they ask."""
        while self._waiting and self._waiting[0].answer.done():
            self._waiting.popleft()  # they have given up
        if len(self._waiting) >= self._longest or (
            self._waiting and time.monotonic() - self._waiting[0].since > self._patience
        ):
            raise Busy("Too many wait already.", retry_after=1)

    async def ask(self, asked: Asked, *, gone: Callable[[], bool] = _stays) -> Answered:
        """Wait for the answer. `gone` says whether the one who asked has left meanwhile. Raises Busy."""
        self.refuse_when_full()
        waiting: _Waiting[Asked, Answered] = _Waiting(asked, gone)
        self._waiting.append(waiting)
        if not self._running or (len(self._running) < self._lanes and len(self._waiting) >= self._crowd):
            self._running.add(asyncio.create_task(self._run(), context=contextvars.Context()))  # it is nobody's own
        return await waiting.answer

    async def _run(self) -> None:
        """Serve until nobody waits. The lane is free from that moment, not from when its task is noticed to be over."""
        try:
            while self._waiting:
                together = [self._waiting.popleft() for _ in range(self._next())]
                self._under_way += len(together)
                try:
                    await self._serve([one for one in together if not self._has_gone(one)])
                finally:
                    self._under_way -= len(together)
        finally:
            self._running.discard(asyncio.current_task())

    def _next(self) -> int:
        """How many of those who wait travel next."""
        share = math.ceil((len(self._waiting) + self._under_way) / self._parts)
        return min(max(share, self._crowd), self._most, len(self._waiting))

    @staticmethod
    def _has_gone(one: _Waiting[Asked, Answered]) -> bool:
        if one.gone():
            one.answer.cancel()
        return one.answer.done()

    async def _serve(self, together: Sequence[_Waiting[Asked, Answered]]) -> None:
        """Take some over; where that fails for many, each alone; who can't move goes on waiting apart."""
        seconds = (
            GLANCE_SECONDS if self._apart else TOGETHER_SECONDS
        )  # somebody keeps something locked: so much is known
        error = await self._try(together, seconds) if together else None
        if error is None:
            return
        if isinstance(error, Unavailable) or (len(together) == 1 and not isinstance(error, Busy)):
            self._tell(together, error)
            return
        stuck = together if len(together) == 1 else await self._each(together)
        if len(self._apart) >= self._lanes:  # connections are few, and others need them
            self._tell(stuck, Busy("Others are changing the same things; try again.", retry_after=1))
        elif stuck:
            task = asyncio.create_task(self._wait(stuck), context=contextvars.Context())
            self._apart.add(task)
            task.add_done_callback(self._apart.discard)

    async def _each(self, together: Sequence[_Waiting[Asked, Answered]]) -> list[_Waiting[Asked, Answered]]:
        """Try each alone, without waiting for anybody; those who would have to."""
        stuck = []
        for one in together:
            if self._has_gone(one):  # who was told meanwhile that it takes too long takes nothing any more
                continue
            error = await self._try([one], GLANCE_SECONDS)
            if isinstance(error, Busy):
                stuck.append(one)
            elif error is not None:
                self._tell([one], error)
        return stuck

    async def _wait(self, stuck: Sequence[_Waiting[Asked, Answered]]) -> None:
        """Wait until what they want is free, and no longer than a lock is worth."""
        error = await self._try(stuck, ALONE_SECONDS)
        if error is None:
            return
        if not isinstance(error, (Busy, Unavailable)):
            stuck, error = await self._each(stuck), Busy(retry_after=1)
        self._tell(stuck, error)

    async def _try(self, together: Sequence[_Waiting[Asked, Answered]], seconds: float) -> Exception | None:
        """Do the work and answer; or what went wrong."""
        try:
            with traces.span("together", links=[one.trace for one in together], count=len(together)):
                answers = await self._work([one.asked for one in together], seconds)
        except Exception as error:  # noqa: BLE001 -- it is theirs who wait for it
            return error
        for one, answer in zip(together, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)
        return None

    @staticmethod
    def _tell(together: Sequence[_Waiting[Asked, Answered]], error: Exception) -> None:
        for one in together:
            if not one.answer.done():
                one.answer.set_exception(error)
