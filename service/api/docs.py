"""The API, to read and to try: its document, a page that shows it, and every refusal explained."""

from functools import cache
from html import escape
from pathlib import Path

from aiohttp import web

from service.api.endpoints import OPERATIONS, Call, Endpoint
from service.api.openapi import DOCUMENT
from service.api.problems import PAGE
from service.errors import every_problem

STATIC = Path(__file__).parent / "static"

CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PROBLEMS = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Comptoir: what can be refused</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/docs/static/docs.css">
</head>
<body>
  <main class="problems">
    <h1>What can be refused</h1>
    <p>Each answer of this kind is <code>application/problem+json</code> and names one of these codes.</p>
    <dl>
{problems}
    </dl>
  </main>
</body>
</html>
"""


async def document(call: Call[None]) -> web.Response:
    """The OpenAPI document."""
    return web.Response(
        text=call.request.app[DOCUMENT].text, content_type="application/json", headers={"Cache-Control": "no-cache"}
    )


async def page(_call: Call[None]) -> web.Response:
    """The page to read and try it."""
    return _html((STATIC / "docs.html").read_text(encoding="utf-8"))


async def problems(_call: Call[None]) -> web.Response:
    """Every refusal: its code, its status and what it means; problems point here with their `type`."""
    return _html(problems_page())


@cache
def problems_page() -> str:
    """Write the page of refusals."""
    entries = (
        f'      <dt id="{problem.code()}"><code>{problem.code()}</code> ({problem.status.value})</dt>\n'
        f"      <dd>{escape(problem.title())}</dd>"
        for problem in sorted(every_problem(), key=lambda problem: problem.code())
    )
    return _PROBLEMS.format(problems="\n".join(entries))


def _html(text: str) -> web.Response:
    headers = {"Content-Security-Policy": CONTENT_SECURITY, "Cache-Control": "no-cache"}
    return web.Response(text=text, content_type="text/html", headers=headers)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/openapi.json",
        handle=document,
        summary="The OpenAPI document",
        tag=OPERATIONS,
        scopes=None,
        answers={200: None},
    ),
    Endpoint(
        method="GET",
        path="/docs",
        handle=page,
        summary="A page to read and try the API",
        tag=OPERATIONS,
        scopes=None,
        media="text/html",
        answers={200: None},
    ),
    Endpoint(
        method="GET",
        path=PAGE,
        handle=problems,
        summary="Every refusal explained",
        tag=OPERATIONS,
        scopes=None,
        media="text/html",
        answers={200: None},
    ),
)
