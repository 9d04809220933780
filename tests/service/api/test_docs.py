"""The page to read and try the API: it asks nothing of the outside."""

import asyncio
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from service.api.docs import STATIC
from service.errors import every_problem
from tests.service.api.conftest import Api

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Loads(HTMLParser):
    """What a page loads or leads to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note addresses, and scripts or styles written into the page."""
        values = dict(attrs)
        self.addresses += [value for name in ("src", "href") if (value := values.get(name))]
        self.inline |= tag == "style" or (tag == "script" and "src" not in values) or "style" in values
        self.inline |= any(name.startswith("on") for name in values)


@pytest.mark.parametrize("path", ["/docs", "/docs/problems"])
async def test_a_page_loads_only_what_lies_here(api: Api, path: str) -> None:
    told = await api.get(path, key="")
    assert told.status == 200
    page = Loads(told.text)
    assert not page.inline
    for address in page.addresses:
        assert address.startswith(("/", "data:,", "#")), address
        assert not address.startswith("//")
        if address.startswith("/"):
            assert (await api.get(address, key="")).status == 200
    policy = told.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"https?:|\*", policy) == []


def test_our_own_script_names_no_outside_address_and_asks_no_validator() -> None:
    script = (STATIC / "docs.js").read_text()
    assert re.findall(r"(?:https?:)?//[a-z]+\.", script) == []
    assert "validatorUrl: null" in script


def test_the_vendored_files_bring_their_licence_and_nothing_that_phones_home() -> None:
    folder = STATIC / "vendor" / "swagger-ui"
    assert "Apache License" in (folder / "LICENSE").read_text()
    for file in (folder / "swagger-ui-bundle.js", folder / "swagger-ui.css"):
        text = file.read_text()
        assert "sourceMappingURL" not in text
        assert "scarf" not in text
    assert re.findall(r"@import|url\(['\"]?https?:", (folder / "swagger-ui.css").read_text()) == []


async def test_every_problem_is_explained_where_its_type_leads(api: Api) -> None:
    page = (await api.get("/docs/problems", key="")).text
    for problem in every_problem():
        assert f'id="{problem.code()}"' in page


async def test_static_files_stay_in_their_folder(api: Api) -> None:
    for path in (
        "/docs/static/../docs.py",
        "/docs/static/%2e%2e/docs.py",
        "/docs/static/",
        "/docs/static/..%2fdocs.py",
    ):
        told = await api.get(path, key="")
        assert told.status in {403, 404}
        assert "import" not in told.text


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
async def test_a_browser_shows_it_without_a_complaint(api: Api, tmp_path: Path) -> None:
    assert CHROMIUM
    browser = await asyncio.create_subprocess_exec(
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"),
        *("--virtual-time-budget=20000", f"--user-data-dir={tmp_path}", f"{api.url}/docs"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    page, said = await asyncio.wait_for(browser.communicate(), 50)
    assert b"/v1/stores/{store}/reservations" in page.replace(b"\xe2\x80\x8b", b"").replace(b"<wbr>", b"")
    assert [line for line in said.decode().splitlines() if ":CONSOLE" in line] == []
