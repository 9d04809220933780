"""A soak of ten seconds: every answer is right, and what grows is noticed."""

import pytest

from bench import soak, soak_chart
from bench.growth import Series, verdict


@pytest.mark.alone
async def test_ten_seconds_of_mixed_life_are_measured_from_every_side_and_proved() -> None:
    series = await soak.spend(10, rate=60, every=2)
    seen = {one.name for one in series}
    kinds = {"hold", "confirm", "pick", "shelve", "collect", "cancel", "queue", "search", "movement", "count"}
    assert {f"p99 {kind}" for kind in kinds} | {"memory of the API", "memory of the worker"} <= seen
    assert {f"bytes {table}" for table in soak.TABLES} | {f"dead {table}" for table in soak.TABLES} <= seen
    assert not [one.name for one in series if one.name.startswith("late") and one.grows], verdict(series)
    assert "memory of the worker" in soak_chart.draw(series, 0.25)


def test_what_grows_is_noticed_and_what_wavers_is_not() -> None:
    assert not Series("memory", "MiB", [90, 99, 90, 95] * 9, 1.1, 1).grows
    leaking = Series("memory", "MiB", [90.0 + n for n in range(36)], 1.1, 1)
    assert leaking.grows
    assert "GROWS" in verdict([leaking])
