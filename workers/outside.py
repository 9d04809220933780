"""The one way by which webhooks leave: to addresses that may be reached, within a time, and without detours."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from service import addresses

SECONDS = 15  # for everything: the name, the connection, the request, the answer
LONGEST_ANSWER = 16 * 1024  # bytes that are read of it, and thrown away
POLITE_SECONDS = 1  # in which they are read, so that the other side may finish its sentence
LOOKERS = 16  # threads that ask for names: who asks a dead server waits alone

LookUp = Callable[..., list[tuple[Any, ...]]]


class Answer(NamedTuple):
    """What the other side said: its status, and how many seconds it wants to be left alone."""

    status: int
    retry_after: float | None


class NotReached(Exception):  # noqa: N818 -- named for what is so
    """Nobody answered; its text says why, in one word."""


class InsideAddress(OSError):  # noqa: N818 -- named for what is so
    """A name stands for addresses that may not be reached, and no others."""


class Directory(AbstractResolver):
    """Looks names up anew each time, and gives out only addresses that may be reached."""

    def __init__(self, look_up: LookUp, *, private: bool) -> None:
        self._look_up = look_up
        self._private = private
        self._lookers = ThreadPoolExecutor(LOOKERS, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name that may be reached. Raises InsideAddress where it has others only."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._lookers, lambda: self._look_up(host, port, family=family, type=socket.SOCK_STREAM)
        )
        reachable = [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in found
            if addresses.may_reach(address[0], private=self._private)
        ]
        if not reachable:
            raise InsideAddress
        return reachable

    async def close(self) -> None:
        """Ask no more."""
        self._lookers.shutdown(wait=False, cancel_futures=True)


class Outside:
    """Posts to the outside. Each request makes its own connection, to an address that was checked for it."""

    def __init__(self, *, private: bool = False, look_up: LookUp = socket.getaddrinfo) -> None:
        self._private = private
        self._directory = Directory(look_up, private=private)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._directory, use_dns_cache=False, limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=SECONDS),
            headers={"User-Agent": "Comptoir", "Accept": "*/*"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=LONGEST_ANSWER,
            trust_env=False,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post once, follow no redirect, believe no proxy. Raises NotReached."""
        if addresses.fault(url, private=self._private):  # a literal address asks no directory
            raise NotReached("address_not_allowed")
        try:
            async with self._session.post(
                URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as response:
                await _hear_out(response)
                return Answer(response.status, _seconds(response.headers.get("Retry-After")))
        except aiohttp.ClientConnectorDNSError as error:
            inside = isinstance(error.os_error, InsideAddress)
            raise NotReached("address_not_allowed" if inside else "no_such_host") from None
        except (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError):
            raise NotReached("tls") from None
        except TimeoutError:
            raise NotReached("timeout") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise NotReached("unreachable") from None

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()
        await self._directory.close()


async def _hear_out(response: aiohttp.ClientResponse) -> None:
    """Read the beginning of what is said, for a moment; the status has said all that matters."""
    with contextlib.suppress(aiohttp.ClientError, asyncio.IncompleteReadError, TimeoutError, OSError):
        async with asyncio.timeout(POLITE_SECONDS):
            await response.content.readexactly(LONGEST_ANSWER)


def _seconds(retry_after: str | None) -> float | None:
    """Read Retry-After, as seconds or as a moment (RFC 9110); None where it says nothing that can be meant."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10:  # noqa: PLR2004 -- thirty years
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
