"""A load generator in a process of its own: connections that ask as fast as they are answered, or at their own pace.

`python -m tests.ordeal.generator` reads what to do as JSON, and prints what came of it: for each status, how many
answers there were and the milliseconds in which half, 99 % and all of them came.
"""

import asyncio
import json
import random
import sys
import time
from collections import defaultdict
from typing import Any, NamedTuple

Answers = dict[str, list[float]]


class Load(NamedTuple):
    """What to do."""

    hosts: list[tuple[str, int]]
    key: str
    connections: int
    most: int  # questions in all
    seconds: float
    baskets: list[list[str]]
    name: str
    per_second: float = 0.0  # of all connections together; 0: as fast as they are answered


def question(load: Load, number: int) -> bytes:
    """One hold, ready to be written."""
    skus = load.baskets[number % len(load.baskets)]
    body = json.dumps(
        {
            "order_ref": f"{load.name}-{number}",
            "customer": {"name": "C", "email": "c@atelier.example"},
            "lines": [{"sku": sku, "quantity": 1} for sku in skus],
        }
    ).encode()
    head = (
        f"POST /v1/stores/lyon/reservations HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {load.key}\r\n"
        f"Idempotency-Key: {load.name}-{number}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _one(load: Load, number: int, numbers: Any, until: float, answers: Answers) -> None:
    """One connection, opened anew where it breaks."""
    pause = load.connections / load.per_second if load.per_second else 0.0
    reader, writer = None, None
    await asyncio.sleep(random.uniform(0, pause))
    while time.monotonic() < until:
        if writer is None or reader is None:
            try:
                reader, writer = await asyncio.open_connection(*load.hosts[number % len(load.hosts)])
            except OSError:
                answers["none"].append(0.0)
                await asyncio.sleep(0.1)
                continue
        asked = next(numbers, None)
        if asked is None:
            break
        began = time.monotonic()
        try:
            writer.write(question(load, asked))
            status = await _answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            status, writer = "none", None
        took = time.monotonic() - began
        answers[status].append(took)
        if pause > took:
            await asyncio.sleep(pause - took)
    if writer is not None:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    length = int(lower.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    status = head[9:12].decode()
    return status if status != "503" or b"retry-after: " in lower else "503 without Retry-After"


async def run(load: Load) -> dict[str, Any]:
    """Ask; what came of it."""
    answers: Answers = defaultdict(list)
    numbers = iter(range(load.most))
    began = time.monotonic()
    await asyncio.gather(
        *(_one(load, number, numbers, began + load.seconds, answers) for number in range(load.connections))
    )
    seconds = time.monotonic() - began
    told = {}
    for status, took in answers.items():
        took.sort()
        p50, p99 = took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]
        told[status] = {"count": len(took), "p50": p50 * 1000, "p99": p99 * 1000, "max": took[-1] * 1000}
    return {"seconds": seconds, "answers": told}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(run(Load(**json.load(sys.stdin))))))
