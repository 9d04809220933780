"""What is installed is what was pinned: names, versions and hashes, for every Python and system we name."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED = {
    "requirements.txt": PROJECT["dependencies"],
    "requirements-dev.txt": [
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["demo"],
        *PROJECT["optional-dependencies"]["otel"],
        *PROJECT["optional-dependencies"]["dev"],
    ],
}
PYTHONS = ("3.11.0", "3.11.2", "3.12.0", "3.13.0", "3.14.0")
SYSTEMS = {"linux": "Linux", "darwin": "Darwin"}

_PIN = re.compile(r'^([a-z0-9-]+)==([^\s;]+)( ; sys_platform != "win32")? \\$', re.MULTILINE)
_LINE = re.compile(rf"{_PIN.pattern}|    --hash=sha256:[0-9a-f]{{64}}( \\)?")


def pins(file: str) -> dict[str, str]:
    """What a file pins, by canonical name."""
    return {canonicalize_name(found[1]): found[2] for found in _PIN.finditer((ROOT / file).read_text())}


@pytest.mark.parametrize("file", ASKED)
def test_a_lock_holds_names_versions_and_hashes_only(file: str) -> None:
    assert [] == [line for line in (ROOT / file).read_text().splitlines() if not _LINE.fullmatch(line)]


@pytest.mark.parametrize("file", ASKED)
def test_everything_asked_for_is_pinned_as_asked(file: str) -> None:
    pinned = pins(file)
    asked = [Requirement(text) for text in ASKED[file]]
    assert [] == [
        str(one) for one in asked if not one.specifier.contains(pinned.get(canonicalize_name(one.name), ""), True)
    ]


def test_what_is_tested_is_what_runs_in_production() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


@pytest.mark.parametrize("file", ASKED)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_one_lock_serves_every_python_and_system(file: str, python: str, system: str) -> None:
    pinned = pins(file)
    here = {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": system,
        "platform_system": SYSTEMS[system],
        "extra": "",
    }
    needed = {
        canonicalize_name(needs.name)
        for name in pinned
        for needs in map(Requirement, metadata.requires(name) or [])
        if needs.marker is None or needs.marker.evaluate(here)
    }
    assert set() == needed - set(pinned)


def test_this_environment_has_what_was_pinned() -> None:
    pinned = {
        name: version for name, version in pins("requirements-dev.txt").items() if name not in {"pip", "setuptools"}
    }
    assert pinned == {name: metadata.version(name) for name in pinned}
