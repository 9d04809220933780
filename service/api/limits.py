"""How much one key, or one address on the open pages, may ask of this process in a second."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

from aiohttp import web

from service.api.endpoints import SETTINGS
from service.errors import TooManyRequests, Unauthorized

BURST_SECONDS = 2  # of requests that may come at once

_MOST_REMEMBERED = 20_000
_HOUSEHOLD = 64  # bits of an IPv6 address that one customer owns


@dataclass(slots=True)
class Level:
    """How full a bucket is."""

    left: float
    at: float  # of the monotonic clock: nothing here outlives the process


class Buckets:
    """Token buckets, one per name: `per_second` drops in a second, room for two seconds of them; 0: no limit."""

    def __init__(self, kind: str, per_second: int) -> None:
        self.kind = kind
        self.per_second = per_second
        self.room = per_second * BURST_SECONDS
        self._levels: dict[str, Level] = {}

    def take(self, name: str) -> dict[str, str]:
        """Take one, and say in headers what is left. Raises TooManyRequests with the seconds to wait."""
        self.refuse_when_empty(name)
        return self.spend(name)

    def refuse_when_empty(self, name: str) -> None:
        """Raise TooManyRequests, with the seconds to wait, where there is none to take."""
        if self.per_second and (left := self._level(name).left) < 1:
            raise TooManyRequests(
                f"At most {self.per_second} requests a second are taken here.",
                retry_after=math.ceil((1 - left) / self.per_second),
            )

    def spend(self, name: str) -> dict[str, str]:
        """Take one where there is any, and say in headers what is left."""
        if not self.per_second:
            return {}
        level = self._level(name)
        level.left = max(0.0, level.left - 1)
        return self.headers(level.left)

    def _level(self, name: str) -> Level:
        """How full a bucket is now."""
        now = time.monotonic()
        level = self._levels.get(name)
        if level is None:
            self._forget_the_full(now)
            level = self._levels[name] = Level(self.room, now)
        level.left = min(self.room, level.left + (now - level.at) * self.per_second)
        level.at = now
        return level

    def headers(self, left: float = 0) -> dict[str, str]:
        """The limit and what is left of it, as draft-ietf-httpapi-ratelimit-headers spells them."""
        refilled = math.ceil((self.room - left) / self.per_second)
        return {
            "RateLimit-Policy": f'"{self.kind}";q={self.room};w={BURST_SECONDS}',
            "RateLimit": f'"{self.kind}";r={int(left)};t={refilled}',
        }

    def _forget_the_full(self, now: float) -> None:
        if len(self._levels) < _MOST_REMEMBERED:
            return
        self._levels = {name: level for name, level in self._levels.items() if now - level.at < BURST_SECONDS}
        if len(self._levels) >= _MOST_REMEMBERED:  # a flood of names: better to forget than to fill the memory
            self._levels.clear()


PER_KEY: web.AppKey[Buckets] = web.AppKey("per_key", Buckets)
PER_ADDRESS: web.AppKey[Buckets] = web.AppKey("per_address", Buckets)
GUESSES: web.AppKey[Buckets] = web.AppKey("guesses", Buckets)
LIMIT: web.RequestKey[dict[str, str]] = web.RequestKey("limit", dict)


def take(request: web.Request, buckets: Buckets, name: str) -> None:
    """Count a request; its answer will tell the limit. Raises TooManyRequests."""
    request[LIMIT] = buckets.headers() if buckets.per_second else {}
    request[LIMIT] = buckets.take(name)


@contextmanager
def guessing(request: web.Request) -> Iterator[None]:
    """Ask for somebody nobody has heard of: what turns out Unauthorized counts by its address, nothing else does.

    Raises TooManyRequests where as many were wrong as an address may ask of the open pages.
    """
    buckets, name = request.app[GUESSES], address(request)
    request[LIMIT] = buckets.headers() if buckets.per_second else {}
    buckets.refuse_when_empty(name)
    try:
        yield
    except Unauthorized:
        request[LIMIT] = buckets.spend(name)
        raise


def address(request: web.Request) -> str:
    """Where a request comes from: the last address that no trusted proxy added."""
    proxies = request.app[SETTINGS].trusted_proxies
    told = ",".join(request.headers.getall("X-Forwarded-For", []))  # a proxy may add its word as a line of its own
    hops = [request.remote or "", *reversed(told.split(","))]
    client = hops[0]
    for hop in hops:
        try:
            place = ip_address(hop.strip())
        except ValueError:
            break
        client = str(IPv6Network((place, _HOUSEHOLD), strict=False)) if isinstance(place, IPv6Address) else str(place)
        if not any(place in network for network in proxies):
            break
    return client
