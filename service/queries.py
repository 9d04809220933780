"""Turns the named statements of sql/queries into objects that run themselves."""

import re
from pathlib import Path
from typing import Any, Protocol

from asyncpg import Record

from service import traces

FOLDER = Path(__file__).parent.parent / "sql" / "queries"

_HEADING = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_QUOTED_OR_NAME = re.compile(r"'(?:[^']|'')*'|--[^\n]*|::?\w+")


class Connection(Protocol):
    """What runs a statement: a connection, or a pool where no transaction is needed."""

    async def fetch(self, query: str, *args: Any) -> list[Record]: ...
    async def fetchrow(self, query: str, *args: Any) -> Record | None: ...
    async def fetchval(self, query: str, *args: Any) -> Any: ...
    async def execute(self, query: str, *args: Any) -> str: ...


class Query:
    """One named statement. Values are passed by name; one too few or too many is a TypeError."""

    def __init__(self, noun: str, name: str, text: str) -> None:
        self.noun = noun
        self.name = name
        self.called = f"{noun}.{name}"
        self.parameters: list[str] = []
        self.sql = _QUOTED_OR_NAME.sub(self._number, text.strip())

    def _number(self, found: re.Match[str]) -> str:
        word = found.group()
        if not word.startswith(":") or word.startswith("::"):
            return word
        if word[1:] not in self.parameters:
            self.parameters.append(word[1:])
        return f"${self.parameters.index(word[1:]) + 1}"

    def _arguments(self, values: dict[str, Any]) -> list[Any]:
        if values.keys() != set(self.parameters):
            given, wanted = sorted(values), sorted(self.parameters)
            raise TypeError(f"{self.called} takes {wanted}, not {given}")
        return [values[name] for name in self.parameters]

    async def rows(self, db: Connection, **values: Any) -> list[Record]:
        """All rows."""
        with traces.inner(self.called):
            return await db.fetch(self.sql, *self._arguments(values))

    async def row(self, db: Connection, **values: Any) -> Record | None:
        """The first row, if there is one."""
        with traces.inner(self.called):
            return await db.fetchrow(self.sql, *self._arguments(values))

    async def value(self, db: Connection, **values: Any) -> Any:
        """The first column of the first row."""
        with traces.inner(self.called):
            return await db.fetchval(self.sql, *self._arguments(values))

    async def run(self, db: Connection, **values: Any) -> int:
        """How many rows were written."""
        with traces.inner(self.called):
            status = await db.execute(self.sql, *self._arguments(values))
        count = status.rsplit(" ", 1)[-1]
        return int(count) if count.isdigit() else 0


def load(noun: str) -> dict[str, Query]:
    """Read the statements of one noun, by name."""
    parts = _HEADING.split((FOLDER / f"{noun}.sql").read_text(encoding="utf-8"))
    return {name: Query(noun, name, text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}
