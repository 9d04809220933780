"""How work comes round: woken, repeated while there is more, undeterred by failures."""

import asyncio
from time import monotonic

import pytest
from structlog.testing import capture_logs

from service.errors import Busy, Unavailable
from workers import rounds
from workers.rounds import Round, each_store


async def go(round_: Round, seconds: float) -> None:
    task = asyncio.create_task(round_.run())
    await asyncio.sleep(seconds)
    round_.stop()
    await asyncio.wait_for(task, 1)


async def test_work_goes_on_at_once_while_there_is_more() -> None:
    left = [5, 3, 1, 0]
    told: list[int] = []

    async def work() -> int:
        return left.pop(0) if left else 0

    await go(Round("work", work, every=60, then=lambda: told.append(len(left))), 0.05)
    assert left == []
    assert told == [3, 2, 1]


async def test_a_round_rests_until_it_is_woken() -> None:
    looks: list[float] = []

    async def work() -> int:
        looks.append(monotonic())
        return 0

    round_ = Round("work", work, every=60)
    task = asyncio.create_task(round_.run())
    await asyncio.sleep(0.05)
    assert len(looks) == 1
    round_.wake()
    await asyncio.sleep(0.05)
    assert len(looks) == 2
    round_.stop()
    await asyncio.wait_for(task, 1)
    assert len(looks) == 2


async def test_being_woken_while_at_work_is_not_forgotten() -> None:
    looks = 0

    async def work() -> int:
        nonlocal looks
        looks += 1
        if looks == 1:
            round_.wake()  # something new, which this look may have missed
        return 0

    round_ = Round("work", work, every=60)
    await go(round_, 0.05)
    assert looks == 2


async def test_failing_work_is_tried_again_ever_later_and_said_ever_more_rarely() -> None:
    looks = 0

    async def work() -> int:
        nonlocal looks
        looks += 1
        if looks % 2:
            raise Unavailable
        raise RuntimeError

    with capture_logs() as said:
        await go(Round("work", work, every=0.005), 0.6)
    assert 4 <= looks <= 8  # 5, 10, 20, 40 … ms
    assert [line["count"] for line in said] == [n for n in (1, 2, 4, 8) if n <= looks]


async def test_a_store_that_fails_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_complained", {})
    monkeypatch.setattr(rounds, "_passed", {})
    broken = {"b": Busy, "c": RuntimeError}

    async def work(store: str) -> str:
        if store in broken:
            raise broken[store]
        return store

    with capture_logs() as said:
        for _ in range(3):
            assert await each_store("abcdefg", work) == ["a", "d", "e", "f", "g"]
    assert [(line["store"], line["reason"]) for line in said] == [("b", "busy"), ("c", None)]
    assert list(rounds.passed_over().values()) == [2]
    del broken["b"]
    with capture_logs():
        await each_store("abc", work)
    assert list(rounds.passed_over().values()) == [1]
    monkeypatch.setattr(rounds, "LATELY", 0.0)
    assert rounds.passed_over() == {}


async def test_without_a_database_no_store_is_tried_in_vain() -> None:
    tried: list[str] = []

    async def work(store: str) -> None:
        tried.append(store)
        await asyncio.sleep(0)
        raise Unavailable

    with pytest.raises(Unavailable):
        await each_store((str(n) for n in range(100)), work)
    assert len(tried) == rounds.AT_ONCE
