"""The order in which tests go to the workers of a run: while some wait for real processes, others compute."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

import pytest

WAITING = ("tests/acceptance/", "tests/chaos/")
"""What mostly waits: for processes to start, to be heard, to be missed."""

ALONE = "tests/chaos/"
"""Tests that share nothing with those of their module, and take longest."""

SERVED = (
    ("tests/conformance/store/", "tests/browser/"),
    ("tests/integration/test_contract.py", "tests/conformance/", "tests/integration/"),
)
"""What uses servers that a worker starts once: each strand goes to as few workers as can be, one place after the
other. The trial of the API's contract comes before all else: it takes two minutes."""


def spread(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in an order of which each worker gets the next equal share, as `--dist worksteal` begins.

    Every second worker begins with what waits, a module at a time, since the tests of one may share a hub; the others
    begin with what is served. All end with what needs nothing, which costs least where one takes it from another.
    """
    hands: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for group in _groups([item for item in items if item.nodeid.startswith(WAITING)]):
        min(hands[::2], key=len).extend(group)
    strands, rest = _strands([item for item in items if not item.nodeid.startswith(WAITING)])
    serving = hands[1::2] or hands
    for number, strand in enumerate(strands):
        serving[number % len(serving)].extend(strand)
    filling = iter(rest)
    ordered: list[pytest.Item] = []
    for number, hand in enumerate(hands, 1):
        ordered += hand
        room = len(items) * number // workers - len(ordered)
        ordered += islice(filling, max(0, room))
    return [*ordered, *filling]


def _strands(items: Sequence[pytest.Item]) -> tuple[list[list[pytest.Item]], list[pytest.Item]]:
    """What is served, in its order, and the rest."""
    strands: list[list[pytest.Item]] = []
    for places in SERVED:
        strands.append([])
        for place in places:
            strands[-1] += [item for item in items if item.nodeid.startswith(place)]
            items = [item for item in items if not item.nodeid.startswith(place)]
    return strands, list(items)


def _groups(waiting: Sequence[pytest.Item]) -> Iterator[list[pytest.Item]]:
    """What must stay together: what takes long first, then the largest, so that hands come out even."""

    def place(item: pytest.Item) -> str:
        return item.nodeid if item.nodeid.startswith(ALONE) else item.nodeid.partition("::")[0]

    groups = [list(group) for _, group in groupby(waiting, place)]
    yield from sorted(groups, key=lambda group: (not group[0].nodeid.startswith(ALONE), -len(group)))
