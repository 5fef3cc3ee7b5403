"""What a node may still touch: nothing once it has gone half a lease without an answer from the hub."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from towpath.steps.protocol import HandedBack, Stopped


class Condition(Protocol):
    """What threads wait at: a `threading.Condition`, or a simulation's own."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def wait(self, timeout: float | None = None) -> bool:
        """Let go of it until it is notified, or so many seconds have passed: False."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until that holds, or so many seconds have passed; whether it holds."""

    def notify_all(self) -> None:
        """Wake all that wait."""


class Fence:
    """Half a lease, measured with a clock that counts suspends; shared by all holds of a node.

    `changed` is notified whenever something that a waiting thread may be waiting for has changed.
    """

    def __init__(self, clock: Callable[[], float], changed: Condition | None = None) -> None:
        self._clock = clock
        self._reach = 0.0
        self.changed: Condition = changed or threading.Condition()

    def lease(self, seconds: float) -> None:
        """Set how long a lease lasts, as the hub says in its welcome; before that the fence is closed."""
        with self.changed:
            self._reach = seconds / 2
            self.changed.notify_all()

    def check(self, certain_at: float) -> bool:
        """Whether a run that was certainly ours at that moment may still be worked on."""
        return self._clock() - certain_at < self._reach


class Hold:
    """What a node knows of its right to one run: may its next path begin, may a file be touched?

    `certain_at` is when the last question was *sent* whose answer showed the run to be ours. The moment of the
    answer would be too late: the hub's lease may have begun with the question. A node that hears the hub, but
    not of this run, is fenced for this run.
    """

    __slots__ = ("_fence", "certain_at", "handing_back", "lost")

    def __init__(self, fence: Fence, certain_at: float) -> None:
        self._fence = fence
        self.certain_at = certain_at
        self.handing_back = False
        self.lost = False

    def heard(self, sent_at: float) -> None:
        """A question sent then was answered so that the run is ours. Wakes nobody: see `Fence.changed`."""
        self.certain_at = max(self.certain_at, sent_at)

    def hand_back(self) -> None:
        """No further path is to begin."""
        with self._fence.changed:
            self.handing_back = True
            self._fence.changed.notify_all()

    def lose(self) -> None:
        """The run is no longer ours: nothing further may be done or said."""
        with self._fence.changed:
            self.lost = True
            self._fence.changed.notify_all()

    def proceed(self) -> bool:
        """Whether the next path may begin; waits while fenced. Raises `Stopped` once the run was lost."""
        if not (self.lost or self.handing_back) and self._fence.check(self.certain_at):
            return True
        with self._fence.changed:
            while not (self.lost or self.handing_back or self._fence.check(self.certain_at)):
                self._fence.changed.wait()
        if self.lost:
            raise Stopped
        return not self.handing_back

    def go_on(self) -> None:
        """Raise `HandedBack` where the run is to be handed back, `Stopped` where it was lost; never waits."""
        if self.lost:
            raise Stopped
        if self.handing_back:
            raise HandedBack

    def confirm(self) -> None:
        """Return only while the run is certainly ours; waits while fenced. Raises `Stopped` once it was lost."""
        if not self.lost and self._fence.check(self.certain_at):
            return
        with self._fence.changed:
            while not (self.lost or self._fence.check(self.certain_at)):
                self._fence.changed.wait()
        if self.lost:
            raise Stopped

    def wait(self, ready: Callable[[], bool]) -> bool:
        """Wait until something is ready; False where the run is to be handed back before that.

        Raises `Stopped` once the run was lost. Whoever makes it ready notifies `Fence.changed`.
        """
        with self._fence.changed:
            while not (self.lost or self.handing_back or ready()):
                self._fence.changed.wait()
        if self.lost:
            raise Stopped
        return not self.handing_back

    def pause(self, seconds: float) -> None:
        """Wait so long, or until the run is to be handed back; raises `Stopped` once it was lost."""
        with self._fence.changed:
            self._fence.changed.wait_for(lambda: self.lost or self.handing_back, seconds)
        if self.lost:
            raise Stopped
