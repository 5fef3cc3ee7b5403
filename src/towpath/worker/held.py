"""The runs that a node holds, each from its grant until the hub has acknowledged its end."""

import threading
from collections import deque

from towpath import wire
from towpath.worker.fence import Hold


class Run:
    """One run of a granted task: its grant, the node's hold on it, and how far it has come.

    `granted_at` and `begun_at` are moments of the node's clock; `begun_at` is None before. `ended` is set once all
    that the run has to say is said. `paths` and `bytes` are for people: threads add to them without a lock, and a
    count may be missed.
    """

    __slots__ = ("_begin", "begun_at", "bytes", "ended", "grant", "granted_at", "hold", "paths")

    def __init__(self, grant: wire.Grant, hold: Hold, granted_at: float) -> None:
        self.grant, self.hold, self.granted_at = grant, hold, granted_at
        self.begun_at: float | None = None
        self.ended = False
        self.paths = 0
        self.bytes = 0
        self._begin = threading.Lock()

    @property
    def id(self) -> bytes:
        """The run id: 16 bytes, fresh for each grant."""
        return self.grant.run

    @property
    def lane(self) -> tuple[str, str]:
        """The queue and the function that it was granted for."""
        return self.grant.queue, self.grant.function

    @property
    def is_walk(self) -> bool:
        """Whether it is a discovery."""
        return self.grant.walk is not None

    def begin(self) -> bool:
        """Whether the caller is the first to ask: a thread that would run it, or the loop that gives it back."""
        return self._begin.acquire(blocking=False)

    @property
    def waits(self) -> bool:
        """Whether it still lies in front of its slots."""
        return not self._begin.locked()

    def progress(self, paths: int, size: int) -> None:
        """Add to what people see."""
        self.paths += paths
        self.bytes += size


class Held:
    """Every run whose end the hub has not acknowledged: what a heartbeat lists. Used by the loop's thread only."""

    def __init__(self) -> None:
        self._runs: dict[bytes, Run] = {}
        self._ends: deque[tuple[int, bytes]] = deque()
        self.answered_claim = 0
        """The number of the last claim whose answer came; set in the same turn of the loop as its runs are added."""

    def add(self, run: Run) -> bool:
        """Hold one more; False where it is held already, since an answer may come twice."""
        if run.id in self._runs:
            return False
        self._runs[run.id] = run
        return True

    def find(self, run_id: bytes) -> Run | None:
        """The run of that id, if it is held."""
        return self._runs.get(run_id)

    def all(self) -> list[Run]:
        """All of them, those that have ended too, in the order of their grants."""
        return list(self._runs.values())

    def open(self) -> list[Run]:
        """Those that have not ended."""
        return [run for run in self._runs.values() if not run.ended]

    def end(self, run: Run, number: int | None) -> None:
        """A run has ended with the event of that number; without one there is nothing left to acknowledge."""
        run.ended = True
        if number is None:
            self._runs.pop(run.id, None)
        else:
            self._ends.append((number, run.id))

    def acknowledge(self, up_to: int) -> None:
        """The hub has committed this incarnation's events up to and with that number."""
        while self._ends and self._ends[0][0] <= up_to:
            self._runs.pop(self._ends.popleft()[1], None)
