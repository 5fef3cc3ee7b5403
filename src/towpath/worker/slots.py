"""The slots of one function of one queue: how many tasks run there, and how many more are worth having at hand."""

from collections.abc import Callable, Iterable
from functools import partial

from towpath.worker.held import Run
from towpath.worker.pool import Hands

WAIT_AT_MOST = 0.5
"""Seconds that a task that was granted ahead should wait for a slot: another node might run it meanwhile."""

MOST_AHEAD = 128
"""Tasks at hand beyond the slots, at most: a hub answers with 64, so that a claim is under way while as many run."""

OVERDUE = 2.0
"""Seconds after which a task that waits behind others, all longer than expected, is given back."""

WEIGHT = 0.1
"""Of the newest task, in what a task usually takes."""

SHORTEST = 1e-5


class Slots:
    """Runs tasks in `size` hands. What it keeps is the loop's, but for `_usual` and `_running`, which its hands set."""

    def __init__(self, size: int, hands: Hands, clock: Callable[[], float]) -> None:
        self.size = size
        self._hands, self._clock = hands, clock
        self._taken: set[Run] = set()
        self._running: set[Run] = set()
        self._usual: float | None = None
        self.dry = False
        """The hub had less than was asked for: asking again is worth it only after a while, or a hint."""

    def take(self, run: Run, work: Callable[[Run], None]) -> None:
        """Run that as soon as a hand is free, after those taken before; `work` raises nothing."""
        self._taken.add(run)
        self._hands.submit(partial(self._turn, run, work))

    def _turn(self, run: Run, work: Callable[[Run], None]) -> None:
        if not run.begin():
            return
        begun_at = run.begun_at = self._clock()
        self._running.add(run)
        work(run)
        self._running.discard(run)
        took = self._clock() - begun_at
        usual = self._usual
        self._usual = took if usual is None else usual + WEIGHT * (took - usual)

    def released(self, run: Run) -> None:
        """A run has ended, or was given back before it began."""
        self._taken.discard(run)

    @property
    def busy(self) -> bool:
        """Whether every slot has a task."""
        return len(self._running) >= self.size

    def ahead(self) -> int:
        """How many tasks beyond the slots would each get one within `WAIT_AT_MOST`."""
        usual = self._usual
        if usual is None or not self.size:
            return 0
        running = [run.begun_at for run in list(self._running) if run.begun_at is not None]
        if len(running) >= self.size:
            # What runs now may take longer than what ran before: at least as long as it has been running.
            usual = max(usual, self._clock() - max(running))
        return min(MOST_AHEAD, int(WAIT_AT_MOST * self.size / max(usual, SHORTEST)))

    def wanted(self) -> int:
        """How many tasks to ask for now."""
        return max(0, self.size + self.ahead() - len(self._taken))

    def is_worth_asking(self) -> bool:
        """Whether to ask now: for an idle slot at once, for tasks ahead only for half of them together."""
        if self.dry:
            return False
        wanted = self.wanted()
        return wanted > 0 and (len(self._taken) < self.size or 2 * wanted >= self.size + self.ahead())

    def overdue(self, runs: Iterable[Run]) -> list[Run]:
        """Those of the runs that have waited too long for a slot, while every slot is busy."""
        if not self.busy:
            return []
        now = self._clock()
        return [run for run in runs if run.waits and now - run.granted_at > OVERDUE]
