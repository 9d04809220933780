"""Customers who order, pay, change their mind and come for it, whatever breaks; and a log of what each was told."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple

from tests.ordeal.linear import NEVER, Operation
from tests.ordeal.world import Caller, Heard, order

STORE = "lyon"
HOLDS = f"/v1/stores/{STORE}/reservations"
PATIENCE = 90  # seconds in which somebody asks the same again before they give up
EXPECTED = {0, int(HTTPStatus.SERVICE_UNAVAILABLE), int(HTTPStatus.TOO_MANY_REQUESTS)}  # heard while things break
SETTLED = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT}


class Entry(NamedTuple):
    """What one customer asked, and what they were told in the end: a status of 0 is never."""

    ref: str
    sku: str
    step: str
    status: int
    asked: float
    answered: float
    attempts: int


@dataclass
class Crowd:
    """Customers who ask one API or the other, as chance has it."""

    caller: Caller
    urls: Sequence[str]
    chance: random.Random
    log: list[Entry] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)  # by order: what was acknowledged last
    ids: dict[str, str] = field(default_factory=dict)
    surprises: list[Heard] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)

    async def come(self, skus: Sequence[str], *, seconds: float, per_second: float) -> None:
        """Let customers come at their times, however slowly the ones before are served; wait for the last one."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds * per_second)):
                await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
                group.create_task(self._live(f"order-{number:05}", self.chance.choice(skus)))

    async def _live(self, ref: str, sku: str) -> None:
        """One customer."""
        fate = self.chance.choices(["leave", "pay", "cancel", "collect"], [1, 3, 3, 2])[0]
        held = await self._until_told(ref, sku, "hold", HOLDS, order(ref, sku))
        if held.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            return
        self.ids[ref], self.states[ref] = held.body["id"], "held"
        pause = self.chance.uniform(0, 3)
        for step in {"leave": (), "pay": ("confirm",), "cancel": ("confirm", "cancel")}.get(
            fate, ("confirm", "pick", "shelve", "collect")
        ):
            await asyncio.sleep(pause)
            body = {"code": held.body["pickup_code"]} if step == "collect" else {}
            told = await self._until_told(ref, sku, step, f"{HOLDS}/{held.body['id']}/{step}", body)
            if told.status != HTTPStatus.OK:
                self.states[ref] = "unknown"
                return
            self.states[ref] = told.body["state"]

    async def _until_told(self, ref: str, sku: str, step: str, path: str, body: dict[str, Any]) -> Heard:
        """Ask, under the same key, until there is an answer that settles it."""
        asked, attempts = time.monotonic(), 0
        while True:
            attempts += 1
            heard = await self.caller.ask(self.chance.choice(self.urls) + path, once=f"{ref}-{step}", json=body)
            self.heard[f"{heard.status or 'none'} {heard.code}".strip()] += 1
            if heard.status in SETTLED and heard.code not in {"idempotency_in_flight", "busy"}:
                break
            if heard.status not in {*EXPECTED, *SETTLED}:
                self.surprises.append(heard)
            if time.monotonic() - asked > PATIENCE:
                heard = Heard(0, {}, {})
                break
            await asyncio.sleep(float(heard.headers.get("Retry-After", 0.2)) * self.chance.uniform(0.5, 1.5))
        self.log.append(Entry(ref, sku, step, heard.status, asked, time.monotonic(), attempts))
        return heard

    def history(self, sku: str, exist: set[str], cancelled: set[str]) -> list[Operation]:
        """What happened to one position, as customers saw it; of who was never answered, as the database ended."""
        told = []
        for one in self.log:
            if one.sku != sku or one.step not in {"hold", "cancel"}:
                continue
            known = one.status != 0
            happened = one.ref in (exist if one.step == "hold" else cancelled)
            done = one.status in {HTTPStatus.OK, HTTPStatus.CREATED} if known else happened
            if known or happened:
                units = 1 if one.step == "hold" else -1
                told.append(
                    Operation(f"{one.step} {one.ref}", units, done, one.asked, one.answered if known else NEVER)
                )
        return told
