"""How much one may ask in a second."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from multidict import CIMultiDict

from service import keys
from service.api import limits
from service.api.endpoints import OPERATIONS, Answer, Call, Endpoint
from service.api.limits import Buckets
from service.callers import Scope
from service.database import Pool
from service.errors import TooManyRequests
from service.models.health import Alive
from tests.service.api.conftest import Api, serve
from tests.shop import settings_for


async def _alive(_call: Call[None]) -> Answer:
    return Answer(Alive(status="alive"))


def endpoint(path: str, scopes: frozenset[Scope] | None, tag: str = "Test") -> Endpoint:
    """Something to ask often."""
    return Endpoint(method="GET", path=path, handle=_alive, summary="", tag=tag, scopes=scopes, answers={200: Alive})


ENDPOINTS = (
    endpoint("/v1/closed", frozenset({Scope.CHECKOUT})),
    endpoint("/p/open", None),
    endpoint("/livez", None, OPERATIONS),
)


class Stopped:
    """A clock that goes on when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """The time, in seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Stopped:
    """The clock of all limits."""
    stopped = Stopped()
    monkeypatch.setattr(limits, "time", stopped)
    return stopped


@pytest.fixture
def narrow(pool: Pool, database_url: str, clock: Stopped) -> Callable[..., Any]:
    """Makes APIs that take three requests a second, so six at once."""

    def make(**settings: Any) -> Any:
        few = {"rate_limit_per_second": 3, "public_rate_limit_per_second": 3, **settings}
        return serve(settings_for(database_url, **few), pool, ENDPOINTS)

    return make


async def statuses(api: Api, path: str, times: int, **options: Any) -> list[int]:
    """Ask so often, as fast as it goes."""
    return [(await api.get(path, **options)).status for _ in range(times)]


async def test_a_key_that_asks_too_much_is_told_when_to_come_back(narrow: Any, clock: Stopped) -> None:
    async with narrow() as api:
        assert await statuses(api, "/v1/closed", 6) == [200] * 6
        told = await api.get("/v1/closed")
        assert (told.status, told.json["code"]) == (429, "too_many_requests")
        assert told.headers["Retry-After"] == "1"
        assert told.headers["RateLimit-Policy"] == '"key";q=6;w=2'
        assert told.headers["RateLimit"] == '"key";r=0;t=2'
        clock.now = 0.3
        assert (await api.get("/v1/closed")).status == 429
        clock.now = 1.0
        assert (await api.get("/v1/closed")).status == 200


async def test_every_answer_tells_what_is_left(narrow: Any) -> None:
    async with narrow() as api:
        assert (await api.get("/v1/closed")).headers["RateLimit"] == '"key";r=5;t=1'


async def test_one_key_does_not_wait_for_another(narrow: Any) -> None:
    async with narrow() as api:
        await statuses(api, "/v1/closed", 7)
        assert (await api.get("/v1/closed", key=await api.key())).status == 200


async def test_open_pages_are_limited_by_address_and_operations_never(narrow: Any) -> None:
    async with narrow() as api:
        assert await statuses(api, "/p/open", 7, key="") == [200] * 6 + [429]
        assert await statuses(api, "/livez", 30, key="") == [200] * 30


async def test_a_stranger_can_not_pretend_to_be_many(narrow: Any) -> None:
    async with narrow() as api:
        told = [await api.get("/p/open", key="", headers={"X-Forwarded-For": f"10.0.0.{n}"}) for n in range(7)]
        assert [one.status for one in told] == [200] * 6 + [429]


async def test_behind_a_trusted_proxy_each_client_is_its_own(narrow: Any) -> None:
    async with narrow(trusted_proxies=("127.0.0.0/8",)) as api:
        for n in range(8):
            headers = {"X-Forwarded-For": f"192.0.2.99, 10.0.0.{n}"}
            assert (await api.get("/p/open", key="", headers=headers)).status == 200
        same = [
            (await api.get("/p/open", key="", headers={"X-Forwarded-For": f"192.0.2.{n}, 10.9.9.9"})).status
            for n in range(7)
        ]
        assert same == [200] * 6 + [429]


async def test_what_a_proxy_adds_on_a_line_of_its_own_counts(narrow: Any) -> None:
    async with narrow(trusted_proxies=("127.0.0.0/8",)) as api:
        told = []
        for n in range(7):
            hops = CIMultiDict([("X-Forwarded-For", f"10.0.0.{n}"), ("X-Forwarded-For", "192.0.2.1")])
            async with api.session.get(f"{api.url}/p/open", headers=hops) as answer:
                told.append(answer.status)
        assert told == [200] * 6 + [429]


async def test_a_household_shares_its_ipv6_network(narrow: Any) -> None:
    async with narrow(trusted_proxies=("127.0.0.0/8",)) as api:
        told = [
            (await api.get("/p/open", key="", headers={"X-Forwarded-For": f"2001:db8:1:2::{n}"})).status
            for n in range(1, 8)
        ]
        assert told == [200] * 6 + [429]


async def test_zero_is_no_limit(narrow: Any) -> None:
    async with narrow(rate_limit_per_second=0) as api:
        assert await statuses(api, "/v1/closed", 20) == [200] * 20
        assert "RateLimit" not in (await api.get("/v1/closed")).headers


def test_a_flood_of_names_does_not_fill_the_memory() -> None:
    buckets = Buckets("address", 1)
    for n in range(50_000):
        buckets.take(str(n))
    assert len(buckets._levels) <= 20_000


def test_a_bucket_never_holds_more_than_its_room(clock: Stopped) -> None:
    buckets = Buckets("key", 2)
    buckets.take("one")
    clock.now = 3600.0
    for _ in range(4):
        buckets.take("one")
    with pytest.raises(TooManyRequests):
        buckets.take("one")


async def test_who_guesses_at_keys_is_soon_not_looked_up_any_more_and_nobody_else_notices(
    narrow: Any, clock: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    find = keys.Keyring._find

    async def counted(ring: keys.Keyring, name: tuple[str, str]) -> Any:
        asked.append(name[1])
        return await find(ring, name)

    monkeypatch.setattr(keys.Keyring, "_find", counted)
    async with narrow(rate_limit_per_second=0) as api:
        known, new = await api.key(), await api.key()
        assert (await api.get("/v1/closed", key=known)).status == 200
        asked.clear()
        for n in range(30):
            guess = keys.spell(keys.new_id(), keys.new_secret(), prefix=(keys.KEY, keys.DEVICE)[n % 2])
            told = await api.get("/v1/closed", key=guess)
            assert told.status == (401 if n < 6 else 429)
        assert told.headers["RateLimit-Policy"] == '"guess";q=6;w=2'
        assert len(asked) == 6
        assert (await api.get("/v1/closed", key=new)).status == 429, "from there, whoever is new waits too"
        assert await statuses(api, "/p/open", 3, key="") == [200] * 3
        monkeypatch.setattr(keys, "FRESH_SECONDS", -1)  # nothing is fresh
        assert (await api.get("/v1/closed", key=known)).status == 200, "but who was here before is asked about again"
        clock.now = 0.4
        assert (await api.get("/v1/closed", key=new)).status == 200


async def test_what_is_no_key_costs_nothing(narrow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with narrow() as api:
        known = await api.key()
        assert (await api.get("/v1/closed", key=known)).status == 200
        monkeypatch.setattr(keys.Keyring, "_find", None)  # whoever asks the database breaks
        id, secret = known.split("_")[1:3]
        typo, wrong = known[:-1] + "!", keys.spell(id, secret[::-1])
        for text in (typo, wrong, "ck_", "x" * 70, secret, keys.spell(id, secret, prefix="cx")):
            assert await statuses(api, "/v1/closed", 8, key=text) == [401] * 8


async def test_a_crowd_with_one_new_key_is_let_in(narrow: Any) -> None:
    async with narrow(rate_limit_per_second=0) as api:
        key = await api.key()
        told = await asyncio.gather(*(api.get("/v1/closed", key=key) for _ in range(30)))
        assert {one.status for one in told} == {200}
