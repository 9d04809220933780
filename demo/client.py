"""The service as its callers see it: one key, HTTP, and the patience to ask again what got no answer."""

import asyncio
import time
from http import HTTPStatus
from typing import Any, NamedTuple, Self

import aiohttp

PATIENCE = 60  # seconds in which one request must get its answer
PAUSE = 0.25

AGAIN = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
IN_FLIGHT = "idempotency_in_flight"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: dict[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether it was done, or had been done before."""
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def refusal(self) -> str:
        """Why not, in one word of the API, and what it says of it."""
        return f"{self.status} {self.body.get('code', '')}: {self.body.get('detail', '')}"


class Service:
    """Asks as one key; what is lost, or comes at a bad moment, is sent again with the same Idempotency-Key."""

    def __init__(self, url: str, api_key: str, *, connections: int = 8) -> None:
        self.url = url
        self.session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {api_key}"},
            connector=aiohttp.TCPConnector(limit=connections),
            timeout=aiohttp.ClientTimeout(total=10),
        )

    async def __aenter__(self) -> Self:
        """Open the connections as they are needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them all."""
        await self.session.close()

    async def get(self, path: str) -> Answer:
        """Read something."""
        return await self._ask("GET", path, None, None)

    async def post(self, path: str, body: dict[str, Any] | None = None, *, key: str | None = None) -> Answer:
        """Have something done; safe to ask again with a key, or where repeating changes nothing."""
        return await self._ask("POST", path, body, key)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None, key: str | None) -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        until = time.monotonic() + PATIENCE
        while True:
            pause = PAUSE
            try:
                async with self.session.request(method, self.url + path, json=body, headers=headers) as response:
                    answer = Answer(response.status, await response.json(content_type=None))
                if response.status not in AGAIN and answer.body.get("code") != IN_FLIGHT:
                    return answer
                pause = float(response.headers.get("Retry-After", PAUSE))
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                answer = Answer(0, {"code": "no_answer", "detail": type(error).__name__})
            if time.monotonic() + pause > until:
                return answer
            await asyncio.sleep(pause)


def place(store: str, reservation: str = "", step: str = "") -> str:
    """Spell the address of a store's reservations, of one of them, or of a step of its life."""
    return "/".join(filter(None, (f"/v1/stores/{store}/reservations", reservation, step)))
