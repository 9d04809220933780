"""What can be guessed is guessed ten times and no more, whoever restarts what."""

import asyncio
import time
from collections import Counter
from statistics import median
from typing import Any

import pytest
from structlog.testing import capture_logs

from service import attempts, codes
from service.access_errors import TooManyAttempts
from service.attempts import PICKUP_CODE, Guess
from service.database import connection
from service.errors import TooLate, WrongCode
from tests.service.api.conftest import Api, Told, api, serve
from tests.service.api.counters import Device, pair
from tests.shop import Shop, settings_for

__all__ = ["api"]

LATER = "update attempt set failed_at = array(select at - interval '15 minutes' from unnest(failed_at) at)"

TEN_SECONDS_LATER = "update attempt set under_way = array(select at - interval '10 seconds' from unnest(under_way) at)"


def another(code: str) -> str:
    """A code that could be one, and is not this."""
    return next(fresh for fresh in iter(codes.new_code, "") if fresh != code)


async def collect(device: Device, order: dict[str, Any], code: str) -> Told:
    """Hand over by this code."""
    return await device.ask("POST", f"/v1/stores/lyon/reservations/{order['id']}/collect", {"code": code})


async def test_ten_wrong_pickup_codes_stop_a_device_until_the_window_is_over(
    api: Api, shop: Shop, database_url: str
) -> None:
    await shop.stock("tea", 9)
    order = await shop.ready("tea", 1)
    device, other = await pair(api), await pair(api, name="Right tablet")
    with capture_logs() as lines:
        told = [await collect(device, order, another(order["pickup_code"])) for _ in range(13)]
    assert [one.status for one in told] == [422] * 10 + [429] * 3
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["guessing_stopped"]
    async with serve(settings_for(database_url), shop.pool) as restarted:
        device.api = restarted
        device.headers["Origin"] = restarted.url
        assert (await collect(device, order, order["pickup_code"])).status == 429
        await shop.pool.execute(LATER)
        assert (await collect(device, order, order["pickup_code"])).status == 200
    assert (await collect(other, order, order["pickup_code"])).json["applied"] is False


async def test_codes_are_not_tried_out_by_searching_and_what_is_no_code_is_searched_as_ever(
    api: Api, shop: Shop
) -> None:
    await shop.stock("tea", 9)
    order = await shop.ready("tea", 1, order_ref="222222")  # which could be a code, as one in 23 could
    device, right = await pair(api), order["pickup_code"]

    async def search(q: str) -> Told:
        return await device.ask("POST", "/v1/stores/lyon/reservations/search", {"q": q})

    for honest in (right, order["pickup_url"].rpartition("/")[2], "222222", "Camille", right[:5], "nobody"):
        assert {(await search(honest)).status for _ in range(11)} == {200}, honest
    token = "2" * codes.TOKEN_LENGTH
    told = [await search(q) for q in [token] * 5 + [another(right) for _ in range(11)]]
    assert [one.status for one in told] == [200] * (5 + 9) + [429] * 2, "what lies before the scanner is one attempt"
    assert all(one.json["items"] == [] for one in told[:14])
    assert ((await search(right)).json["code"], (await search("Camille")).status) == ("too_many_attempts", 200)
    assert (await collect(device, order, right)).status == 429


async def test_a_code_that_was_wrong_counts_once_for_an_order_until_another_is_tried(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 9)
    one, two = await shop.ready("tea", 1), await shop.ready("tea", 1)
    device, code, other = await pair(api), another(one["pickup_code"]), another(two["pickup_code"])

    async def counted(order: dict[str, Any], code: str) -> int:
        assert (await collect(device, order, code)).status == 422
        async with connection(shop.pool) as db:
            return (await attempts.failures(db))["lyon"]

    assert [await counted(one, code), await counted(one, code.lower()), await counted(one, f" {code}")] == [1, 1, 1]
    assert [await counted(two, code), await counted(two, other), await counted(two, code)] == [2, 3, 4]
    await shop.pool.execute(LATER)
    assert await counted(two, code) == 1, "it is forgotten with the failure it was"


async def test_many_guesses_at_once_are_counted_each(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 9)
    order = await shop.ready("tea", 1)
    device = await pair(api)
    told = await asyncio.gather(*(collect(device, order, another(order["pickup_code"])) for _ in range(40)))
    assert sorted(one.status for one in told) == [422] * 10 + [429] * 30


@pytest.mark.ordeal
@pytest.mark.timeout(300)
async def test_ten_thousand_guesses_by_one_device_are_ten(shop: Shop, database_url: str) -> None:
    await shop.stock("tea", 9)
    order = await shop.ready("tea", 1)
    tried: Counter[tuple[int, str]] = Counter()
    async with serve(settings_for(database_url, rate_limit_per_second=0), shop.pool) as api:
        device = await pair(api)
        for _ in range(200):
            told = await asyncio.gather(*(collect(device, order, another(order["pickup_code"])) for _ in range(50)))
            tried.update((one.status, one.json["code"]) for one in told)
            assert (await collect(device, order, order["pickup_code"])).status == 429, "nor does the right one help"
        assert tried == {(422, "wrong_code"): 10, (429, "too_many_attempts"): 9990}
        await shop.pool.execute(LATER)
        assert (await collect(device, order, order["pickup_code"])).status == 200


@pytest.mark.ordeal
async def test_how_long_a_wrong_code_takes_tells_nothing(shop: Shop) -> None:
    await shop.stock("tea", 9)
    order = await shop.ready("tea", 1)
    right: str = order["pickup_code"]
    every = (right[:4] + symbol + codes.check_symbol(right[:4] + symbol) for symbol in codes.ALPHABET)
    near = next(code for code in every if code != right)
    far = next(code for code in iter(codes.new_code, "") if code[0] != right[0])
    took: dict[str, list[float]] = {"near": [], "far": []}
    for _ in range(1000):
        for what, code in (("near", near), ("far", far)):
            began = time.perf_counter()
            with pytest.raises(WrongCode):
                await shop.collect(order, code=code)
            took[what].append(time.perf_counter() - began)
    apart = abs(median(took["near"]) - median(took["far"]))
    assert apart < 0.001


async def test_what_is_right_or_was_not_judged_costs_nothing(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 30)
    device = await pair(api)
    waiting = await shop.confirm(await shop.hold("tea", 1))
    for _ in range(12):
        order = await shop.ready("tea", 1)
        assert (await collect(device, order, order["pickup_code"])).status == 200
        assert (await collect(device, order, order["pickup_code"])).status == 200  # again: it stands already
        assert (await collect(device, waiting, waiting["pickup_code"])).status == 409
    async with connection(shop.pool) as db:
        assert await attempts.failures(db) == {}


async def test_twenty_devices_that_guess_raise_their_store_s_alarm(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 9)
    await shop.store("lille")
    with capture_logs() as lines:
        for number in range(20):
            guess = Guess(PICKUP_CODE, "lyon", f"device:{number}")
            for _ in range(3):
                with pytest.raises(WrongCode):
                    async with attempts.counted(shop.pool, guess, WrongCode):
                        raise WrongCode
    alarms = [line for line in lines if line["event"] == "codes_are_guessed"]
    assert {(line["store"], line["log_level"]) for line in alarms} == {("lyon", "warning")}
    assert min(line["count"] for line in alarms) == attempts.ALARMING
    assert 'comptoir_wrong_pickup_codes{what="lyon"} 60.0' in (await api.get("/metrics", key="")).text


async def test_what_failed_a_while_ago_counts_no_more(shop: Shop) -> None:
    guess = Guess(PICKUP_CODE, "lyon", "device:one")
    for _ in range(6):
        await guess.failed(shop.pool, await guess.take(shop.pool))
    await shop.pool.execute(LATER)
    with pytest.raises(WrongCode):
        async with attempts.counted(shop.pool, guess, WrongCode):
            raise WrongCode
    with pytest.raises(TooLate):
        async with attempts.counted(shop.pool, guess, WrongCode):
            raise TooLate
    async with connection(shop.pool) as db:
        assert await attempts.failures(db) == {"lyon": 1}


async def test_attempts_whose_process_died_stop_nobody_for_long(shop: Shop) -> None:
    guess = Guess(PICKUP_CODE, "lyon", "device:one")
    for _ in range(10):
        await guess.take(shop.pool)
    with pytest.raises(TooManyAttempts) as refused:
        await guess.take(shop.pool)
    assert refused.value.retry_after == 1
    await shop.pool.execute(
        "update attempt set under_way = array(select at - interval '10 seconds' from unnest(under_way) at)"
    )
    await guess.failed(shop.pool, await guess.take(shop.pool))
    async with connection(shop.pool) as db:
        assert await attempts.failures(db) == {"lyon": 1}
