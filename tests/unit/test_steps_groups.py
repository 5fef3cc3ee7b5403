"""Commit groups: each that joins gets exactly one outcome, and none waits for long."""

from collections.abc import Generator, Iterable
from pathlib import Path

import pytest
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code, PathOutcome
from towpath.steps.groups import LONGEST, MOST, Groups
from towpath.steps.noop import Noop
from towpath.steps.outcomes import processed
from towpath.steps.protocol import Item, Stopped


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A site; nothing is read there."""
    return place_with_directory(tmp_path)


class Clock:
    """A clock that goes on by `step` at each look."""

    def __init__(self, step: float) -> None:
        self.step, self.now = step, 0.0

    def __call__(self) -> float:
        """The time."""
        self.now += self.step
        return self.now


def run(place: Place, count: int, clock: Clock) -> tuple[list[int], list[int]]:
    """The sizes of the groups, and the indexes of the outcomes, of so many paths that all join one."""
    sizes: list[int] = []

    def commit(group: list[Item]) -> Iterable[PathOutcome]:
        sizes.append(len(group))
        return [processed(item) for item in group]

    groups = Groups(commit, clock)
    context = place.context(Noop(), [b"%d" % number for number in range(count)])
    outcomes = groups.outcomes(context, lambda item: groups.join(item, item))
    return sizes, sorted(outcome.index for outcome in outcomes)


@pytest.mark.parametrize("count", [0, 1, MOST - 1, MOST, MOST + 1, 3 * MOST + 7])
def test_each_that_joins_has_one_outcome_whatever_the_number(place: Place, count: int) -> None:
    sizes, indexes = run(place, count, Clock(0))
    assert indexes == list(range(count))
    assert sum(sizes) == count
    assert all(size <= MOST for size in sizes)


def test_a_group_is_committed_once_it_has_waited_long_enough(place: Place) -> None:
    sizes, indexes = run(place, 100, Clock(LONGEST / 4))
    assert indexes == list(range(100))
    assert max(sizes) <= 5


def test_outcomes_come_before_the_last_path_is_begun(place: Place) -> None:
    begun: list[int] = []
    groups: Groups[Item] = Groups(lambda group: [processed(item) for item in group], Clock(0))

    def work(item: Item) -> PathOutcome:
        begun.append(item.index)
        return groups.join(item, item)

    outcomes = groups.outcomes(place.context(Noop(), [b"x"] * (4 * MOST)), work)
    next(outcomes)
    assert len(begun) < 2 * MOST
    assert len(list(outcomes)) == 4 * MOST - 1


def test_what_joins_no_group_has_its_outcome_at_once(place: Place) -> None:
    groups: Groups[Item] = Groups(lambda group: [], Clock(0))
    context = place.context(Noop(), [b"x"] * 5)
    assert {o.code for o in groups.outcomes(context, processed)} == {Code.PROCESSED}


def test_a_commit_that_loses_its_run_ends_the_step(place: Place) -> None:
    def commit(group: list[Item]) -> Iterable[PathOutcome]:
        raise Stopped

    groups = Groups(commit, Clock(0))
    context = place.context(Noop(), [b"x"] * (2 * MOST))
    with pytest.raises(Stopped):
        list(groups.outcomes(context, lambda item: groups.join(item, item)))


def test_what_waits_in_a_group_of_a_step_that_is_given_up_is_let_go(place: Place) -> None:
    let_go: list[Item] = []
    groups: Groups[Item] = Groups(lambda _: [], Clock(0), abandon=let_go.append)

    def work(item: Item) -> PathOutcome:
        return groups.join(item, item) if item.index else processed(item)

    place.threads = 1
    outcomes = groups.outcomes(place.context(Noop(), [b"x"] * 5), work)
    next(outcomes)
    assert isinstance(outcomes, Generator)
    outcomes.close()
    assert let_go
