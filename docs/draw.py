"""Draws what comes out of the code, so that it can't disagree with it: `make docs` writes it, a test finds it stale."""

import asyncio
import re
import tempfile
from pathlib import Path
from textwrap import fill

from demo.servers import Postgres
from docs.bill import bill
from service import lifecycle, migrations
from service.api import openapi, routes
from service.errors import Problem, every_problem
from service.settings import Settings

ROOT = Path(__file__).parent.parent

_DRAWN = re.compile(r"(<!-- drawn from .*? -->\n).*?(<!-- end -->)", re.DOTALL)
_ABOUT_ITSELF = re.compile(
    r"--|-- (Dumped|PostgreSQL database dump|Name:).*|\\(un)?restrict .*|SET .*|SELECT pg_catalog\.set_config.*"
)

_EXAMPLES = {
    "database_url": "postgresql://comptoir:comptoir@localhost:5432/comptoir",
    "redis_url": "redis://localhost:6379/0",
    "public_url": "http://localhost:8080",
}


def lifecycle_page() -> str:
    """docs/lifecycle.md: the words stay, the diagram and the table are drawn between their marks."""
    table = ["| step | from | to | who | stock |", "|---|---|---|---|---|"]
    for step in lifecycle.STEPS.values():
        sources, targets = ", ".join(step.sources) or "–", ", ".join(step.targets)
        table.append(f"| {step.action} | {sources} | {targets} | {', '.join(sorted(step.by))} | {step.stock} |")
    drawn = f"\n```mermaid\n{lifecycle.diagram()}```\n\n" + "\n".join(table) + "\n\n"
    return _DRAWN.sub(
        lambda found: found[1] + drawn + found[2], (ROOT / "docs/lifecycle.md").read_text(encoding="utf-8")
    )


def problems_page() -> str:
    """docs/problems.md: every refusal, by its code."""
    page = [
        "# Problems",
        "",
        "Everything that can be refused, as `application/problem+json` (RFC 9457). `code` is what programs compare;",
        "`detail` says the same of this request, for people; facts, like the lines that are short, are members of",
        "their own. Drawn from `service/errors.py`.",
        "",
        "| code | status | what is so |",
        "|---|---|---|",
    ]
    page += [f'| <a id="{kind.code()}"></a>`{kind.code()}` | {kind.status} | {kind.title()} |' for kind in _told()]
    kept = ", ".join(f"`{kind.code()}`" for kind in _told() if kind.kept)
    page += ["", fill(f"Kept for their Idempotency-Key, and answered again as they were: {kept}.", 120)]
    promises = [kind for kind in _told() if kind.constraint]
    page += ["", "Also kept by the database itself, under these names:", ""]
    page += [f"- `{kind.code()}`: constraint `{kind.constraint}`" for kind in promises]
    return "\n".join(page) + "\n"


def _told() -> list[type[Problem]]:
    return sorted(every_problem(), key=lambda kind: (kind.status, kind.code()))


def settings_example() -> str:
    """.env.example: every setting with its sentence, and a harmless value; a secret has none."""
    lines = [
        "# Every setting of Comptoir: copy this file to .env. What is commented out is in force without saying so.",
        "",
    ]
    for name, setting in Settings.model_fields.items():
        lines += [f"# {setting.description}"]
        if name in _EXAMPLES:
            lines += [f"{name.upper()}={_EXAMPLES[name]}"]
        elif setting.is_required():
            lines += [f"{name.upper()}="]
        else:
            lines += [f"# {name.upper()}={_spelled(setting.default)}"]
        lines += [""]
    lines += ["# Not a setting of Comptoir: what compose.yaml gives to its PostgreSQL", "POSTGRES_PASSWORD="]
    return "\n".join(lines) + "\n"


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return "" if value is None else str(value)


async def schema(server: Postgres, url: str) -> str:
    """sql/schema.sql: what all migrations add up to, without what pg_dump says about itself."""
    process = await asyncio.create_subprocess_exec(
        *(server.programs / "pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--dbname", url),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("pg_dump failed.")
    kept = "\n".join(line for line in said.decode().splitlines() if not _ABOUT_ITSELF.fullmatch(line))
    heading = (
        "-- What all migrations add up to. Drawn by `make docs`, for reading; databases are made by the migrations.\n"
        "set check_function_bodies = false; -- functions come first here, and name tables that come later"
    )
    return f"{heading}\n\n" + re.sub(r"\n{3,}", "\n\n", kept).strip() + "\n"


def pages() -> dict[str, str]:
    """Everything that can be drawn without a database, by path."""
    return {
        ".env.example": settings_example(),
        "docs/lifecycle.md": lifecycle_page(),
        "docs/openapi.json": openapi.spell(routes.ENDPOINTS),
        "docs/problems.md": problems_page(),
        "docs/sbom.json": bill(),
    }


async def _fresh_schema() -> str:
    with tempfile.TemporaryDirectory(prefix="comptoir-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder) / "postgres", options={"fsync": "off"})
        try:
            await server.start()
            await migrations.migrate(server.url)
            return await schema(server, server.url)
        finally:
            await server.stop()


def main() -> None:
    """Write everything."""
    for path, text in {**pages(), "sql/schema.sql": asyncio.run(_fresh_schema())}.items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
