"""How many threads work on paths at once: as many as get more done, and no more."""

import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

TURN: Final = 0.01
"""Seconds after which a thread lets the next one work, where others wait: few hand-overs, and no task waits long."""
LOOK: Final = 0.05
"""Seconds between two looks at what the threads bring."""
BUSY: Final = 0.75
"""Below so much of a core the process counts as waiting for something."""
FULL: Final = 1.0
"""From so much of a core on, its one interpreter counts as never free."""
CROWDED: Final = 18_000
"""From so many waits in a second of CPU on, the threads of a full process mostly wait for each other."""
AGAIN: Final = 1.0
"""Seconds until more threads are tried again, once they only were in each other's way."""


class Usage(NamedTuple):
    """What a process has used."""

    at: float
    """Seconds of a clock that only goes on."""
    cpu: float
    """Seconds, of all threads together."""
    waits: int
    """How often a thread gave its core up, for want of something."""


def usage() -> Usage:
    """Of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Usage(time.monotonic(), used.ru_utime + used.ru_stime, used.ru_nvcsw)


class Worth:
    """How many threads are worth it, by what the process did between two looks.

    All threads share one interpreter, and give it up with each call to the system. Where such calls take as good as
    no time (small files, a quick disk) a second thread does not add its speed to that of the first: the two hand the
    interpreter to and fro, from core to core, for more than the work itself costs. Where they take long (a file system
    of another machine, large files) many threads are needed. Which it is, only trying shows.
    """

    def __init__(self, now: Usage) -> None:
        self.threads = 1
        self._last, self._again = now, now.at

    def look(self, now: Usage, *, working: int, waiting: int) -> None:
        """Let there be more threads, or fewer, by how many work now and how many more would, if they might."""
        past, cpu, waits = (new - old for new, old in zip(now, self._last, strict=True))
        self._last = now
        if working > 1 and cpu >= FULL * past and waits > CROWDED * cpu:
            self.threads, self._again = max(1, self.threads // 2), now.at + AGAIN
        elif waiting and cpu < BUSY * past:
            self.threads += min(self.threads, waiting)
        elif waiting and now.at >= self._again:
            self.threads += min(max(1, self.threads // 4), waiting)


class Pace:
    """Lets as many threads work at a time as the work is worth; the others wait for their turn, in order.

    It is for work that asks nobody but this machine. A thread that has its turn works on one path after the other.
    Where all that have theirs wait for something, the process is idle, and more may work: none waits for ever for
    what another one has. Threads that only work for this are let in first; those that may have other work to do are
    called where there is room for more, and hold nobody up until they come.

    Beside work that asks others, all may work: what the process does says nothing of ours then, and one thread of ours
    would have little of the interpreter among the many that the others need.
    """

    def __init__(self, worth: Worth | None = None) -> None:
        self._worth = Worth(usage()) if worth is None else worth
        self._lock = threading.Lock()
        self._several = threading.Condition(self._lock)
        self._mine = threading.local()
        self._waiting: deque[threading.Lock] = deque()
        self._to_call: deque[Callable[[], None]] = deque()
        self._working = self._called = self._others = 0
        self._looks = False

    @property
    def waiting(self) -> int:
        """How many wait for their turn, or to be called."""
        return len(self._waiting) + len(self._to_call)

    @contextmanager
    def beside(self) -> Iterator[None]:
        """`with` it work is done that asks others than this machine."""
        with self._lock:
            self._others += 1
            self._admit()
        try:
            yield
        finally:
            with self._lock:
                self._others -= 1

    def ask(self, call: Callable[[], None]) -> None:
        """Have `call` called once there is room for one more; the thread that comes then takes its turn."""
        with self._lock:
            self._to_call.append(call)
            self._admit()

    def take(self) -> bool:
        """A thread that was called has come: whether there still is room for it; else it is to be asked for again."""
        with self._lock:
            self._called -= 1
            is_room = self._working < self._most()
            self._working += is_room
            self._admit()
        if is_room:
            self._mine.since = time.monotonic()
        return is_room

    def begin(self) -> None:
        """Return when this thread may work on a path; at once where it has its turn already."""
        if not self.goes_on():
            turn = threading.Lock()
            turn.acquire()
            with self._lock:
                self._waiting.append(turn)
                self._admit()
            turn.acquire()
            self._mine.since = time.monotonic()

    def done(self) -> None:
        """A path is done: the thread keeps its turn for more of them, or lets the next one work."""
        if (self.waiting or self._others) and self.goes_on() and time.monotonic() - self._mine.since >= TURN:
            self.rest()

    def goes_on(self) -> bool:
        """Whether this thread has its turn."""
        return getattr(self._mine, "since", None) is not None

    def rest(self) -> None:
        """The thread does something else now, or waits: it gives its turn back, if it has one."""
        if self.goes_on():
            self._mine.since = None
            with self._lock:
                self._working -= 1
                self._admit()

    def _admit(self) -> None:
        """Let in as many as may work now; the lock is held."""
        most = self._most()
        while self._waiting and self._working < most:
            self._working += 1
            self._waiting.popleft().release()
        while self._to_call and self._working + self._called < most:
            self._called += 1
            self._to_call.popleft()()
        if self._are_several():
            if not self._looks:
                self._looks = True
                threading.Thread(target=self._look_for_ever, name="pace", daemon=True).start()
            self._several.notify()

    def _most(self) -> int:
        return sys.maxsize if self._others else self._worth.threads

    def _are_several(self) -> bool:
        return self._working + self._called + self.waiting > 1

    def _look_for_ever(self) -> None:
        while True:
            with self._lock:
                while not self._are_several():
                    self._several.wait()
            time.sleep(LOOK)
            with self._lock:
                if not self._others:
                    self._worth.look(usage(), working=self._working, waiting=self.waiting)
                self._admit()
