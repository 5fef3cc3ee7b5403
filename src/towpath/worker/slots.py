"""The slots of one function of one queue: how many tasks run there, and how many more are worth having at hand."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from towpath.domain.fairness import kept
from towpath.worker.held import Run
from towpath.worker.pool import Hands

WAIT_AT_MOST = 0.5
"""Seconds that a task that was granted ahead should wait for a slot: another node might run it meanwhile."""

MOST_AHEAD = 512
"""Tasks at hand beyond the slots, at most: a hub answers with 256, so that a claim is under way while as many run."""

OVERDUE = 2.0
"""Seconds after which a task that waits behind others, all longer than expected, is given back."""

WEIGHT = 0.1
"""Of the newest task, in what a task usually takes."""

SHORTEST = 1e-5

Work = Callable[[Run], None]
"""Runs a task; it raises nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a claim asks for: so many tasks of any job, and so many more of small jobs only."""

    plain: int
    small: int

    @property
    def all(self) -> int:
        """How many tasks that are."""
        return self.plain + self.small


class Slots:
    """Runs tasks in `size` hands, of which those that are kept for small jobs run no others.

    `take`, `released` and `resize` are the loop's; the hands pick what they run by themselves, under a lock.
    """

    def __init__(self, size: int, hands: Hands, clock: Callable[[], float]) -> None:
        self.size = size
        self._hands, self._clock = hands, clock
        self._taken: set[Run] = set()
        self._lock = threading.Lock()
        self._waiting: tuple[deque[tuple[Run, Work]], deque[tuple[Run, Work]]] = (deque(), deque())
        """What was taken and has not begun: tasks of small jobs, and the others."""
        self._running: set[Run] = set()
        self._usual: float | None = None
        self._dry = self._dry_for_small = False

    def take(self, run: Run, work: Work) -> None:
        """Run that as soon as a hand is free, after those of its kind that were taken before."""
        self._taken.add(run)
        with self._lock:
            self._waiting[0 if run.grant.small else 1].append((run, work))
        self._hands.submit(self._turn)

    def resize(self, size: int) -> None:
        """Have so many slots from now on. What runs beyond them ends in its own time."""
        self.size = size
        self._hands.grow(size)
        for _ in range(len(self._taken)):
            self._hands.submit(self._turn)

    def _turn(self) -> None:
        """A hand's turn: run what may run, one after the other. A turn that finds nothing is none."""
        while (found := self._pick()) is not None:
            run, work = found
            begun_at = run.begun_at = self._clock()
            work(run)
            took = self._clock() - begun_at
            usual = self._usual
            self._usual = took if usual is None else usual + WEIGHT * (took - usual)
            with self._lock:
                self._running.discard(run)

    def _pick(self) -> tuple[Run, Work] | None:
        with self._lock:
            while waiting := self._next():
                run, work = waiting.popleft()
                if run.begin():
                    self._running.add(run)
                    return run, work
        return None

    def _next(self) -> deque[tuple[Run, Work]] | None:
        """Where the task is that may run now, if there is one."""
        small, others = self._waiting
        if len(self._running) >= self.size:
            return None
        if small:
            return small
        large = sum(not run.grant.small for run in self._running)
        return others if others and large < self.size - kept(self.size) else None

    def released(self, run: Run) -> None:
        """A run has ended, or was given back before it began."""
        self._taken.discard(run)

    @property
    def busy(self) -> bool:
        """Whether every slot that is open to any job has a task."""
        return len(self._running) >= self.size - kept(self.size)

    def ahead(self) -> int:
        """How many tasks beyond the slots would each get one within `WAIT_AT_MOST`."""
        usual = self._usual
        if usual is None or not self.size:
            return 0
        running = [run.begun_at for run in list(self._running) if run.begun_at is not None]
        if len(running) >= self.size - kept(self.size):
            # What runs now may take longer than what ran before: at least as long as it has been running.
            usual = max(usual, self._clock() - max(running))
        return min(MOST_AHEAD, int(WAIT_AT_MOST * self.size / max(usual, SHORTEST)))

    # Asking ---------------------------------------------------------------------------------------------------

    def wanted(self) -> Asked:
        """How many tasks to ask for now."""
        at_hand = self.size + self.ahead()
        large = sum(not run.grant.small for run in self._taken)
        free = max(0, at_hand - len(self._taken))
        plain = min(free, max(0, at_hand - kept(self.size) - large))
        return Asked(plain, min(kept(self.size), free - plain))

    def is_worth_asking(self) -> bool:
        """Whether to ask now: for an idle slot at once, for tasks ahead only for half of them together."""
        asked = self.wanted()
        if asked.small and not self._dry_for_small:
            return True
        if not asked.plain or self._dry:
            return False
        return len(self._taken) < self.size - kept(self.size) or 2 * asked.all >= self.size + self.ahead()

    def answered(self, asked: Asked, got: int, more: bool) -> None:
        """The hub has granted so many; where that was less than was asked for, asking again is worth it only later."""
        self._dry = not more and got < asked.plain
        self._dry_for_small = not more and got < asked.all

    def hint(self) -> None:
        """There may be work, also where there was none the last time."""
        self._dry = self._dry_for_small = False

    def overdue(self, runs: Iterable[Run]) -> list[Run]:
        """Those of the runs that have waited too long for a slot, while every slot is busy."""
        if not self.busy:
            return []
        now = self._clock()
        return [run for run in runs if run.waits and now - run.granted_at > OVERDUE]
