"""The audit of what is pinned: it fails for what is known, and never takes silence for an all-clear."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

CLEAN = {"name": "aiohttp", "version": "3.14.5", "vulns": []}
FLAWED = {"name": "idna", "version": "3.6", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.7"]}]}
UNKNOWN = {"name": "segno", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("told", "code", "said"),
    [
        ({"dependencies": [CLEAN]}, 0, "1 packages, no known"),
        ({"dependencies": [CLEAN, FLAWED]}, 1, "idna 3.6: PYSEC-1, mended in 3.7"),
        ({"dependencies": [CLEAN, UNKNOWN]}, 2, "NOT AUDITED"),
        ({"dependencies": [FLAWED, UNKNOWN]}, 1, "PYSEC-1"),
        (None, 2, "NOT AUDITED"),
    ],
    ids=["clean", "flawed", "unknown", "both", "no network"],
)
def test_silence_is_no_all_clear(tmp_path: Path, told: Any, code: int, said: str) -> None:
    program = tmp_path / "pip-audit"
    answer = "exit 1" if told is None else f"cat <<'END'\n{json.dumps(told)}\nEND"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci/audit"],
        env={**os.environ, "PIP_AUDIT": str(program)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout + done.stderr
