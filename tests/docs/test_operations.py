"""Alarms and dashboards ask for what /metrics has, and lead to a page that says what to do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from docs.draw import ROOT
from service.database import Pool
from service.settings import Settings
from tests.service.api.conftest import serve
from tests.shop import Shop, settings_for

FOLDER = ROOT / "docs" / "operations"
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "grafana").glob("*.json"))}
EXPRESSIONS: dict[str, str] = {rule["alert"]: rule["expr"] for rule in ALERTS} | {
    f"{board}: {panel['title']}, {target['refId']}": target["expr"]
    for board, described in BOARDS.items()
    for panel in described["panels"]
    for target in panel["targets"]
}

PROMETHEUS_OWN = {"up": {"job", "instance"}}
ADDED_BY_PROMETHEUS = {"instance", "job"}
FUNCTIONS = {"sum", "min", "max", "rate", "delta", "histogram_quantile", "topk"}
WORDS = {"by", "and", "or", "unless", "le"}

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTOR = re.compile(r"([a-z_:][a-z0-9_:]*)(?:\{([^{}]*)\})?(\[\d+[smhd]\])?")
_MATCHER = re.compile(r'\s*([a-z_]+)(=|!=|=~|!~)("(?:[^"\\]|\\.)*")\s*')


def anchors(page: Path) -> set[str]:
    """Where links into a page may lead, as GitHub spells it."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {slug(heading) for heading in headings}


def said_at(page: Path, anchor: str) -> str:
    """The part of a page that a link into it leads to, up to the next heading."""
    parts = re.split(r"^(?=#+ )", page.read_text(), flags=re.MULTILINE)
    return next(part for part in parts if part.startswith("#") and slug(part.partition("\n")[0].lstrip("# ")) == anchor)


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def selectors(expression: str) -> Iterator[tuple[str, dict[str, tuple[str, str]], bool]]:
    """The metrics that an expression asks for: name, matchers by label, and whether over a span of time."""
    texts: list[str] = []

    def hide(found: re.Match[str]) -> str:
        texts.append(found[0])
        return f'"{len(texts) - 1}"'

    hidden = _TEXT.sub(hide, expression)
    for found in _SELECTOR.finditer(re.sub(r"\b(by|without)\s*\([^()]*\)", " ", hidden)):
        name, inside, span = found.groups()
        if name in FUNCTIONS | WORDS or re.fullmatch(r"[smhd]", name):
            continue
        matchers = {}
        for part in filter(None, (inside or "").split(",")):
            matcher = _MATCHER.fullmatch(part)
            assert matcher, f"{part} in {expression}"
            matchers[matcher[1]] = (matcher[2], texts[int(matcher[3].strip('"'))].strip('"'))
        yield name, matchers, span is not None


@pytest.fixture
async def samples(shop: Shop, pool: Pool, database_url: str) -> dict[str, list[dict[str, str]]]:
    """Every sample on /metrics by its name, with its labels, of a service that has something of everything."""
    await shop.stock("tea", 5)
    await shop.hold("tea", 1)
    settings: Settings = settings_for(database_url)
    async with serve(settings, pool) as api:
        await api.post("/v1/stores/lyon/reservations", {"order_ref": "x"})
        text = (await api.get("/metrics", key="")).text
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        if family.type == "gauge":
            found.setdefault(family.name, [])  # also where there is nothing to count
        for sample in family.samples:
            found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


async def test_every_expression_asks_for_what_is_there(samples: dict[str, list[dict[str, str]]]) -> None:
    for where, expression in EXPRESSIONS.items():
        asked = list(selectors(expression))
        assert asked, where
        for name, matchers, _ in asked:
            assert name in samples or name in PROMETHEUS_OWN, f"{where}: there is no {name}"
            labels = PROMETHEUS_OWN.get(name) or {label for one in samples[name] for label in one} | ADDED_BY_PROMETHEUS
            assert matchers.keys() <= labels, f"{where}: {name} has {sorted(labels)}"
            for label, (operator, value) in matchers.items():
                if label in {"what", "state", "route"} and operator == "=":
                    assert value in {one[label] for one in samples[name]}, f"{where}: {name} is never {label}={value}"


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_an_expression_is_well_formed(where: str) -> None:
    bare = _TEXT.sub("", EXPRESSIONS[where])
    for opening, closing in ("()", "[]", "{}"):
        assert bare.count(opening) == bare.count(closing)
    assert set(re.findall(r"\b([a-z_]+)\s*\((?![^()]*\)\s*\()", bare)) <= FUNCTIONS | {"by"}
    for function, inside in re.findall(r"\b(rate|delta)\(([^()]*)\)", bare):
        assert re.search(r"\[\d+[smhd]\]$", inside), f"{function} is over a span of time"
    for name, _, _ in selectors(EXPRESSIONS[where]):
        assert name.endswith(("_total", "_bucket")) == bool(re.search(rf"rate\({name}", EXPRESSIONS[where])), (
            "what only grows is asked for its rate, and nothing else is"
        )


def test_every_alarm_says_what_is_so_and_leads_to_what_to_do() -> None:
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)
    for rule in ALERTS:
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert anchor in anchors(ROOT / page), rule["alert"]
        if page != "docs/operations.md":  # where it has no part of its own, it is met by its numbers
            for name, matchers, _ in selectors(rule["expr"]):
                for sought in (name, *(f'{label}="{value}"' for label, (_, value) in matchers.items())):
                    assert sought in said_at(ROOT / page, anchor), f"{rule['alert']}: {page} does not mention {sought}"
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))


def test_every_metric_of_ours_is_watched(samples: dict[str, list[dict[str, str]]]) -> None:
    asked = {name for expression in EXPRESSIONS.values() for name, _, _ in selectors(expression)}
    ours = {name for name in samples if name.startswith("comptoir_")}
    histogram = {"comptoir_request_seconds_count", "comptoir_request_seconds_sum"}
    assert ours - asked - histogram == set()


def test_panels_lie_side_by_side_and_nowhere_twice() -> None:
    for board, described in BOARDS.items():
        taken: set[tuple[int, int]] = set()
        assert len({panel["id"] for panel in described["panels"]}) == len(described["panels"]), board
        for panel in described["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, f"{board}: {panel['title']}"
            assert place["x"] + place["w"] <= 24
            taken |= cells
