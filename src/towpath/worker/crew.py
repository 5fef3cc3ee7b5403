"""The threads that all running tasks share for work on single paths."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from enum import Enum
from functools import partial
from queue import Empty, SimpleQueue

from towpath.domain.paths import PathOutcome
from towpath.steps.outcomes import refused
from towpath.steps.protocol import HandedBack, Item
from towpath.storage.protocol import StorageError
from towpath.worker.pace import Pace
from towpath.worker.pool import Hands

Work = Callable[[Item], PathOutcome]

PER_TURN = 4
"""Items that a shared thread works on before another task gets it: few, so that no task waits long for a thread."""


class _Sign(Enum):
    """What stands where there is no item (any more), or no outcome."""

    OVER = 0
    LEFT = 1
    HANDED_BACK = 2
    """Its item was given up in its midst."""


class Crew:
    """Bounds how many paths are worked on at once: `width` of one task, and those that `hands` can do of all; of what
    is `near`, work that asks nobody but this machine, as many as `pace` finds worth it."""

    def __init__(self, hands: Hands, width: int, pace: Pace | None = None) -> None:
        self._hands, self._width = hands, width
        self._pace = Pace() if pace is None else pace

    def each(
        self,
        doing: str,
        work: Work,
        items: Iterable[Item],
        proceed: Callable[[], bool],
        *,
        near: bool = False,
    ) -> Iterator[PathOutcome]:
        """Outcomes of `work` over the items, as they come; see `Context.each`. `doing` stands in reasons."""
        others = min(self._width, len(items)) if isinstance(items, Sized) else self._width
        task = _Task(doing, work, iter(items), proceed)
        if near:
            return _Paced(self._hands, others - 1, task, self._pace).outcomes()
        return self._beside(_Gang(self._hands, others - 1, task))

    def _beside(self, gang: "_Gang") -> Iterator[PathOutcome]:
        with self._pace.beside():
            yield from gang.outcomes()

    def rest(self) -> None:
        """The thread that calls is about to wait: another one may work meanwhile."""
        self._pace.rest()


class _Task:
    """Items and what is to be done to each."""

    __slots__ = ("doing", "items", "proceed", "work")

    def __init__(self, doing: str, work: Work, items: Iterator[Item], proceed: Callable[[], bool]) -> None:
        self.doing, self.work, self.items, self.proceed = doing, work, items, proceed

    def do(self, item: Item) -> PathOutcome | _Sign:
        """The outcome of one item, if it has one; what the system or a target refuses is one, the rest is raised."""
        try:
            return self.work(item)
        except HandedBack:
            return _Sign.HANDED_BACK
        except (StorageError, OSError) as error:
            return refused(item, error, self.doing)


class _Gang:
    """The threads that work for one task: its own, which so is never idle, and some of the shared ones.

    Since the task's own thread works too, a task goes on even while others have all the shared threads, and one
    with a single item never leaves its thread. A turn that has not begun when the items are over never joins, so
    that no task's end waits for a thread that another task has.
    """

    def __init__(self, hands: Hands, most: int, task: _Task) -> None:
        self._hands, self._most, self._task = hands, most, task
        self._lock = threading.Lock()
        self._over = False
        self._joined = 0
        """Shared threads that are working for this task now."""
        self._results: SimpleQueue[PathOutcome | BaseException | _Sign] = SimpleQueue()

    def outcomes(self) -> Iterator[PathOutcome]:
        """Yield as outcomes come; ends, or is closed, only when no thread works on an item any more."""
        try:
            item = self._next()
            if not isinstance(item, _Sign):
                for _ in range(self._most):
                    self._have_turn()
            while not isinstance(item, _Sign):
                yield from _opened(self._do(item))
                yield from self._ready()
                item = self._next()
            self._rest()
            while self._busy():
                yield from _opened(self._results.get())
            yield from self._ready()
        finally:
            self._rest()
            with self._lock:
                self._over = True
            while self._busy():
                self._results.get()

    def _have_turn(self) -> None:
        self._hands.submit(self._turn)

    def _do(self, item: Item) -> PathOutcome | _Sign:
        return self._task.do(item)

    def _rest(self) -> None:
        """The task's own thread works no more."""

    def _busy(self) -> bool:
        with self._lock:
            return self._joined > 0

    def _ready(self) -> Iterator[PathOutcome]:
        """What has come meanwhile."""
        while True:
            try:
                result = self._results.get_nowait()
            except Empty:
                return
            yield from _opened(result)

    def _next(self) -> Item | _Sign:
        with self._lock:
            if self._over or not self._task.proceed():
                self._over = True
                return _Sign.OVER
            item = next(self._task.items, _Sign.OVER)
            self._over = isinstance(item, _Sign)
        return item

    def _turn(self) -> None:
        """Some items in a shared thread, then behind the other tasks' turns again."""
        with self._lock:
            if self._over:
                return
            self._joined += 1
        try:
            self._work()
        except BaseException as error:  # It is the task's: the task's own thread raises it again.
            self._over = True
            self._results.put(error)
        with self._lock:
            self._joined -= 1
        self._results.put(_Sign.LEFT)
        if not self._over:
            self._have_turn()

    def _work(self) -> None:
        for _ in range(PER_TURN):
            item = self._next()
            if isinstance(item, _Sign):
                break
            self._results.put(self._do(item))


class _Paced(_Gang):
    """The same for work that asks nobody but this machine: each thread waits for its turn, and works for as long as it
    has it."""

    def __init__(self, hands: Hands, most: int, task: _Task, pace: Pace) -> None:
        super().__init__(hands, most, task)
        self._pace = pace

    def _have_turn(self) -> None:
        # No shared thread waits for its turn: another task may have work for it.
        self._pace.ask(partial(self._hands.submit, self._turn))

    def _turn(self) -> None:
        if not self._pace.take():
            self._have_turn()
            return
        try:
            super()._turn()
        finally:
            self._pace.rest()

    def _do(self, item: Item) -> PathOutcome | _Sign:
        self._pace.begin()
        try:
            return self._task.do(item)
        finally:
            self._pace.done()

    def _rest(self) -> None:
        self._pace.rest()

    def _work(self) -> None:
        while self._pace.goes_on() and not isinstance(item := self._next(), _Sign):
            self._results.put(self._do(item))


def _opened(result: PathOutcome | BaseException | _Sign) -> Iterable[PathOutcome]:
    """An outcome, or none; raises what a thread's work raised."""
    if isinstance(result, BaseException):
        raise result
    return () if isinstance(result, _Sign) else (result,)
