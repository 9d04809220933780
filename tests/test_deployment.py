"""What goes into the image and how it is started, as far as that can be tried without a container engine."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())


def start(*words: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run the image's entry point with a `python` that only repeats what it was asked."""
    python = path / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    return subprocess.run(
        [ROOT / "entrypoint", *words],
        env={"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("api",), "-m service"),
        (("api", "--workers", "2"), "-m service --workers 2"),
        (("worker",), "-m workers"),
        (("migrate",), "-m service.manage migrate"),
        (("keys", "list"), "-m service.manage keys list"),
    ],
)
def test_the_image_runs_what_it_is_asked_to(words: tuple[str, ...], asked: str, tmp_path: Path) -> None:
    assert f"{asked}\n" == start(*words, path=tmp_path).stdout


@pytest.mark.parametrize("words", [(), ("sh",), ("--help",)])
def test_the_image_runs_nothing_else(words: tuple[str, ...], tmp_path: Path) -> None:
    refused = start(*words, path=tmp_path)
    assert (2, "") == (refused.returncode, refused.stdout)
    assert "api" in refused.stderr


def test_everything_that_is_copied_into_the_image_exists_and_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = [line.split() for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    copied = {source for words in copies if not words[1].startswith("--from") for source in words[1:-1]}
    assert let_in == copied
    assert all((ROOT / source).exists() for source in copied)


def test_compose_sets_only_settings_that_exist() -> None:
    known = {name.upper() for name in Settings.model_fields}
    ours = [service for service in COMPOSE["services"].values() if service["image"] == "comptoir"]
    assert {"migrate", "api", "worker"} == {service["command"][0] for service in ours}
    assert set() == {name for service in ours for name in service["environment"]} - known


def test_compose_starts_nothing_before_what_it_needs() -> None:
    needs = {name: set(service.get("depends_on", ())) for name, service in COMPOSE["services"].items()}
    assert {
        "postgres": set(),
        "valkey": set(),
        "migrate": {"postgres"},
        "api": {"migrate"},
        "worker": {"migrate"},
    } == needs


def test_an_environment_file_without_secrets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for secret in ("TOKEN_KEYS", "DATA_KEYS"):
        monkeypatch.delenv(secret, raising=False)
    with pytest.raises(ValueError, match=r"(?s)token_keys.*data_keys"):
        Settings(_env_file=ROOT / ".env.example")


def test_an_environment_file_with_its_secrets_filled_in_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for secret in ("TOKEN_KEYS", "DATA_KEYS"):
        monkeypatch.setenv(secret, '["a secret of at least thirty-two characters"]')
    assert Settings(_env_file=ROOT / ".env.example").port
