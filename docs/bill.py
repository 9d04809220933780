"""The bill of materials: what runs in production, as CycloneDX; drawn from the pinned requirements."""

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).parent.parent

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
_PACKED = re.compile(r"((?:@[a-z0-9-]+/)?[a-z0-9][a-z0-9.-]*)@(\d+\.\d+\.\d+)")
_SPDX = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def bill() -> str:
    """The bill as JSON (CycloneDX 1.6): every package in production, installed or in a `vendor` folder."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = _PINNED.findall((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    components = [_component(f"pkg:pypi/{name}@{version}", name, version, _licence(name)) for name, version in pinned]
    components += [_component(f"pkg:npm/{quote(name)}@{version}", name, version) for name, version in vendored()]
    told = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": project["name"],
                "name": project["name"],
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": project["name"], "dependsOn": [one["purl"] for one in components]}],
    }
    return json.dumps(told, indent=2) + "\n"


def vendored() -> list[tuple[str, str]]:
    """The front-end packages whose files lie in this tree, as the README of each `vendor` folder names them."""
    pages = [page.read_text(encoding="utf-8") for page in sorted((ROOT / "service").rglob("vendor/**/README.md"))]
    return sorted({found for page in pages for found in _PACKED.findall(page)})


def _component(purl: str, name: str, version: str, licence: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return told | ({"licenses": [{"expression": licence}]} if licence else {})


def _licence(name: str) -> str | None:
    """What the package says of itself, where it says it in the words of SPDX."""
    try:
        said: str | None = metadata.metadata(name)["License-Expression"]
    except metadata.PackageNotFoundError:
        return None
    return said if said and _SPDX.fullmatch(said) else None
