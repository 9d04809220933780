"""Processes that are ours: each writes its own log, is stopped in order, and never outlives us."""

import asyncio
import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

UNPRIVILEGED = "nobody"  # who runs what refuses to run as root

PATIENCE = 30  # seconds that a process may take to stop before it is killed


@functools.cache
def _setpriv() -> str | None:
    """Linux's program that has the kernel tell a process of its parent's death, where it is."""
    program = shutil.which("setpriv") if sys.platform == "linux" else None
    knows = (
        program
        and "--pdeathsig" in subprocess.run([program, "--help"], capture_output=True, text=True, check=False).stdout
    )
    return program if knows else None


def _told_of_our_death(how: signal.Signals) -> list[str]:
    """What stands before a command whose process is to get a signal when we are gone, even by SIGKILL."""
    program = _setpriv()
    return [program, "--pdeathsig", how.name.removeprefix("SIG"), "--"] if program else []


def as_user(user: str | None) -> dict[str, Any]:
    """Arguments with which a process runs as somebody else, in none of our groups."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


class Process:
    """One program at a time, in its own group: a Ctrl-C at the terminal is for us, and we stop it in order."""

    polite = signal.SIGTERM  # what asks it to stop

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: asyncio.subprocess.Process | None = None
        self._said_before = 0  # bytes of its log that earlier ones wrote

    @property
    def log(self) -> Path:
        """Where it says what it does."""
        return self.folder / "log"

    @property
    def pid(self) -> int | None:
        """Its number while it runs."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    async def start(self) -> None:
        """Start it; ready when this returns. Raises RuntimeError when it ends instead."""
        raise NotImplementedError

    async def launch(self, *command: str | Path, user: str | None = None, **how: Any) -> None:
        """Start the program; what it says is added to its log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        program, *arguments = map(str, (*_told_of_our_death(self.polite), *command))
        with self.log.open("ab") as log:
            self._said_before = log.tell()
            self.process = await asyncio.create_subprocess_exec(
                program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_user(user),
                **how,
            )

    async def ended(self) -> int:
        """Wait until it ends; its exit code, or minus the signal that ended it."""
        return await self.process.wait() if self.process is not None else 0

    async def stop(self, how: signal.Signals | None = None) -> None:
        """Ask it to stop and wait; who doesn't listen in time is killed, its own children with it."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how or self.polite)
            try:
                await asyncio.wait_for(self.process.wait(), PATIENCE)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                await self.process.wait()
        self.process = None

    def said(self, words: str) -> bool:
        """Whether it has said this since it was started."""
        with self.log.open("rb") as log:
            log.seek(self._said_before)
            return words.encode() in log.read()

    def last_words(self, lines: int = 8) -> str:
        """The end of its log, for whoever has to find out why it stopped."""
        said = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(said[-lines:])


async def run(*command: str | Path, user: str | None = None) -> None:
    """Run a program to its end, or to ours. Raises RuntimeError with what it said when it fails."""
    program, *arguments = map(str, (*_told_of_our_death(signal.SIGTERM), *command))
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        **as_user(user),
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{said.decode(errors='replace')}")
