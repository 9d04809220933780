"""How a page is made: its template, its words, and what a browser may do with it."""

import hashlib
import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from service.messages import spelling
from service.messages.spelling import Language

HERE = Path(__file__).parent
STATIC = HERE / "static"
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Of a page that runs only scripts of ours and makes no markup from text."""


@cache
def words(page: str, language: Language) -> dict[str, str]:
    """What a page says, in one language."""
    said: dict[str, str] = json.loads((HERE / "words" / f"{page}.{language}.json").read_text(encoding="utf-8"))
    return {name: spelling.typeset(text, language) for name, text in said.items()}


def render(
    request: web.Request,
    template: str,
    language: Language,
    *,
    say: dict[str, str],
    status: HTTPStatus = HTTPStatus.OK,
    **values: Any,
) -> web.Response:
    """A page; whoever has it already, as it is, is told only that.

    It is never kept by a cache: the ETag is for scripts that ask whether anything has changed.
    """
    text = TEMPLATES.get_template(template).render(language=language, say=say, **values)
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:20]}"'
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY,
        "X-Robots-Tag": "noindex",
        "Vary": "Accept, Cookie",
        "ETag": tag,
    }
    if status is HTTPStatus.OK and request.headers.get("If-None-Match") == tag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)
