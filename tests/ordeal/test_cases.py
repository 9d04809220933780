"""The lists of cases and guards hold what they say: tests that exist, and pieces that are there to be taken out."""

import pytest

from demo.programs import ROOT
from tests.ordeal.__main__ import _exists
from tests.ordeal.cases import CASES, Case
from tests.ordeal.guards import GUARDS, Guard
from tests.ordeal.report import Taken, Verdict, judge, noticed, page


def test_cases_are_numbered_without_gaps() -> None:
    assert [case.number for case in CASES] == list(range(1, len(CASES) + 1))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.number))
def test_every_test_of_a_case_exists(case: Case) -> None:
    assert [] == [test for test in case.tests if not _exists(ROOT, test)]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_every_guard_is_there_to_be_taken_out(guard: Guard) -> None:
    for change in guard.changes:
        assert any(change.guard in file.read_text() for file in ROOT.glob(change.files)), change
        assert change.instead != change.guard
    assert set(guard.cases) <= {case.number for case in CASES}


def told(test: str, *, passed: bool = True, seen: str = "", when: str = "call") -> dict[str, object]:
    """What pytest tells of a test."""
    return {
        "test": test,
        "when": when,
        "passed": passed,
        "seconds": 1.0,
        "seen": [seen] if seen else [],
        "failure": "it broke",
    }


def test_a_case_passes_when_all_its_tests_ran_and_passed() -> None:
    case = Case(1, "something", ("t.py::one", "t.py::many"))
    many = [told("t.py::many[a]"), told("t.py::many[b]", seen="stars")]
    assert judge(case, [told("t.py::one"), *many], []).outcome == "pass"
    assert "stars" in judge(case, [told("t.py::one"), *many], []).seen
    assert judge(case, many, []).outcome == "FAIL", "one did not run"
    assert judge(case, [told("t.py::one", passed=False), *many], []).outcome == "FAIL"
    assert judge(Case(1, "something"), [], []).outcome == "open"
    assert judge(Case(1, "something", reason="it can't be"), [], []).outcome == "n/a"


def test_a_guard_is_missed_only_by_a_test_that_runs_without_it_fails_and_passes_with_it() -> None:
    case = Case(1, "something", ("t.py::one", "t.py::many"))
    many = [told("t.py::many[http://[::1]/]", passed=False), told("t.py::one")]
    assert noticed(case, many, [told("t.py::many[http://[::1]/]")]) == ["many"]
    assert noticed(case, many, []) == noticed(case, many, many) == [], "it fails anyway"
    for nothing in ([], [told("t.py::one", passed=False, when="setup")], [told("t.py::other", passed=False)]):
        assert noticed(case, nothing, [told("t.py::one"), told("t.py::other")]) == []


def test_the_page_keeps_what_was_not_tried_again() -> None:
    first = page("", [Verdict(case, "pass", "as promised") for case in CASES], [Taken(guard, "") for guard in GUARDS])
    again = page(first, [Verdict(CASES[1], "FAIL", "it | broke", seed=7)], [Taken(GUARDS[0], "case 1")])
    assert f"| 2 | {CASES[1].done} | it \\| broke | FAIL | 7 |" in again
    assert f"| {GUARDS[0].keeps} | case 1 |" in again
    assert len(set(first.splitlines()) - set(again.splitlines())) == 2
