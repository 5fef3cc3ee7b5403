"""The order of the tests over several workers leaves none out, and keeps those of a module together that wait."""

import re
from itertools import groupby
from pathlib import Path

import pytest
from tests.spreading import SERVED, WAITING, spread


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 9])
def test_each_test_is_handed_out_once_and_what_shares_a_hub_or_a_server_stays_together(
    request: pytest.FixtureRequest, workers: int
) -> None:
    items = request.session.items
    ordered = spread(items, workers)
    assert sorted(item.nodeid for item in ordered) == sorted(item.nodeid for item in items)
    modules = [item.nodeid.partition("::")[0] for item in ordered if item.nodeid.startswith(WAITING[0])]
    assert len([module for module, _ in groupby(modules)]) == len(set(modules))
    seen: set[str] = set()
    for strand in SERVED:
        names = {item.nodeid for item in items if item.nodeid.startswith(strand)} - seen
        where = [number for number, item in enumerate(ordered) if item.nodeid in names]
        assert where == list(range(min(where, default=0), max(where, default=-1) + 1)), strand
        seen |= names


SERVERS = {"azurite", "google", "postgres", "seaweed"}
TESTS = Path(__file__).parents[1]


def test_servers_of_the_session_are_imported_in_one_place_and_so_started_once() -> None:
    importing = [
        (name, str(path.relative_to(TESTS)))
        for path in TESTS.rglob("*.py")
        for names in re.findall(
            r"^from tests\.fixtures_\w+ import (.+|\([^)]+\))$", path.read_text(), re.MULTILINE
        )
        for name in SERVERS & set(re.findall(r"\w+", names))
    ]
    assert sorted(importing) == [(name, "conftest.py") for name in sorted(SERVERS)]
