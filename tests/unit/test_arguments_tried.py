"""Every value of every argument of every step is tried by a test of that step: read from the tests themselves."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from towpath.domain.catalogue import BUILT_IN, Argument, StepSpec

HERE = Path(__file__).parent
MODULES = (*sorted(HERE.glob("test_steps_*.py")), HERE / "test_import.py")
ANY = object()
"""Some value that is computed: it counts for arguments that take any number or text."""

Tried = dict[str, set[object]]
CLASSES = {point.name: point.value.partition(":")[2] for point in entry_points(group="towpath.steps")}


@cache
def read(path: Path) -> tuple[set[str], list[tuple[str, object]]]:
    """What a test module imports by its name, and each argument that it gives, with the value."""
    tree = ast.parse(path.read_bytes())
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    kinds = ast.FunctionDef | ast.Assign | ast.AnnAssign
    return imported, [one for node in tree.body if isinstance(node, kinds) for one in _given(node)]


def tried(class_name: str) -> Tried:
    """The values that tests give each argument, in modules that use that step."""
    found: Tried = defaultdict(set)
    for imported, given in map(read, MODULES):
        if class_name in imported:
            for name, value in given:
                found[name].add(value)
    return found


def _given(node: ast.stmt) -> Iterator[tuple[str, object]]:
    """What a function of a test module names as `argument=value` or `{"argument": value}`."""
    known = _parametrized(node) if isinstance(node, ast.FunctionDef) else {}
    for inner in ast.walk(node):
        if isinstance(inner, ast.keyword) and inner.arg:
            yield from ((inner.arg, value) for value in _values(inner.value, known))
        elif isinstance(inner, ast.Dict):
            for key, value in zip(inner.keys, inner.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield from ((key.value, one) for one in _values(value, known))
    for argument, values in known.items():  # `**{argument: value}` with both from the parameters
        if argument == "argument":
            yield from ((str(name), value) for name, value in zip(values, known["value"], strict=True))


def _parametrized(node: ast.FunctionDef) -> dict[str, list[object]]:
    """The values that each parameter of a test takes."""
    found: dict[str, list[object]] = {}
    for mark in node.decorator_list:
        if not (isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.parametrize"):
            continue
        names = mark.args[0]
        if isinstance(names, ast.Constant) and isinstance(mark.args[1], ast.List | ast.Tuple):
            found[str(names.value)] = [_value(one) for one in mark.args[1].elts]
        elif isinstance(names, ast.Tuple) and isinstance(mark.args[1], ast.List | ast.Tuple):
            for place, name in enumerate(names.elts):
                rows = [row for row in mark.args[1].elts if isinstance(row, ast.Tuple)]
                found[ast.literal_eval(name)] = [_value(row.elts[place]) for row in rows]
    return found


def _value(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else ANY


def _values(node: ast.expr, known: dict[str, list[object]]) -> list[object]:
    return known[node.id] if isinstance(node, ast.Name) and node.id in known else [_value(node)]


def wanted(argument: Argument) -> set[object]:
    """The values that must be tried beside the default, which each test of the step tries that says nothing."""
    if argument.type == "bool":
        return {not argument.default}
    choices: set[object] = set(argument.choices)
    return choices - {argument.default}


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.name)
def test_every_value_of_every_argument_has_a_test(spec: StepSpec) -> None:
    found = tried(CLASSES[spec.name])
    untried = []
    for argument in spec.arguments:
        if (
            argument.name == "endpoint"
        ):  # The worker resolves it before the step: tests/unit/test_worker_runs.py.
            continue
        if missing := wanted(argument) - found[argument.name]:
            untried.append(f"{argument.name}: {sorted(map(str, missing))}")
        elif not wanted(argument) and not found[argument.name] - {argument.default}:
            untried.append(f"{argument.name}: any value")
    assert untried == []


def test_a_value_that_nobody_tries_is_found() -> None:
    given = dict(_given(ast.parse("def f(): run(a=True, b=x, **{'c': 'd'})").body[0]))
    assert given == {"a": True, "b": ANY, "c": "d"}
