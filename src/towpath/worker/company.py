"""Who runs beside whom: tasks run side by side, but one that may be what ends its worker runs alone."""

from functools import partial

from towpath.domain.suspicion import runs_alone
from towpath.worker.begun import Begun
from towpath.worker.fence import Fence
from towpath.worker.held import Run


class Company:
    """The tasks that run now, each noted as begun while it does. Discoveries neither wait nor are waited for.

    A suspect waits until nothing else runs, and what comes after it waits for it: so if the worker is lost then,
    nothing else can have been the cause.
    """

    def __init__(self, fence: Fence, begun: Begun) -> None:
        self._fence, self._begun = fence, begun
        self._running: set[bytes] = set()
        self._suspects: set[bytes] = set()
        """Those that wait, and the one that runs."""

    def enter(self, run: Run) -> bool:
        """Return once the run may begin: True. False where it is to be handed back before that.

        Raises `Stopped` once the run was lost.
        """
        if not run.is_walk and not self._let_in(run):
            return False
        self._begun.note(run.id)
        return True

    def leave(self, run: Run) -> None:
        """A run that was let in has ended, however it did."""
        self._begun.clear(run.id)
        with self._fence.changed:
            self._running.discard(run.id)
            if self._suspects:
                self._suspects.discard(run.id)
                self._fence.changed.notify_all()

    def _let_in(self, run: Run) -> bool:
        if not is_suspect(run):
            return run.hold.wait(partial(self._joins, run))
        with self._fence.changed:
            self._suspects.add(run.id)
        entered = False
        try:
            entered = run.hold.wait(partial(self._begins_alone, run))
        finally:
            if not entered:
                self.leave(run)
        return entered

    def _joins(self, run: Run) -> bool:
        if self._suspects:
            return False
        self._running.add(run.id)
        return True

    def _begins_alone(self, run: Run) -> bool:
        if self._running:
            return False
        self._running.add(run.id)
        return True


def is_suspect(run: Run) -> bool:
    """Whether a task has cost so many workers that one more would be held against its path."""
    return not run.is_walk and runs_alone(run.grant.attempt)
