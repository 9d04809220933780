"""Sends every real basket through its whole life over HTTP, and proves that nothing was lost, doubled or oversold."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from demo.baskets import Basket
from demo.client import Service, place
from demo.supervisor import Demo
from demo.terminal import Terminal
from service import checks, queries
from service.database import Pool, connection

SQL = queries.load("demo")

CONNECTIONS = 32
SILENCE = 60  # seconds without a message sent, after which the rest is missing

TOLD = (("confirmed", "email"), ("ready", "email"), ("ready", "sms"), ("collected", "email"))
"""What the customer of a collected order was told; text messages only where there is a phone."""


@dataclass
class Outcome:
    """What happened."""

    sent: int
    accepted: set[str] = field(default_factory=set)
    refused: int = 0
    units: int = 0
    messages: int = 0
    seconds: float = 0.0
    differences: int = 0
    misses: list[str] = field(default_factory=list)

    def lines(self) -> list[tuple[str, str]]:
        """Tell it, in words and figures."""
        return [
            ("baskets sent", f"{self.sent:,}"),
            ("accepted", f"{len(self.accepted):,}"),
            ("refused", f"{self.refused:,}"),
            ("units handed over", f"{self.units:,}"),
            ("messages captured", f"{self.messages:,}"),
            ("baskets per second", f"{self.sent / self.seconds:,.1f}"),
            ("check", f"{self.differences:,} differ" if self.differences else "clean"),
        ]


async def replay(demo: Demo, terminal: Terminal, chosen: Sequence[Basket]) -> Outcome:
    """Send these baskets, wait for their messages, and hold what happened against what must have."""
    outcome = Outcome(sent=len(chosen))
    began = time.monotonic()
    async with Service(demo.url, demo.api_key, connections=CONNECTIONS) as service:
        with terminal.progress("baskets", len(chosen)) as advance:
            line = iter(chosen)
            await asyncio.gather(*(_serve(service, line, outcome, advance) for _ in range(CONNECTIONS)))
    outcome.seconds = time.monotonic() - began
    async with demo.pool() as pool:
        with terminal.progress("messages", len(owed(chosen, outcome))) as advance:
            await _wait_for_messages(pool, advance)
        await prove(pool, chosen, outcome)
    return outcome


async def _serve(service: Service, line: Iterator[Basket], outcome: Outcome, advance: Callable[[int], None]) -> None:
    """Serve whoever is next in line, until nobody is."""
    for basket in line:
        failure = await _live(service, basket, outcome)
        if failure is not None:
            outcome.misses.append(f"basket {basket.id}: {failure}")
        advance(1)


async def _live(service: Service, basket: Basket, outcome: Outcome) -> str | None:
    """Hold, confirm, pick, shelve, collect; why it ended before, if it did."""
    held = await service.post(place(basket.store), basket.order(basket.id), key=basket.id)
    if not held.accepted:
        outcome.refused += 1
        return f"refused, {held.refusal}"
    outcome.accepted.add(basket.id)
    steps: dict[str, dict[str, str]] = {
        "confirm": {"payment_ref": f"replay-{basket.id}"},
        "pick": {},
        "shelve": {},
        "collect": {"code": held.body["pickup_code"]},
    }
    for step, body in steps.items():
        answer = await service.post(place(basket.store, held.body["id"], step), body)
        if not answer.accepted:
            return f"{step} refused, {answer.refusal}"
    outcome.units += sum(line["collected"] for line in answer.body["lines"])
    return None


async def _wait_for_messages(pool: Pool, advance: Callable[[int], None]) -> None:
    """Wait until the worker has nothing left to send, or sends no more."""
    heard, before = time.monotonic(), 0
    while time.monotonic() - heard < SILENCE:
        async with connection(pool) as db:
            done = not await SQL["untold"].value(db)
            captured = await SQL["captured"].value(db)
        if captured != before:
            heard = time.monotonic()
            advance(captured - before)
            before = captured
        if done:
            return
        await asyncio.sleep(0.2)


def owed(chosen: Sequence[Basket], outcome: Outcome) -> set[tuple[str, str, str]]:
    """The messages that the customers of accepted baskets must have got: order, kind and channel."""
    served = [basket for basket in chosen if basket.id in outcome.accepted]
    return {(basket.id, kind, channel) for basket in served for kind, channel in TOLD if channel in basket.channels}


async def prove(pool: Pool, chosen: Sequence[Basket], outcome: Outcome) -> None:
    """Note what is missing, what is too much, and what does not add up."""
    async with connection(pool) as db:
        told = {(row["order_ref"], row["kind"], row["channel"]): row["times"] for row in await SQL["told"].rows(db)}
        left = await SQL["left_over"].value(db)
        differences = await checks.differences(db)
    due = owed(chosen, outcome)
    outcome.messages = sum(told.values())
    outcome.misses += [f"message missing: {' '.join(message)}" for message in sorted(due - told.keys())]
    outcome.misses += [f"message nobody was owed: {' '.join(message)}" for message in sorted(told.keys() - due)]
    outcome.misses += [f"message sent {n} times: {' '.join(message)}" for message, n in told.items() if n != 1]
    if left:
        outcome.misses.append(f"{left} units are still on hand or reserved; every position should stand at zero")
    outcome.differences = len(differences)
    outcome.misses += [f"check: {dict(difference)}" for difference in differences]
