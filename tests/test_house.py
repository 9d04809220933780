"""The rules of the house, held by tests: where things are, how they are named, how long they may be."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("service", "workers", "demo", "bench", "docs", "tests")
LONGEST = {"tests": 450}  # lines; a noun's tests stay in one file
LONGEST_MODULE = 260
FEWEST_WORDS = 2
LONGEST_FUNCTION = 40  # 25 is the rule of thumb
TABLES = {Path("demo/stores.py")}  # more data than code

SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "manager", "core", "misc", "shared", "handlers"}
ASKING = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany", "prepare", "cursor"}
STATEMENT = re.compile(
    r"\b(select\b.+\bfrom\b|insert\s+into\b|update\s+\w+\s+set\b|delete\s+from\b"
    r"|(create|drop|alter)\s+(table|index|function)\b|truncate\s+\w+)",
    re.IGNORECASE | re.DOTALL,
)
TYPEWRITTEN = re.compile(r"\b(?:[cdjlmnst]|(?:jus|lors|puis|quel)?qu|aujourd)'\w", re.IGNORECASE)
"""French with the apostrophe of a typewriter: l'heure, not l’heure."""

MODULES = {
    file.relative_to(ROOT): file.read_text()
    for room in ROOMS
    for file in sorted((ROOT / room).rglob("*.py"))
    if "vendor" not in file.parts
}
TREES = {path: ast.parse(text) for path, text in MODULES.items()}
PRODUCT = [path for path in MODULES if path.parts[0] in {"service", "workers", "demo", "docs"}]

TEXTS = {
    file: file.read_text()
    for pattern in ("*", *(f"{room}/**/*" for room in (*ROOMS, "sql", ".ci")))
    for file in sorted(ROOT.glob(pattern))
    if file.is_file()
    and file.suffix in {".py", ".sql", ".md", ".toml", ".yaml", ".txt", ".html", ".css", ".js", ".json", "", ".example"}
    and not {"vendor", "data", "__pycache__", ".git"} & set(file.parts)
    and file != Path(__file__)
}


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text in the code with its line; docstrings are no code."""
    spoken = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken:
            yield node.lineno, node.value


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method."""
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def lines(node: ast.AST) -> int:
    """How many lines a function takes."""
    return (node.end_lineno or node.lineno) - node.lineno + 1  # type: ignore[attr-defined,no-any-return]


def names(files: dict[Path, str], found: re.Pattern[str]) -> list[str]:
    """The files in which something is found."""
    return [str(file.relative_to(ROOT)) for file, text in files.items() if found.search(text)]


def test_imports_point_down_the_stairs() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    said = subprocess.run([program, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_modules_fit_on_a_few_screens() -> None:
    lengths = {path: len(text.splitlines()) for path, text in MODULES.items()}
    assert [] == [
        f"{path}: {length}" for path, length in lengths.items() if length > LONGEST.get(path.parts[0], LONGEST_MODULE)
    ]


def test_functions_fit_on_one_screen() -> None:
    assert [] == [
        f"{path}: {one.name}: {lines(one)}"
        for path, tree in TREES.items()
        for one in functions(tree)
        if lines(one) > LONGEST_FUNCTION and path not in TABLES
    ]


def test_modules_are_named_for_what_is_in_them() -> None:
    words = {path: {part.removeprefix("test_") for part in path.with_suffix("").parts} for path in MODULES}
    assert [] == [path for path in MODULES if words[path] & SAYS_NOTHING]


def test_modules_say_in_a_sentence_what_they_are_for() -> None:
    said = {path: (ast.get_docstring(tree) or "").partition("\n")[0] for path, tree in TREES.items()}
    assert [] == [path for path, sentence in said.items() if not sentence.endswith((".", "!"))]


def test_init_files_hold_only_their_docstring() -> None:
    assert [] == [path for path, tree in TREES.items() if path.name == "__init__.py" and len(tree.body) > 1]


def test_sql_is_only_in_sql_files() -> None:
    assert [] == [
        f"{path}:{line}: {text[:60]}"
        for path in PRODUCT
        for line, text in strings(TREES[path])
        if STATEMENT.search(text)
    ]


def test_no_statement_is_put_together_from_pieces() -> None:
    calls = [(path, node) for path in PRODUCT for node in ast.walk(TREES[path]) if isinstance(node, ast.Call)]
    assert [] == [
        f"{path}:{call.lineno}"
        for path, call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in ASKING
        if call.args and isinstance(call.args[0], (ast.JoinedStr, ast.BinOp))
    ]


def test_names_of_tests_are_sentences() -> None:
    tests = [(path, one.name) for path, tree in TREES.items() for one in functions(tree) if path.parts[0] == "tests"]
    assert [] == [
        f"{path}: {name}" for path, name in tests if name.startswith("test_") and name.count("_") < FEWEST_WORDS
    ]


def test_french_words_have_printed_apostrophes() -> None:
    spoken = {
        file: text
        for file, text in TEXTS.items()
        if file.relative_to(ROOT).parts[0] in {"service", "demo"}
        if not file.name.endswith(".sms.txt")  # a telephone's alphabet has no other
    }
    assert [] == names(spoken, TYPEWRITTEN)


def test_files_are_read_in_one_encoding_wherever_the_service_runs() -> None:
    ours = {path: text for path, text in MODULES.items() if path.parts[0] in {"service", "workers"}}
    assert [] == [
        str(path) for path, text in ours.items() if re.search(r"\b(read_text|write_text)\((?!.*encoding=)", text)
    ]


def test_nothing_is_left_to_be_done_later() -> None:
    assert [] == names(TEXTS, re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"))


def test_nothing_names_the_machine_it_was_written_on() -> None:
    assert [] == names(TEXTS, re.compile(r"(?<![\w.{}<-])/(work|root|opt|home)/\w|--find-links|--(extra-)?index-url"))
