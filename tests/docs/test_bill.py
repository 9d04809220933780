"""The bill of materials names everything that runs in production, and is one by the standard's own measure."""

import json

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from docs.bill import ROOT, bill, vendored
from tests.test_requirements import pins

PURLS = {component["purl"] for component in json.loads(bill())["components"]}


def test_it_is_cyclonedx() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill()) is None


def test_everything_pinned_and_everything_in_the_tree_is_on_it() -> None:
    installed = {f"pkg:pypi/{name}@{version}" for name, version in pins("requirements.txt").items()}
    packed = {f"pkg:npm/{name.replace('@', '%40')}@{version}" for name, version in vendored()}
    assert installed | packed == PURLS
    assert installed
    assert packed


def test_no_vendor_folder_is_left_out() -> None:
    for folder in (ROOT / "service").rglob("vendor"):
        assert list(folder.rglob("README.md")), f"{folder.relative_to(ROOT)} names no package"
