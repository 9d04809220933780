"""Logs: what other libraries say takes the same way as what we say, and nothing personal gets in."""

import json
import logging
import subprocess
import sys

from demo.programs import ROOT

SPEAK = """
import logging
from service import logs
import structlog

logs.set_up("json")
try:
    raise ValueError("zoe@example.com")
except ValueError:
    logging.getLogger("asyncpg").warning("connection lost", exc_info=True, extra={"customer": "Zoé"})
structlog.get_logger().info("reservation_held", store="367", customer="Zoé")
"""


def test_other_libraries_speak_in_one_line_and_name_nobody() -> None:
    said = subprocess.run([sys.executable, "-c", SPEAK], cwd=ROOT, capture_output=True, text=True, check=True).stderr
    theirs, ours = (json.loads(line) for line in said.splitlines())
    assert theirs["event"] == "connection lost"
    assert theirs["level"] == logging.getLevelName(logging.WARNING).lower()
    assert theirs["error_type"] == "ValueError"
    assert ours["event"] == "reservation_held"
    assert "Zo" not in said
    assert "zoe@" not in said
