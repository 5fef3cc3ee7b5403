"""The simulation finds each bug that is planted, and finds none where none is."""

import pytest
from tests.simulation.__main__ import quietly
from tests.simulation.bugs import BUGS
from tests.simulation.history import play

SOON, EVER = 120, 1000
RARE = frozenset(
    {
        "a_hello_of_long_ago_is_believed",
        "any_run_may_report",
        "a_node_does_not_fence_itself",
        "leases_run_out_while_the_hub_cannot_hear",
        "the_outbox_forgets_what_was_only_sent",
    }
)
"""Bugs that take some dozens of seeds to be found."""


def first_that_finds(name: str, most: int) -> int | None:
    """The first seed that finds a bug, of so many."""
    quietly()
    with BUGS[name]():
        return next((seed for seed in range(most) if play(seed).wrong is not None), None)


@pytest.mark.parametrize("name", sorted(BUGS.keys() - RARE))
def test_a_planted_bug_is_found_soon(name: str) -> None:
    assert first_that_finds(name, SOON) is not None


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(RARE))
def test_a_bug_that_hides_is_found_too(name: str) -> None:
    assert first_that_finds(name, EVER) is not None


def test_there_are_at_least_ten_bugs_to_find() -> None:
    assert len(BUGS) >= 10
