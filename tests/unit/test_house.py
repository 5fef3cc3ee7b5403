"""The house rules that a machine can check."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PACKAGE = TOP / "src" / "towpath"
MODULES = sorted(PACKAGE.rglob("*.py"))
BESIDE = ("bench", "demo", "docs")
OURS = sorted({*MODULES, *(path for room in BESIDE for path in (TOP / room).rglob("*.py"))})
LONGEST_FUNCTION = 50
LONGEST_MODULE = 400
FORBIDDEN = {"manager", "handler", "helper", "util", "common", "service", "data", "info"}
"""Words that say nothing about the thing that bears them; plurals too."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def name(path: Path) -> str:
    """A module as the errors name it."""
    return str(path.relative_to(TOP))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def definitions(path: Path) -> Iterator[Definition]:
    """The functions and classes of a module, inner ones too."""
    yield from _definitions(path)


@cache
def _definitions(path: Path) -> list[Definition]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [node for node in ast.walk(tree(path)) if isinstance(node, kinds)]


def is_class(node: Definition) -> bool:
    return isinstance(node, ast.ClassDef)


def where(path: Path, node: ast.AST) -> str:
    return f"{name(path)}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', '')}".rstrip()


def lines(node: Definition) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def words(identifier: str) -> set[str]:
    """The words of a name, in the singular."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)
    return {part.lower().removesuffix("s") for part in parts}


def is_migration(path: Path) -> bool:
    """Whether a module is a step of the database's history: it is written once, and names what it must."""
    return "versions" in path.parts


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 50


def test_no_function_is_longer_than_fifty_lines() -> None:
    functions = [(p, n) for p in OURS for n in definitions(p) if not is_class(n)]
    assert [f"{where(p, n)}: {lines(n)} lines" for p, n in functions if lines(n) > LONGEST_FUNCTION] == []


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    counted = {name(path): len(path.read_bytes().splitlines()) for path in OURS}
    assert {path: count for path, count in counted.items() if count > LONGEST_MODULE} == {}


def test_each_module_says_in_its_first_line_what_it_is() -> None:
    for path in OURS:
        text = ast.get_docstring(tree(path))
        assert text, f"{name(path)}: no docstring"
        sentence = text.splitlines()[0]
        assert re.search(r"[.:]$", text.split("\n\n")[0]), f"{name(path)}: no sentence: {sentence!r}"


def test_each_public_function_and_class_says_what_it_is_or_promises() -> None:
    silent = [
        where(path, node)
        for path in MODULES
        if not is_migration(path)
        for node in public(tree(path))
        if ast.get_docstring(node) is None
    ]
    assert silent == []


def public(scope: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """The public definitions of a module, and the public methods of its public classes."""
    for node in scope.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        yield node
        if isinstance(node, ast.ClassDef):
            yield from public(node)


def test_no_name_holds_a_word_that_says_nothing() -> None:
    named = [(where(path, node), node.name) for path in OURS for node in definitions(path)]
    named += [(name(path), path.stem) for path in OURS]
    assert [place for place, given in named if words(given) & FORBIDDEN] == []


def test_no_function_only_says_that_it_does_or_processes_something() -> None:
    verbs = [(p, n) for p in OURS for n in definitions(p) if not is_class(n)]
    assert [where(p, n) for p, n in verbs if re.match(r"_*(do_|process(_|$))", n.name)] == []


def test_no_import_hides_in_a_function_outside_the_command_line() -> None:
    hidden = [
        where(path, inner)
        for path in MODULES
        if "cli" not in path.relative_to(PACKAGE).parts
        for node in definitions(path)
        if not is_class(node)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_the_six_files_that_a_newcomer_is_sent_to_are_there() -> None:
    text = (TOP / "CONTRIBUTING.md").read_text()
    listed = re.findall(r"^\d\. \[`([a-z/_.]+)`\]\(([a-z/_.]+)\)", text, re.MULTILINE)
    assert len(listed) == 6
    for short, target in listed:
        assert target.endswith(short)
        assert (TOP / target).is_file(), target


def test_every_link_within_the_documents_leads_somewhere() -> None:
    documents = [*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")]
    for document in documents:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{name(document)}: {target}"


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_a_lock_has_hashes_and_names_no_place_to_get_packages_from(lock: str) -> None:
    text = (TOP / lock).read_text()
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)
    pinned = re.findall(r"^[a-z0-9_.\[\]-]+==.*$", text, re.MULTILINE)
    assert pinned
    assert all(line.endswith("\\") for line in pinned)
