"""Slots: how many tasks a node runs at once, by queue and function, and how people may wish it otherwise."""

from collections.abc import Mapping

from towpath.domain.errors import Mistake, did_you_mean
from towpath.domain.values import name_fault

FUNCTIONS = ("worker", "discovery")
"""The functions of a queue that a node can serve."""

MOST_SLOTS = 10_000
"""Slots of one function of a queue of one node, at most."""

Queues = Mapping[str, Mapping[str, int]]
"""Queue → function → slots."""


def check_slots(queue: str, function: str, slots: int) -> None:
    """Raise `Mistake` for slots that no node can have."""
    if fault := name_fault(queue):
        raise Mistake(f"queue: {fault}")
    if function not in FUNCTIONS:
        raise Mistake(f"queue '{queue}': unknown function '{function}'{did_you_mean(function, FUNCTIONS)}")
    if not 0 <= slots <= MOST_SLOTS:
        raise Mistake(f"queue '{queue}': expected 0 to {MOST_SLOTS} slots for {function}, found {slots}")


def effective(started_with: Queues, wished: Queues) -> dict[str, dict[str, int]]:
    """The slots that a node has: those wished, and where nothing is wished those it was started with."""
    queues = {*started_with, *wished}
    return {queue: {**started_with.get(queue, {}), **wished.get(queue, {})} for queue in sorted(queues)}
