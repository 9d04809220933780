"""The certificates with which SNS signs: fetched from Amazon and nowhere else, and kept for a while."""

import asyncio
import time

import aiohttp

from service import signatures

SECONDS = 3
LARGEST = 64 * 1024  # bytes
FRESH_SECONDS = 86400
MOST = 16  # that are remembered


class Certificates:
    """Fetches certificates by their address; `connector` is for those who have an Amazon of their own."""

    def __init__(self, connector: aiohttp.BaseConnector | None = None) -> None:
        self._connector = connector
        self._known: dict[str, tuple[bytes, float]] = {}

    async def fetch(self, url: str) -> bytes | None:
        """The certificate at an address; None where none of SNS can be, nobody answers, or something else is there."""
        if not signatures.may_vouch(url):
            return None
        certificate, since = self._known.get(url, (None, 0.0))
        if certificate is None or time.monotonic() - since > FRESH_SECONDS:
            certificate = await self._ask(url)
            if certificate is None or not signatures.is_certificate(certificate):
                return None
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[url] = (certificate, time.monotonic())
        return certificate

    async def _ask(self, url: str) -> bytes | None:
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._connector, connector_owner=self._connector is None, timeout=timeout
                ) as session,
                session.get(url, allow_redirects=False) as answer,
            ):
                if not answer.ok or answer.status != 200:  # noqa: PLR2004 -- OK
                    return None
                return await _whole(answer)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


async def _whole(answer: aiohttp.ClientResponse) -> bytes | None:
    """All of it, in however many pieces it comes; None where it is larger than certificates are."""
    try:
        await answer.content.readexactly(LARGEST + 1)
    except asyncio.IncompleteReadError as error:
        return error.partial
    return None
