"""One Chromium for the whole run, and what becomes of browser tests where there is none."""

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from demo import chromium

REQUIRED = "COMPTOIR_BROWSER"  # "required": no browser test may be left out
LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a Chromium where there is none."""
    if chromium.where() is not None:
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    if left_out and os.environ.get(REQUIRED) == "required":
        raise pytest.UsageError(f"{len(left_out)} browser tests can't be left out, and there is no Chromium.")
    if left_out:
        config.stash[LEFT_OUT] = len(left_out)
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say so in one line."""
    if count := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"{count} browser tests left out: no Chromium")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The Chromium of this run."""
    async with chromium.launched() as browser:
        yield browser
