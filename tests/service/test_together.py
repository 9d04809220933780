"""Travelling together: no wait when idle, fair, bounded, and nobody pays for another."""

import asyncio
from collections.abc import Sequence

import pytest

from service.errors import Busy, Unavailable
from service.together import ALONE_SECONDS, GLANCE_SECONDS, TOGETHER_SECONDS, Together


class Ferry:
    """Some work that notes who travelled together, and waits until it is let go."""

    def __init__(self) -> None:
        self.trips: list[list[int]] = []
        self.gate = asyncio.Event()
        self.patience: list[float] = []
        self.over = asyncio.Event()

    async def cross(self, together: Sequence[int], seconds: float = 0) -> list[int]:
        """Take them over; 13 sinks the boat, and whoever goes with somebody from 100 on waits for nothing."""
        self.trips.append(list(together))
        self.patience.append(seconds)
        if max(together) >= 100:
            if seconds == ALONE_SECONDS:
                await self.over.wait()
            raise Busy
        await self.gate.wait()
        if 13 in together:
            raise ValueError("13")
        return [one * 10 for one in together]


@pytest.fixture
async def ferry() -> Ferry:
    """A ferry that has not left."""
    return Ferry()


async def settle() -> None:
    """Let everybody who can move do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_first_starts_at_once_and_the_others_join_the_next_trip(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=3, longest=100, lanes=1)
    asked = [asyncio.create_task(together.ask(n)) for n in range(6)]
    await settle()
    assert ferry.trips == [[0, 1, 2]]
    ferry.gate.set()
    assert list(await asyncio.gather(*asked)) == [0, 10, 20, 30, 40, 50]
    assert [one for trip in ferry.trips for one in trip] == [0, 1, 2, 3, 4, 5], "first come, first served"
    assert max(map(len, ferry.trips)) == 3


async def test_lanes_run_side_by_side(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=1, longest=100, lanes=2)
    asked = [asyncio.create_task(together.ask(n)) for n in range(3)]
    await settle()
    assert len(ferry.trips) == 2
    ferry.gate.set()
    await asyncio.gather(*asked)


async def test_a_part_of_those_who_are_here_travels_while_the_others_get_ready(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=9, longest=100, lanes=2, crowd=2, parts=3)
    asked = [asyncio.create_task(together.ask(n)) for n in range(12)]
    await settle()
    assert ferry.trips == [[0, 1, 2, 3], [4, 5, 6, 7]], "a third of all, whoever is under way counted in"
    ferry.gate.set()
    assert list(await asyncio.gather(*asked)) == [10 * n for n in range(12)]
    assert ferry.trips[2:] == [[8, 9, 10], [11]]


async def test_a_part_is_never_less_than_a_crowd_nor_more_than_fits(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=5, longest=100, lanes=1, crowd=4, parts=3)
    few = [asyncio.create_task(together.ask(n)) for n in range(6)]
    await settle()
    many = [asyncio.create_task(together.ask(n)) for n in range(20, 44)]
    await settle()
    ferry.gate.set()
    await asyncio.gather(*few, *many)
    assert len(ferry.trips[0]) == 4
    assert max(map(len, ferry.trips)) == 5


async def test_who_asks_again_at_once_is_served_again(ferry: Ferry) -> None:
    """The lane that has just ended is free, though its task is not yet noticed to be over."""
    together = Together(ferry.cross, most=1, longest=10, lanes=1)
    ferry.gate.set()
    async with asyncio.timeout(2):
        assert [await together.ask(n) for n in range(5)] == [0, 10, 20, 30, 40]


async def test_one_poisoned_request_fails_alone(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=10, longest=100, lanes=1)
    ferry.gate.set()
    answers = await asyncio.gather(*(together.ask(n) for n in (11, 12, 13, 14)), return_exceptions=True)
    assert answers[:2] == [110, 120]
    assert isinstance(answers[2], ValueError)
    assert answers[3] == 140


async def test_who_can_not_move_waits_apart_and_holds_up_the_others_once(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=10, longest=100, lanes=1)
    ferry.gate.set()
    asked = {n: asyncio.create_task(together.ask(n)) for n in (0, 100, 11, 101, 12)}
    assert await asyncio.gather(*(asked[n] for n in (0, 11, 12))) == [0, 110, 120]
    later = asyncio.create_task(together.ask(14))
    assert await later == 140, "nor do they keep the lane"
    assert not asked[100].done()
    assert ferry.trips[-2:] == [[100, 101], [14]]
    ferry.over.set()
    told = await asyncio.gather(asked[100], asked[101], return_exceptions=True)
    assert {type(one) for one in told} == {Busy}, "and no longer than a lock is worth"
    assert ferry.patience == [TOGETHER_SECONDS, *[GLANCE_SECONDS] * 5, ALONE_SECONDS, GLANCE_SECONDS]


async def test_those_who_wait_apart_are_few(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=1, longest=100, lanes=1)
    ferry.gate.set()
    asked = [asyncio.create_task(together.ask(n)) for n in (100, 101, 1)]
    assert await asked[2] == 10
    assert asked[1].done(), "another connection is nobody's to wait with"
    assert not asked[0].done()
    ferry.over.set()
    assert isinstance((await asyncio.gather(asked[0], return_exceptions=True))[0], Busy)


async def test_without_a_database_everybody_is_told_at_once() -> None:
    trips = 0

    async def sink(_together: Sequence[int], _seconds: float) -> list[int]:
        nonlocal trips
        trips += 1
        raise Unavailable

    together = Together(sink, most=10, longest=100, lanes=1)
    answers = await asyncio.gather(*(together.ask(n) for n in range(5)), return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert trips <= 2, "and not one after the other"


async def test_who_gave_up_is_not_tried_alone(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=10, longest=100, lanes=1)
    asked = [asyncio.create_task(together.ask(n)) for n in (13, 14, 15)]
    await settle()
    asked[1].cancel()
    ferry.gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[2] == 150
    assert [14] not in ferry.trips


async def test_a_queue_that_is_full_says_so(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=1, longest=2, lanes=1)
    asked = [asyncio.create_task(together.ask(0))]
    await settle()
    asked += [asyncio.create_task(together.ask(n)) for n in (1, 2)]
    await settle()
    with pytest.raises(Busy) as refused:
        await together.ask(3)
    assert refused.value.retry_after == 1
    ferry.gate.set()
    assert list(await asyncio.gather(*asked)) == [0, 10, 20]


async def test_who_has_gone_takes_nothing(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=10, longest=100, lanes=1)
    first = asyncio.create_task(together.ask(0))
    await settle()
    cancelled = asyncio.create_task(together.ask(1))
    left = asyncio.create_task(together.ask(2, gone=lambda: True))
    stays = asyncio.create_task(together.ask(3))
    await settle()
    cancelled.cancel()
    ferry.gate.set()
    assert list(await asyncio.gather(first, stays)) == [0, 30]
    gone = await asyncio.gather(cancelled, left, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in gone)
    assert ferry.trips == [[0], [3]]


async def test_when_the_first_has_waited_long_nobody_else_is_let_in(ferry: Ferry) -> None:
    together = Together(ferry.cross, most=1, longest=100, lanes=1, patience=0.02)
    asked = [asyncio.create_task(together.ask(n)) for n in range(3)]
    await asyncio.sleep(0.05)
    with pytest.raises(Busy):
        await together.ask(3)
    asked[1].cancel()  # the first in line gives up, and so does the next
    asked[2].cancel()
    await settle()
    asked.append(asyncio.create_task(together.ask(4)))
    ferry.gate.set()
    await asyncio.gather(*asked, return_exceptions=True)
    assert asked[3].result() == 40
