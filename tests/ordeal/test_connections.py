"""Connections that break, lag and swallow at the worst moments: what was answered is so, a key finds the rest."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import NamedTuple

import pytest

from demo.servers import Valkey
from tests.ordeal.conftest import Start
from tests.ordeal.proxy import Fate, Proxy, between
from tests.ordeal.world import Api, Caller, Heard, Worker, order
from tests.shop import Shop
from tests.workers.conftest import MailServer, orders, until

Seen = Callable[[str], None]

END_CONNECTIONS = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'comptoir-api'"
HOLDS = "/v1/stores/lyon/reservations"


class Way(NamedTuple):
    """A proxy, and an API that reaches PostgreSQL by it."""

    proxy: Proxy
    url: str


@pytest.fixture
async def way(shop: Shop, start: Start, database_url: str) -> AsyncIterator[Way]:
    """An API behind a proxy."""
    await shop.stock("tea", 1000)
    async with between(database_url) as (proxy, address):
        api = await start(Api, database_url=address)
        assert isinstance(api, Api)
        yield Way(proxy, api.url)


async def again_until_answered(caller: Caller, url: str, ref: str) -> tuple[list[Heard], Heard]:
    """Hold, again and again under one key; what was heard before the answer, and the answer."""
    before: list[Heard] = []
    for _ in range(40):
        heard = await caller.ask(url + HOLDS, once=f"key-{ref}", json=order(ref))
        if heard.status in {200, 201}:
            return before, heard
        before.append(heard)
        await asyncio.sleep(0.1)
    raise AssertionError(before)


async def test_an_answer_cut_between_api_and_caller_is_found_again(
    shop: Shop, caller: Caller, way: Way, seen: Seen
) -> None:
    async with between(way.url) as (proxy, url):
        fates = iter([Fate.LOSE_ANSWER])
        proxy.judge = lambda piece: next(fates, Fate.PASS) if b"order_ref" in piece else Fate.PASS
        before, heard = await again_until_answered(caller, url, "one")
    assert [one.status for one in before] == [0]
    assert heard.status == 201
    assert heard.headers["Idempotency-Replayed"] == "true"
    assert (await shop.position("tea"))["reserved"] == 1
    seen("the answer was cut after the commit; the same key: 201, replayed; one unit reserved")


def drawn(chance: random.Random, refs: set[str]) -> Callable[[bytes], Fate]:
    """Lose each order's first statement or the answer to it, as chance has it; each once."""
    left = set(refs)

    def judge(piece: bytes) -> Fate:
        for ref in [ref for ref in left if ref.encode() in piece]:
            left.discard(ref)
            return chance.choice([Fate.LOSE_REQUEST, Fate.LOSE_ANSWER])
        return Fate.PASS

    return judge


@pytest.mark.parametrize("number", [pytest.param(20), pytest.param(100, marks=pytest.mark.ordeal)])
async def test_when_postgres_does_not_say_whether_it_committed_the_same_key_tells(
    shop: Shop, caller: Caller, way: Way, chance: random.Random, seen: Seen, number: int
) -> None:
    refs = [f"order-{n:03}x" for n in range(number)]
    way.proxy.judge = drawn(chance, set(refs))
    way.proxy.patience = 0.05
    told = [await again_until_answered(caller, way.url, ref) for ref in refs]
    first = [before[0] for before, _ in told]
    assert {one.status for one in first} == {503}
    assert all(int(one.headers["Retry-After"]) > 0 for one in first)
    branches = Counter("done" if "Idempotency-Replayed" in heard.headers else "not done" for _, heard in told)
    assert min(branches["done"], branches["not done"]) >= number // 10, branches
    assert (await shop.position("tea"))["reserved"] == number
    assert await shop.pool.fetchval("select count(*) from reservation") == number
    done, undone = branches["done"], branches["not done"]
    seen(f"{number} commits of unknown outcome: 503 each; {done} had happened, {undone} had not; one effect each")


def confirmations(lost: Iterator[Fate]) -> Callable[[bytes], Fate]:
    """What becomes of COMMITs, one after the other."""
    return lambda piece: next(lost, Fate.PASS) if b"COMMIT;" in piece else Fate.PASS


@pytest.mark.parametrize("fate", [Fate.LOSE_REQUEST, Fate.LOSE_ANSWER])
async def test_a_step_whose_commit_is_lost_is_taken_once(
    shop: Shop, caller: Caller, way: Way, seen: Seen, fate: Fate
) -> None:
    held = await shop.hold("tea", 1)
    url = f"{way.url}{HOLDS}/{held['id']}/confirm"
    way.proxy.judge = confirmations(iter([fate]))
    lost = await caller.ask(url, json={})
    assert lost.status == 503
    again = await caller.ask(url, json={})
    assert (again.status, again.body["state"]) == (200, "confirmed")
    assert again.body["applied"] is (fate is Fate.LOSE_REQUEST)
    assert await shop.events("reservation.confirmed") == ["reservation.confirmed"]
    seen(f"{fate.value} of COMMIT: 503; asked again: confirmed once")


async def timed(asking: Awaitable[Heard]) -> tuple[float, Heard]:
    """How long an answer took, and what it said."""
    began = time.monotonic()
    heard = await asking
    return time.monotonic() - began, heard


def everything(caller: Caller, url: str, id: str, name: str) -> list[Awaitable[Heard]]:
    """Ten holds, a step, a look, and how the process is."""
    holds = url + HOLDS
    asked = [caller.ask(holds, once=f"{name}-{n}", json=order(f"{name}-{n}")) for n in range(10)]
    asked.append(caller.ask(f"{holds}/{id}/confirm", json={}))
    return asked + [caller.ask(one, method="GET") for one in (f"{holds}/{id}", f"{url}/livez", f"{url}/readyz")]


@pytest.mark.ordeal
@pytest.mark.timeout(120)
async def test_a_postgres_that_swallows_everything_is_answered_for_within_five_seconds(
    shop: Shop, caller: Caller, way: Way, seen: Seen
) -> None:
    one = await shop.hold("tea", 1)
    await asyncio.gather(*everything(caller, way.url, one["id"], "quick"))  # so that connections are open

    way.proxy.seconds = 0.3
    slow = await asyncio.gather(*map(timed, everything(caller, way.url, one["id"], "slow")))
    assert [heard.status for _, heard in slow[:10]] == [201] * 10
    assert {heard.status for _, heard in slow[10:]} <= {200, 503}, "a step goes there and back many times"
    assert max(wait for wait, _ in slow) < 5.2
    way.proxy.heal()
    way.proxy.swallow()
    waits: list[float] = []
    until = time.monotonic() + 30
    while time.monotonic() < until:
        told = await asyncio.gather(*map(timed, everything(caller, way.url, one["id"], "swallowed")))
        assert [heard.status for _, heard in told] == [503] * 12 + [200, 503]
        assert all(int(heard.headers["Retry-After"]) > 0 for _, heard in told[:12])
        waits += [wait for wait, _ in told]
    assert max(waits) < 5.2, "five, and what the way there and back takes on a busy machine"
    way.proxy.heal()
    healed = time.monotonic()
    for n in range(10):
        await again_until_answered(caller, way.url, f"swallowed-{n}")
    back = time.monotonic() - healed
    assert back < 5
    assert (await caller.ask(f"{way.url}/readyz", method="GET")).status == 200
    assert (await shop.position("tea"))["reserved"] == 31
    stuck = await shop.pool.fetchval("select count(*) from pg_stat_activity where state like 'idle in transaction%'")
    assert stuck == 0
    seen(
        f"+300 ms: answered in {max(wait for wait, _ in slow):.1f} s; swallowed for 30 s: {len(waits)} answers within"
        f" {max(waits):.1f} s, holds, steps and looks 503, alive, not ready; well {back:.1f} s after"
    )


@pytest.mark.ordeal
async def test_redis_that_breaks_lags_and_swallows_changes_nothing(
    shop: Shop, start: Start, valkey: Valkey, seen: Seen
) -> None:
    async with between(valkey.url) as (proxy, address):
        await start(Worker, REDIS_URL=address)
        await start(Worker, REDIS_URL=address)
        for harm in ("lag", "swallow", "cut"):
            if harm == "lag":
                proxy.seconds = 1
            if harm == "swallow":
                proxy.swallow()
            await orders(shop, 20)
            if harm == "cut":
                await proxy.cut()
            await until(lambda: told_all(shop), seconds=20)
            proxy.heal()
    assert await shop.pool.fetchval("select count(*) from captured_message where sendings = 1") == 60
    seen("Redis lagged a second, swallowed, broke off: 60 messages within seconds, each once")


async def told_all(shop: Shop) -> bool:
    """Whether nothing waits."""
    return not await shop.pool.fetchval(
        "select (select count(*) from event where position is null)"
        " + (select count(*) from notification where state in ('pending', 'sending', 'unknown'))"
    )


async def test_a_carrier_whose_answers_get_lost_gets_each_message_under_one_name(
    shop: Shop, start: Start, mail: MailServer, seen: Seen
) -> None:
    await orders(shop, 12)
    async with between(mail.url) as (proxy, address):
        lost = iter([Fate.LOSE_ANSWER, Fate.PASS, Fate.LOSE_REQUEST] * 2)
        proxy.judge = lambda piece: next(lost, Fate.PASS) if piece.endswith(b"\r\n.\r\n") else Fate.PASS
        await start(Worker, EMAIL_PROVIDERS='["smtp"]', SMTP_URL=address)

        async def settled() -> bool:
            await shop.pool.execute(
                "update notification set next_attempt_at = now() where state in ('pending', 'unknown')"
            )
            return await told_all(shop)

        await until(settled)
        assert proxy.lost == 4
    times = Counter(mail.mailbox.refs)
    assert len(times) == 12
    assert sorted(times.values()) == [1] * 10 + [2] * 2
    seen("SMTP, 4 answers or messages lost at the last dot: 12 messages, 2 of them twice under the same Message-ID")


async def test_when_postgres_ends_every_connection_callers_hear_503_and_acknowledged_holds_are_there(
    caller: Caller, shop: Shop, start: Start, seen: Seen
) -> None:
    await shop.stock("tea", 100_000)
    api = await start(Api)
    assert isinstance(api, Api)
    made: list[str] = []
    refused: Counter[int] = Counter()
    over = asyncio.Event()

    async def customer(number: int) -> None:
        n = 0
        while not over.is_set():
            n += 1
            ref = f"customer-{number}-{n}"
            heard = await caller.ask(api.url + HOLDS, once=ref, json=order(ref))
            if heard.status == 201:
                made.append(ref)
            else:
                refused[heard.status] += 1
                assert heard.status == 503, heard
                assert "Retry-After" in heard.headers

    customers = [asyncio.create_task(customer(n)) for n in range(5)]
    for _ in range(5):
        await asyncio.sleep(0.4)
        await shop.pool.execute(END_CONNECTIONS)
    await asyncio.sleep(0.5)
    over.set()
    await asyncio.gather(*customers)
    found = {row["order_ref"] for row in await shop.pool.fetch("select order_ref from reservation")}
    assert set(made) <= found
    seen(f"connections ended 5 times: {len(made)} holds acknowledged, all there; {sum(refused.values())} heard 503")
