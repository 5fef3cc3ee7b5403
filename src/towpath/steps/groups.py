"""Commit groups: what several threads have begun is finished together, so that what costs once costs once."""

import resource
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Final, Generic, TypeVar

from towpath.domain.paths import Code, PathOutcome
from towpath.steps.protocol import Context, Item

Begun = TypeVar("Begun")

MOST: Final = 256
"""A group of so many is committed at once: more would save little, and hold outcomes back for longer."""
LONGEST: Final = 1.0
"""Seconds after which a group is committed when something joins it, however small it is."""


SHARE: Final = 4
"""One in so many of the descriptors that the process may have is for the members of a step's groups."""
_ENOUGH: Final = 65_536
_TASKS: Final = 8
"""So many tasks have groups at once, usually."""


class Room:
    """Room for the members of a step's groups, in all tasks, that keep `each` descriptors open until their commit.

    `most` is how large a group of `wanted` may be, so that the usual number of tasks has room enough.
    """

    def __init__(self, each: int, wanted: int) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        descriptors = _ENOUGH if limit == resource.RLIM_INFINITY else min(_ENOUGH, limit)
        places = descriptors // SHARE // each
        self.most = max(1, min(wanted, places // _TASKS))
        self._free = threading.Semaphore(places)

    def take(self) -> bool:
        """Take a place, if one is free."""
        return self._free.acquire(blocking=False)

    def give_back(self, places: int = 1) -> None:
        """Let so many places be free again."""
        self._free.release(places)


class Groups(Generic[Begun]):
    """Collects what the work on single items has begun, and finishes it in groups.

    `commit` finishes a group and yields the outcome of each of its members; it runs in the thread that filled the
    group, while the other threads go on with the next one. `abandon` lets go of what was begun in a task that is
    given up before its group was full.
    """

    def __init__(
        self,
        commit: Callable[[list[Begun]], Iterable[PathOutcome]],
        clock: Callable[[], float] = time.monotonic,
        *,
        most: int = MOST,
        longest: float = LONGEST,
        abandon: Callable[[Begun], None] = lambda _: None,
        rest: Callable[[], None] = lambda: None,
    ) -> None:
        self._commit, self._clock, self._abandon, self._rest = commit, clock, abandon, rest
        self._most, self._longest = most, longest
        self._lock = threading.Lock()
        self._members: list[Begun] = []
        self._since = 0.0
        self._finished: deque[PathOutcome] = deque()

    def join(self, item: Item, begun: Begun) -> PathOutcome:
        """Add something to the group that is open; what it returns stands in for the outcome to come."""
        with self._lock:
            now = self._clock()
            if not self._members:
                self._since = now
            self._members.append(begun)
            if len(self._members) < self._most and now - self._since < self._longest:
                full: list[Begun] = []
            else:
                full, self._members = self._members, []
        if full:
            self._finish(full)
        return PathOutcome(item.index, Code.NONE)

    def flush(self) -> None:
        """Finish the group that is open now, such as for want of room for one more member."""
        with self._lock:
            open_now, self._members = self._members, []
        if open_now:
            self._finish(open_now)

    def _finish(self, group: list[Begun]) -> None:
        self._rest()
        self._finished.extend(self._commit(group))

    def outcomes(
        self, context: Context, work: Callable[[Item], PathOutcome], items: Iterable[Item] | None = None
    ) -> Iterator[PathOutcome]:
        """Run `work` over items (the context's where none are given), and yield outcomes: its own, and those of what
        joined a group."""
        given = context.each(work, context.items if items is None else items)
        try:
            for outcome in given:
                if outcome.code is not Code.NONE:
                    yield outcome
                while self._finished:
                    yield self._finished.popleft()
            self.flush()
        finally:
            if isinstance(given, Generator):
                given.close()  # Nobody joins any more.
            for begun in self._members:
                self._abandon(begun)
        yield from self._finished
