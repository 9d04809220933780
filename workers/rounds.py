"""How work comes round: every so often, at once when woken or when there is more, whatever went wrong last time."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

from service import traces
from service.errors import Problem, Unavailable

log = structlog.get_logger()

Done = TypeVar("Done")

AT_ONCE = 3  # stores
SILENCE = 60.0  # seconds without saying the same of a store
LATELY = 900.0  # seconds for which a store counts as passed over: upkeep comes round every ten minutes
SLOWEST = 30.0  # seconds between attempts of work that keeps failing


async def each_store(stores: Iterable[str], work: Callable[[str], Awaitable[Done]]) -> list[Done]:
    """Do the work of each store, a few at a time; one that fails holds up no other, and is tried again next time.

    Raises Unavailable: then there is no database, and no use in going on.
    """
    task = asyncio.current_task()
    job = task.get_name() if task else ""  # the worker names its tasks after their rounds
    done: list[Done] = []
    away: list[Unavailable] = []
    waiting = iter(stores)

    async def serve_in_line() -> None:
        for store in waiting:
            try:
                with traces.span(f"round {job}", job=job, store=store):
                    done.append(await work(store))
                _passed.pop((job, store), None)
            except Unavailable as problem:
                away.append(problem)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is this store's only
                _passed[job, store] = time.monotonic()
                _complain(store, error)
            if away:
                return

    await asyncio.gather(*(serve_in_line() for _ in range(AT_ONCE)))
    if away:
        raise away[0]
    return done


_complained: dict[tuple[str, str], float] = {}
_passed: dict[tuple[str, str], float] = {}


def passed_over() -> dict[str, int]:
    """Of how many stores this process could not do its work lately, and has not since; by the name of the round."""
    now = time.monotonic()
    for what in [what for what, at in _passed.items() if now - at >= LATELY]:
        del _passed[what]
    return dict(Counter(job for job, _ in _passed))


def _complain(store: str, error: Exception) -> None:
    """Say what went wrong in a store, and not again for a while that it is still so."""
    what, now = (store, type(error).__name__), time.monotonic()
    if now - _complained.get(what, -SILENCE) >= SILENCE:
        _complained[what] = now
        reason = error.code() if isinstance(error, Problem) else None
        log.error("store_passed_over", store=store, reason=reason, exc_info=None if reason else error)


class Round:
    """One kind of work that looks for itself in PostgreSQL what there is to do; any number may run at once."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[int]], *, every: float, then: Callable[[], None] | None = None
    ) -> None:
        """`every`: seconds between two looks. `then` wakes whoever has more to do once something was done."""
        self.name = name
        self._work = work
        self._every = every
        self._then = then
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """There may be something to do now."""
        self._woken.set()

    def stop(self) -> None:
        """Finish what is in hand, and no more."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Go round until stopped."""
        failures = 0
        while not self._stopping:
            self._woken.clear()
            try:
                done = await self._work()
                failures = 0
            except Exception as error:  # noqa: BLE001 -- whatever it is, the next round looks again
                failures += 1
                done = 0
                self._complain(error, failures)
            if done and self._then:
                self._then()
            if done:
                continue
            await self._rest(min(SLOWEST, self._every * 2 ** min(failures, 10)))

    async def _rest(self, seconds: float) -> None:
        if not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), seconds)

    def _complain(self, error: Exception, failures: int) -> None:
        """Say that it fails ever more rarely: at the first, second, fourth, eighth … failure in a row."""
        if failures & (failures - 1):
            return
        if isinstance(error, Problem):
            log.warning("round_failed", job=self.name, reason=error.code(), count=failures)
        else:
            log.error("round_failed", job=self.name, count=failures, exc_info=error)
