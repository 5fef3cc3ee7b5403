"""The order in which tests go to the workers of a run: while some wait for real processes, others compute."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

import pytest

WAITING = ("tests/acceptance/", "tests/chaos/")
"""What mostly waits: for processes to start, to be heard, to be missed."""

ALONE = "tests/chaos/"
"""Tests that share nothing with those of their module, and take longest."""


def spread(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in an order of which each worker gets the next equal share, as `--dist worksteal` begins.

    Every second worker begins with what waits, a module at a time, since the tests of one may share a hub.
    """
    hands: list[list[pytest.Item]] = [[] for _ in range(workers)]
    waiting = [item for item in items if item.nodeid.startswith(WAITING)]
    rest = iter([item for item in items if not item.nodeid.startswith(WAITING)])
    for group in _groups(waiting):
        min(hands[::2], key=len).extend(group)
    ordered: list[pytest.Item] = []
    for number, hand in enumerate(hands, 1):
        ordered += hand
        room = len(items) * number // workers - len(ordered)
        ordered += islice(rest, max(0, room))
    return [*ordered, *rest]


def _groups(waiting: Sequence[pytest.Item]) -> Iterator[list[pytest.Item]]:
    """What must stay together: what takes long first, then the largest, so that hands come out even."""

    def place(item: pytest.Item) -> str:
        return item.nodeid if item.nodeid.startswith(ALONE) else item.nodeid.partition("::")[0]

    groups = [list(group) for _, group in groupby(waiting, place)]
    yield from sorted(groups, key=lambda group: (not group[0].nodeid.startswith(ALONE), -len(group)))
