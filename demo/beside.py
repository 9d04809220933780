"""A demo that runs beside this program, for as long as it is needed."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

STARTS_WITHIN = 90  # seconds


@asynccontextmanager
async def a_demo(*options: str) -> AsyncIterator[dict[str, Any]]:
    """What the ready file of a demo says in which nobody shops but us. Raises RuntimeError when it does not start."""
    with tempfile.TemporaryDirectory(prefix="comptoir-beside-") as folder:
        ready = Path(folder) / "ready.json"
        clean = {name: text for name, text in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "demo", "--headless", "--no-shoppers", "--ready-file", str(ready), *options),
            env=clean,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            yield await _told(ready, process)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _told(ready: Path, process: asyncio.subprocess.Process) -> dict[str, Any]:
    for _ in range(STARTS_WITHIN * 10):
        if (told := _read(ready)) is not None:
            return told
        if process.returncode is not None:
            break
        await asyncio.sleep(0.1)
    raise RuntimeError("The demo does not start; `python -m demo` says why.")


def _read(ready: Path) -> dict[str, Any] | None:
    told: dict[str, Any] | None = json.loads(ready.read_text()) if ready.exists() else None
    return told
