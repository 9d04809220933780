"""Listens to pytest for the ordeal, and writes down each test: how it ended, how long it took, what was seen."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "ORDEAL_LOG"

THOROUGH = VARIABLE in os.environ
"""Whether `make ordeal` runs: then what is made up is made up many times more often than in `make test`."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin to listen, where somebody wants to know."""
    if VARIABLE in os.environ:
        config.pluginmanager.register(_Listener(Path(os.environ[VARIABLE])))


class _Listener:
    def __init__(self, log: Path) -> None:
        self._log = log

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write a line for each test, and one more where its end fails."""
        if report.when == "call" or report.failed:
            with self._log.open("a") as log:
                log.write(json.dumps(self._told(report)) + "\n")

    @staticmethod
    def _told(report: pytest.TestReport) -> dict[str, Any]:
        crash = getattr(report.longrepr, "reprcrash", None)
        return {
            "test": report.nodeid,
            "when": report.when,
            "passed": report.passed,
            "seconds": round(report.duration, 2),
            "seen": [what for name, what in report.user_properties if name == "seen"],
            "failure": str(crash.message if crash else report.longrepr)[:400] if report.failed else "",
        }
