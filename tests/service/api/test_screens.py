"""The files of the staff's screens: ours and vendored, whole, and addressed so that no two versions mix."""

import hashlib
import json
import re

from service.screens import counter
from tests.service.api.conftest import Api

VENDORED = counter.FOLDER / "vendor"


def test_what_is_vendored_is_what_was_packed() -> None:
    lines = (VENDORED / "SHA256SUMS").read_text().splitlines()
    said = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = {path.relative_to(VENDORED).as_posix(): path for path in VENDORED.glob("*/*")}
    assert said == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()}
    assert {name.partition("/")[0] for name in said} == {
        name.partition("/")[0] for name in said if name.endswith("/LICENSE")
    }


def test_nothing_is_asked_of_the_outside() -> None:
    scripts = {name: file.decode() for name, file in counter.files().items() if name.endswith((".js", ".mjs", ".css"))}
    assert [] == [
        name
        for name, text in scripts.items()
        if set(re.findall(r"https?://[\w.]+", text)) - {"http://www.w3.org", "https://github.com"}
    ]


async def test_the_shell_names_one_version_and_every_file_of_it_is_there(api: Api) -> None:
    shell = await api.get("/counter", key="")
    assert shell.headers["Cache-Control"] == "no-cache"
    assert "require-trusted-types-for 'script'" in shell.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in shell.headers["Content-Security-Policy"]
    addresses = set(re.findall(r'"(/counter/static/[^"]+\.\w+)"', shell.text))
    assert len(addresses) > 6
    for address in addresses:
        async with api.session.get(api.url + address) as told:
            assert (told.status, told.headers["Cache-Control"]) == (200, counter.FOR_EVER), address
    assert (await api.get(f"/counter/static/{'0' * 12}/main.js", key="")).status == 404
    assert (await api.get(f"/counter/static/{counter.version()}/..%2Fcustomer.py", key="")).status == 404


async def test_the_worker_keeps_all_that_is_needed_but_the_decoder(api: Api) -> None:
    worker = await api.get("/counter/sw.js", key="")
    assert worker.headers["Service-Worker-Allowed"] == "/counter"
    found = re.search(r"^const KEPT = (\[.*\]);$", worker.text, re.MULTILINE)
    assert found
    kept = json.loads(found[1])
    assert {"/counter", "/counter/picking", counter.address("main.js"), counter.address("fr.json")} <= set(kept)
    assert not any("zxing" in path or path.startswith("/v1") for path in kept)


async def test_it_can_be_installed_as_an_application(api: Api) -> None:
    manifest = (await api.get("/counter/manifest.webmanifest", key="")).text
    described = json.loads(manifest)
    assert (described["start_url"], described["display"]) == ("/counter", "fullscreen")
    for icon in described["icons"]:
        async with api.session.get(api.url + icon["src"]) as told:
            assert told.status == 200
