"""What `make test` leaves to `make test-wide` is there, is marked, and nothing else is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.tiers import KEPT, SERVERS, WIDE, mark

TOP = Path(__file__).parents[2]


class Found(SimpleNamespace):
    """A test as it was found."""

    def add_marker(self, name: str) -> None:
        self.marks.append(name)


def marks(nodeid: str, *fixtures: str) -> list[str]:
    found: Any = Found(nodeid=nodeid, fixturenames=fixtures, marks=[])
    mark([found])
    return list(found.marks)


@pytest.mark.parametrize("name", WIDE)
def test_what_the_table_names_is_there(name: str) -> None:
    module, _, rest = name.partition("::")
    function = rest.partition("[")[0]
    assert f"def {function or 'test_'}" in (TOP / module).read_text()
    assert marks(f"{name}x") == ["wide"]


@pytest.mark.parametrize("server", sorted(SERVERS))
def test_a_test_that_asks_for_such_a_server_is_wide(server: str) -> None:
    assert any(f"def {server}(" in path.read_text() for path in (TOP / "tests").glob("fixtures_*.py"))
    assert marks("tests/unit/test_paths.py::test_one", "tmp_path", server) == ["wide"]


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_is_there_and_is_not_wide(name: str) -> None:
    module, _, function = name.partition("::")
    assert f"def {function or 'test_'}" in (TOP / module).read_text()
    assert marks(f"{name}x", *SERVERS) == []


def test_any_other_test_is_not() -> None:
    assert marks("tests/unit/test_paths.py::test_one", "tmp_path", "seaweed") == []


def test_both_make_targets_together_have_all_but_the_long_tests() -> None:
    commands = (TOP / "Makefile").read_text()
    chosen = [line.partition("-m ")[2].strip() for line in commands.splitlines() if "-n 4 -q -m" in line]
    assert chosen == ['"not wide and not long"', '"wide and not long"']
    assert (TOP / ".ci/run").read_text().split("export TOWPATH_NO_SKIPS=1\n")[1].split() == [
        *("make", "test"),
        *("exec", "make", "test-wide"),
    ]
