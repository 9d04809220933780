"""The database's shape: bringing it up to date, and saying whether it is."""

import asyncio
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from service import queries
from service.database import Connection

LOCK_MILLISECONDS = 10_000  # a migration that waits for a lock makes everybody wait behind it

FOLDER = Path(__file__).parent.parent / "sql" / "migrations"

SQL = queries.load("migrations")


def newest() -> str:
    """The version that this code was written for."""
    return max(path.name.split("_")[0] for path in FOLDER.glob("*.sql"))


async def level(db: Connection) -> str:
    """The version that the database has; '' when it has none."""
    return str(await SQL["level"].value(db) or "")


def dbmate_url(url: str) -> str:
    """Spell a database's address as dbmate wants it: its driver asks for TLS unless told otherwise."""
    parts = urlsplit(url)
    query = parts.query if "sslmode=" in parts.query else "&".join(filter(None, (parts.query, "sslmode=prefer")))
    if "sslmode=prefer" in query:  # a word that dbmate's driver doesn't know
        query = query.replace(
            "sslmode=prefer", "sslmode=disable" if parts.hostname in {"127.0.0.1", "localhost"} else "sslmode=require"
        )
    return urlunsplit(("postgres", parts.netloc, parts.path, f"{query}&lock_timeout={LOCK_MILLISECONDS}", ""))


async def migrate(url: str, *, direction: str = "up") -> str:
    """Run dbmate; several at once wait for each other. Answers what it said, raises RuntimeError when it fails."""
    beside = Path(sys.executable).parent / "dbmate"
    program = str(beside) if beside.exists() else shutil.which("dbmate")
    if program is None:
        raise RuntimeError("dbmate is missing: run `make setup`.")
    process = await asyncio.create_subprocess_exec(
        program, "--migrations-dir", FOLDER, "--no-dump-schema", "--migration-lock", direction,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "DATABASE_URL": dbmate_url(url)},
    )  # fmt: skip
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"dbmate {direction} failed:\n{said.decode()}")
    return said.decode()
