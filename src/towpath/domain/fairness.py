"""Fairness: which jobs count as small, how many slots are kept for them, and what priorities there are."""

from dataclasses import dataclass
from enum import Enum

from towpath.domain.errors import Mistake

SMALL = 1000
"""Paths that a small job has at most: as many as a single batch holds."""

LOWEST, HIGHEST = -1000, 1000
"""The priorities of jobs: the higher goes first, and 0 is what a job has that was given none."""

MOST_TASKS = 1_000_000
"""The largest number of tasks that a cap can name."""


class Bulk(Enum):
    """How large a job is, as far as is known."""

    SMALL = "small"
    """Its discovery is over, and found at most `SMALL` paths."""
    UNKNOWN = "unknown"
    """Its discovery goes on, and has found at most `SMALL` paths."""
    LARGE = "large"


def bulk(paths: int, discovery_open: bool) -> Bulk:
    """How large a job is, from the paths known so far and whether more may be found."""
    if paths > SMALL:
        return Bulk.LARGE
    return Bulk.UNKNOWN if discovery_open else Bulk.SMALL


def is_small(size: Bulk, is_walk: bool) -> bool:
    """Whether a task of such a job may have a slot that is kept for small jobs.

    A walk may until it has found too much, for nobody knows before; any other task only once nothing can be added.
    """
    return size is Bulk.SMALL or (is_walk and size is Bulk.UNKNOWN)


def kept(slots: int) -> int:
    """How many of a function's slots in a queue of a node are kept for small jobs."""
    return 1 if slots >= 2 else 0


def check_priority(priority: int) -> None:
    """Raise `Mistake` for a priority that no job can have."""
    if not LOWEST <= priority <= HIGHEST:
        raise Mistake(f"priority: expected {LOWEST} to {HIGHEST}, found {priority}")


def check_max_tasks(max_tasks: int | None) -> None:
    """Raise `Mistake` for a number of tasks that cannot be how many may run at once; None = any number."""
    if max_tasks is not None and not 1 <= max_tasks <= MOST_TASKS:
        raise Mistake(f"max_tasks: expected 1 to {MOST_TASKS}, found {max_tasks}")


@dataclass(frozen=True, slots=True)
class Turn:
    """What a job is given for its turn when it is submitted; raises `Mistake` for what cannot be."""

    priority: int = 0
    max_tasks: int | None = None
    """How many of its tasks may run at once, its discovery apart; None = any number."""

    def __post_init__(self) -> None:
        check_priority(self.priority)
        check_max_tasks(self.max_tasks)


ANY_TURN = Turn()
"""The turn of a job that was given none."""
