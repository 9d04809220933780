"""What is drawn from the code is as the code is, and what is written leads somewhere."""

import re
from pathlib import Path

import asyncpg
import pytest

from demo.servers import Postgres
from docs import draw
from service.errors import every_problem

PAGES = sorted([*draw.ROOT.glob("*.md"), *(draw.ROOT / "docs").rglob("*.md"), *(draw.ROOT / "sql").glob("*.md")])
STALE = "stale: run `make docs`"

_LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)\s#]*)(#[^)\s]*)?\)")
_FILE = re.compile(r"`((?:service|workers|demo|docs|sql|tests)/[\w/.-]+\.\w+)`")
_TASK = re.compile(r"^(?:\$ )?make ([a-z]+)|`make ([a-z]+)", re.MULTILINE)


@pytest.mark.parametrize("path", draw.pages())
def test_a_drawn_page_is_fresh(path: str) -> None:
    assert draw.pages()[path].splitlines() == (draw.ROOT / path).read_text().splitlines(), STALE


async def test_the_written_schema_is_what_the_migrations_make(postgres: Postgres, database_url: str) -> None:
    drawn = await draw.schema(postgres, database_url)
    assert drawn.splitlines() == (draw.ROOT / "sql/schema.sql").read_text().splitlines(), STALE


async def test_the_written_schema_can_be_read_by_a_database(postgres: Postgres) -> None:
    admin = await asyncpg.connect(postgres.database_url("postgres"))
    await admin.execute("create database written")
    try:
        db = await asyncpg.connect(postgres.database_url("written"))
        await db.execute((draw.ROOT / "sql/schema.sql").read_text())
        await db.close()
    finally:
        await admin.execute("drop database written with (force)")
        await admin.close()


def test_every_problem_is_documented() -> None:
    page = (draw.ROOT / "docs/problems.md").read_text()
    assert [] == [problem.code() for problem in every_problem() if f"`{problem.code()}` | {problem.status}" not in page]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(draw.ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = {found[1] for found in _LINK.finditer(page.read_text()) if found[1]}
    assert [] == sorted(link for link in links if not (page.parent / link).exists())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(draw.ROOT)))
def test_every_file_that_is_named_exists(page: Path) -> None:
    assert [] == [file for file in _FILE.findall(page.read_text()) if not (draw.ROOT / file).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(draw.ROOT)))
def test_every_task_that_is_named_exists(page: Path) -> None:
    tasks = set(re.findall(r"^([a-z]+):", (draw.ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {found[1] or found[2] for found in _TASK.finditer(page.read_text())}
    assert set() == named - tasks


def test_every_task_says_what_it_does() -> None:
    makefile = (draw.ROOT / "Makefile").read_text()
    assert [] == re.findall(r"^[a-z]+:(?!.* ## [A-Z]).*$", makefile, re.MULTILINE)
