"""The shop's own words: templates from outside, in a small language that always ends and reaches nothing."""

import functools
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.messages import advertising, facts, spelling
from service.messages.words import FOLDER, Templates, drawn

LONGEST = 60_000  # characters of one part
LONGEST_FILLED = 400_000  # characters

LISTS = frozenset({"lines", "missing", "address"})
FILTERS = frozenset({
    "upper", "lower", "title", "capitalize", "trim", "e", "escape", "first", "last", "length", "count", "default", "d",
})  # fmt: skip
NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For, nodes.Getattr,
    nodes.Filter, nodes.Test, nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand, nodes.CondExpr,
    nodes.Concat, nodes.Block, nodes.Extends,
)  # fmt: skip
"""All that a template may be made of. No call, no loop in a loop, no arithmetic: it ends soon, whatever it says."""

MJML_TAGS = frozenset({
    "mjml", "mj-head", "mj-body", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint", "mj-preview", "mj-style",
    "mj-title", "mj-raw", "mj-section", "mj-column", "mj-group", "mj-wrapper", "mj-hero", "mj-text", "mj-image",
    "mj-button", "mj-divider", "mj-spacer", "mj-table", "mj-social", "mj-social-element", "mj-navbar", "mj-navbar-link",
    "mj-font", "mj-html-attributes", "mj-selector", "mj-html-attribute",
})  # fmt: skip
_TAG = re.compile(r"<(mj[a-z-]*)")
_ACTIVE = re.compile(
    r"<\s*(script|iframe|object|embed|form|link|meta\s+http-equiv)\b|\bon\w+\s*=|javascript:", re.IGNORECASE
)


class Broken(Exception):  # noqa: N818 -- named for what is so
    """A template can't be used as it is: in which part, at which line, and what to do about it."""

    def __init__(self, part: str, line: int | None, advice: str) -> None:
        super().__init__(f"{part}{f', line {line}' if line else ''}: {advice}")
        self.part = part
        self.line = line
        self.advice = advice


def _environment(*, html: bool) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=Templates(FOLDER),
        autoescape=select_autoescape(["html"], default_for_string=html),
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_HTML, _TEXT = _environment(html=True), _environment(html=False)
_PARTS = {
    "subject.txt": "subject",
    "txt": "text",
    "html": "html",
    "sms.txt": "text",
    "delegate.sms.txt": "delegate_text",
}


@dataclass(frozen=True)
class OwnWords:
    """The parts of a template by their names: subject, text and html of an e-mail; text and delegate_text of an SMS."""

    language: str
    parts: tuple[tuple[str, str], ...]

    def has(self, part: str) -> bool:
        """Whether a part is the shop's own, by the name it has in `letters`; the others are ours."""
        return _PARTS[part] in dict(self.parts)

    def fill(self, part: str, known: Mapping[str, Any]) -> str:
        """Fill such a part. Raises what Jinja raises, and Broken where it grows too long."""
        return self.filled(_PARTS[part], known)

    def filled(self, name: str, known: Mapping[str, Any]) -> str:
        """The same, with the name it has outside."""
        template = _compiled(dict(self.parts)[name], html=name == "html")
        pieces, length = [], 0
        for piece in template.generate(known):
            pieces.append(piece)
            length += len(piece)
            if length > LONGEST_FILLED:
                raise Broken(name, None, f"it grows beyond {LONGEST_FILLED} characters: say less of each line")
        typeset = spelling.typeset_page if name == "html" else spelling.typeset
        return typeset("".join(pieces), self.language)


@functools.lru_cache(maxsize=256)
def _compiled(source: str, *, html: bool) -> Any:
    if html and _is_mjml(source):
        source = drawn(source)
    return (_HTML if html else _TEXT).from_string(source)


def _is_mjml(source: str) -> bool:
    return source.lstrip().startswith("<mjml")


def check(own: OwnWords, *, channel: str) -> None:
    """Read a template without filling it. Raises Broken."""
    for part, source in own.parts:
        if len(source) > LONGEST:
            raise Broken(part, None, f"{len(source)} characters are too many: {LONGEST} are the most")
        try:
            tree = (_HTML if part == "html" else _TEXT).parse(source)
        except TemplateSyntaxError as error:
            raise Broken(part, error.lineno, f"{error.message}") from None
        _check_tree(part, tree, facts.NAMES_IN_TEXTS if channel == "sms" else facts.NAMES)
        if part == "html":
            _check_markup(part, source)
        if word := advertising.found(source):
            raise Broken(
                part, _line_of(source, word), f"{word!r} advertises, and this is a message about an order: leave it out"
            )


def _check_tree(part: str, tree: nodes.Template, names: frozenset[str]) -> None:
    for node, loops in _walk(tree):
        for advice in _faults(node, loops, names):
            raise Broken(part, getattr(node, "lineno", None), advice)


def _walk(node: nodes.Node, loops: int = 0) -> Iterator[tuple[nodes.Node, int]]:
    """Every piece of a template, and how many loops it is in."""
    yield node, loops
    if not _is_super(node):
        for child in node.iter_child_nodes():
            yield from _walk(child, loops + isinstance(node, nodes.For))


def _is_super(node: nodes.Node) -> bool:
    """Whether it is `super()`, which says what the layout says."""
    if not isinstance(node, nodes.Call) or node.args or node.kwargs:
        return False
    return isinstance(node.node, nodes.Name) and node.node.name == "super"


def _faults(node: nodes.Node, loops: int, names: frozenset[str]) -> Iterator[str]:
    """What is wrong with a piece of a template, and what to do about it."""
    match node:
        case nodes.For() if loops or node.recursive:
            yield "a loop in a loop is not allowed: take one of them out"
        case nodes.For() if not (isinstance(node.iter, nodes.Name) and node.iter.name in LISTS):
            yield f"a loop goes over one of {', '.join(sorted(LISTS))}"
        case nodes.For() if not (isinstance(node.target, nodes.Name) and node.target.name == "line"):
            yield "call what the loop goes over `line`"
        case nodes.Filter() if node.name not in FILTERS:
            yield f"there is no filter {node.name!r} here; there are {', '.join(sorted(FILTERS))}"
        case nodes.Extends() if not isinstance(node.template, nodes.Const):
            yield 'extends takes a name, like "fr/frame.html"'
        case nodes.Getattr() if node.attr.startswith("_"):
            yield f"{node.attr!r} is out of reach"
        case nodes.Name(ctx="load") if node.name not in names and not (loops and node.name in {"line", "loop"}):
            yield f"there is no {node.name!r}; there are {', '.join(sorted(names))}"
        case nodes.Call() if not _is_super(node):
            yield "nothing can be called here but super(): leave the brackets out"
        case _ if not (isinstance(node, NODES) or _is_super(node)):
            yield f"{type(node).__name__.lower()!r} is not allowed here: say it more simply"


def _check_markup(part: str, source: str) -> None:
    if active := _ACTIVE.search(source):
        raise Broken(
            part,
            _line_of(source, active.group()),
            f"{active.group()!r}: mail programs drop it, or drop the mail: leave it out",
        )
    if not _is_mjml(source):
        return
    for tag in _TAG.finditer(source):
        if tag[1] not in MJML_TAGS:
            raise Broken(part, source.count("\n", 0, tag.start()) + 1, f"<{tag[1]}> is no element of MJML")
    try:
        drawn(source)
    except Exception as error:  # noqa: BLE001 -- the parser's own, of no public name
        raise Broken(part, None, f"it is no MJML: {error}") from None


def _line_of(source: str, words: str) -> int:
    return source.count("\n", 0, source.lower().find(words.lower())) + 1


def try_out(own: OwnWords, part: str, known: Mapping[str, Any], *, example: str) -> str:
    """Fill a part for an example, whose name is told when that fails. Raises Broken."""
    try:
        return own.filled(part, known)
    except TemplateError as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
        raise Broken(part, lines[-1] if lines else None, f"{error.message} ({example})") from None
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise Broken(part, None, f"{error} ({example})") from None
