"""The staff's screens: one shell for the counter and the picking, its files, and what lets it work without a network.

The shell holds no order and no name, in any language: it asks the API with the device's cookie, and keeps for itself.
Files are addressed by the digest of all of them, so a browser may keep each for ever, and no two versions ever mix.
"""

import base64
import hashlib
import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from service.api.endpoints import OPERATIONS, Call, Endpoint
from service.errors import NotFound
from service.messages.spelling import Language
from service.screens.rendering import HERE, TEMPLATES, words

FOLDER = HERE / "static" / "counter"
LANGUAGES: tuple[Language, ...] = ("fr", "en")
SHARED = ("tokens.css",)
SHELL = "/counter"
PACKAGES = {
    "preact": "preact/preact.mjs",
    "preact/hooks": "preact/hooks.mjs",
    "@preact/signals-core": "signals/signals-core.mjs",
    "@preact/signals": "signals/signals.mjs",
    "htm": "htm/htm.mjs",
}
LAZY = "zxing"  # the decoder for cameras: a megabyte that is asked for later, and only where it is needed
KINDS = {
    **dict.fromkeys((".js", ".mjs"), "text/javascript"),
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".wasm": "application/wasm",
}
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


@cache
def files() -> dict[str, bytes]:
    """Every file of the screens by its name, in the folder of its package where it is somebody else's."""
    own = {path.name: path for path in FOLDER.iterdir() if path.suffix in KINDS}
    theirs = {
        f"{path.parent.name}/{path.name}": path for path in (FOLDER / "vendor").glob("*/*") if path.suffix in KINDS
    }
    shared = {name: HERE / "static" / name for name in SHARED}
    read = {name: path.read_bytes() for name, path in {**own, **theirs, **shared}.items()}
    spoken = {f"{language}.json": json.dumps(words("counter", language)).encode() for language in LANGUAGES}
    return {**read, **spoken}


@cache
def version() -> str:
    """The digest of all files: another one, another address."""
    digest = hashlib.sha256()
    for name, content in sorted(files().items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def address(name: str) -> str:
    """Where a file is."""
    return f"{SHELL}/static/{version()}/{name}"


@cache
def import_map() -> str:
    """Where the browser finds what is imported by a bare name; part of the shell, admitted by its digest."""
    return json.dumps({"imports": {name: address(file) for name, file in PACKAGES.items()}})


@cache
def content_security() -> str:
    """Nothing from outside, no script that is not a file of ours, no text that becomes one."""
    digest = base64.b64encode(hashlib.sha256(import_map().encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-src 'self'; "
        "media-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; "
        "require-trusted-types-for 'script'; trusted-types comptoir"
    )


MAY = "camera=(self), fullscreen=(self), screen-wake-lock=(self), geolocation=(), microphone=(), payment=(), usb=()"


async def shell(_call: Call[None]) -> web.Response:
    """The page of every staff screen; which one it shows, its address says."""
    text = TEMPLATES.get_template("counter.html").render(address=address, import_map=import_map(), version=version())
    headers = {
        "Content-Security-Policy": content_security(),
        "Cache-Control": ASK_AGAIN,
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": MAY,
    }
    return web.Response(text=text, content_type="text/html", headers=headers)


async def worker(_call: Call[None]) -> web.Response:
    """The service worker: keeps the shell of this version, and never an answer of the API."""
    kept = [SHELL, f"{SHELL}/picking", *(address(name) for name in sorted(files()) if not name.startswith(LAZY))]
    told = f"const VERSION = {json.dumps(version())};\nconst KEPT = {json.dumps(kept)};\n"
    headers = {
        "Cache-Control": ASK_AGAIN,
        "Service-Worker-Allowed": SHELL,
        "Content-Security-Policy": "default-src 'none'; connect-src 'self'; script-src 'self'; frame-ancestors 'none'",
    }
    return web.Response(text=told + files()["sw.js"].decode(), content_type="text/javascript", headers=headers)


async def manifest(_call: Call[None]) -> web.Response:
    """What makes it an application of the tablet."""
    icons: list[dict[str, Any]] = [
        {"src": address("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
        {"src": address("icon-192.png"), "sizes": "192x192", "type": "image/png", "purpose": "any"},
        {"src": address("icon-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
    ]
    described = {
        "id": SHELL,
        "name": "Comptoir",
        "short_name": "Comptoir",
        "lang": "fr",
        "start_url": SHELL,
        "scope": SHELL,
        "display": "fullscreen",
        "display_override": ["fullscreen", "standalone"],
        "background_color": "#f4f5f7",
        "theme_color": "#14181f",
        "icons": icons,
        "shortcuts": [{"name": "Préparation", "url": f"{SHELL}/picking"}, {"name": "Comptoir", "url": SHELL}],
    }
    return web.Response(
        text=json.dumps(described, ensure_ascii=False),
        content_type="application/manifest+json",
        headers={"Cache-Control": ASK_AGAIN},
    )


async def file(call: Call[None]) -> web.Response:
    """One file, to be kept for ever; an older address leads to none, so that versions never mix."""
    parts = call.request.match_info
    name = "/".join(filter(None, (parts.get("package"), parts["file"])))
    content = files().get(name) if parts["version"] == version() else None
    if content is None:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": FOR_EVER, "ETag": f'"{version()}"'}
    kind = KINDS[Path(name).suffix]
    if call.request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    response = web.Response(body=content, content_type=kind, headers=headers)
    response.enable_compression()
    return response


def _page(path: str, handle: Any, summary: str, media: str = "text/html") -> Endpoint:
    return Endpoint(
        method="GET",
        path=SHELL + path,
        handle=handle,
        summary=summary,
        tag=OPERATIONS,
        scopes=None,
        media=media,
        also=tuple(sorted(set(KINDS.values()))) if "{file}" in path else (),
        page=True,
        answers={200: None},
        problems=(NotFound,),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    _page("", shell, "The counter"),
    _page("/picking", shell, "The picking, on a phone"),
    _page("/sw.js", worker, "What works without a network", "text/javascript"),
    _page("/manifest.webmanifest", manifest, "The counter as an application", "application/manifest+json"),
    _page("/static/{version}/{file}", file, "A file of the screens", "text/javascript"),
    _page("/static/{version}/{package}/{file}", file, "A vendored file of the screens", "text/javascript"),
)
