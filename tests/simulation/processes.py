"""Simulated processes: one loop and its threads each, which can be interrupted, frozen and killed anywhere."""

from collections import deque
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

import greenlet
from tests.simulation.clockwork import Clockwork
from tests.simulation.loop import Loop

QUANTUM = 6
"""Callbacks that a loop runs at most before another process may have its turn."""

PREEMPTED = 0.12
"""How often a thread that looks at its clock is interrupted there."""


class Process:
    """A process: one loop and its threads. What is killed never runs again; what is frozen runs later."""

    def __init__(self, clockwork: Clockwork, name: str) -> None:
        self.clockwork, self.name = clockwork, name
        self.loop = Loop(clockwork, name)  # type: ignore[abstract]  # a real loop leaves as much undone
        self.ready: deque[Thread] = deque()
        self.threads: list[Thread] = []
        self.alive, self.frozen, self.doomed = True, False, False
        self.held = 0
        """How many locks the running thread holds: it is not interrupted then."""
        self.on_death: Callable[[], None] = lambda: None
        clockwork.processes.append(self)

    @property
    def can_run(self) -> bool:
        """Whether anything of it could run now."""
        return bool(self.loop.ready or self.ready) and not self.frozen

    def start(self, main: Coroutine[Any, Any, None]) -> None:
        """Begin with that."""
        self.loop.create_task(main)

    def turn(self) -> None:
        """Run a thread a little, or some callbacks of the loop."""
        dice = self.clockwork.dice
        if self.ready and (not self.loop.ready or dice.random() < 0.5):
            if len(self.ready) > 1:
                self.ready.rotate(dice.randrange(len(self.ready)))
            self.clockwork.switch_to(self.ready.popleft().greenlet)
        else:
            self.loop.run_some(dice.randint(1, QUANTUM))
        if self.doomed:
            self.kill()

    def doom(self) -> None:
        """From within: die before anything else happens in this process."""
        self.doomed = self.loop.doomed = True
        if self.clockwork.thread is not None:
            self.clockwork.leave()

    def kill(self) -> None:
        """End it as `kill -9` does: nothing of it says or does anything any more."""
        if not self.alive:
            return
        self.alive = self.loop.alive = False
        self.clockwork.processes.remove(self)
        self.clockwork.note(f"{self.name} is dead")
        for thread in self.threads:
            thread.bury()
        self.loop.bury()
        self.on_death()

    # What its threads call ------------------------------------------------------------------------------------

    def nap(self, seconds: float) -> None:
        """From within a thread: wait so long."""
        thread = self.running()
        self.clockwork.after(seconds, thread.wake)
        self.clockwork.leave()

    def interrupt(self) -> None:
        """From within a thread or a loop: perhaps others run before this goes on."""
        clockwork = self.clockwork
        if clockwork.thread is None or self.held or not self.alive:
            return
        if clockwork.dice.random() < PREEMPTED:
            self.running().wake()
            clockwork.leave()

    def running(self) -> "Thread":
        """The thread that asks; one of a process that has died ends here."""
        asking = self.clockwork.thread
        for thread in self.threads if self.alive else ():
            if thread.greenlet is asking:
                return thread
        raise greenlet.GreenletExit


class Thread:
    """A thread of a process, as a greenlet."""

    __slots__ = ("greenlet", "process")

    def __init__(self, process: Process, body: Callable[[], None]) -> None:
        self.process = process

        def whole() -> None:
            body()
            process.threads.remove(self)

        self.greenlet = greenlet.greenlet(whole, parent=process.clockwork.main)
        process.threads.append(self)
        self.wake()

    def wake(self) -> None:
        """It may run."""
        if self.process.alive:
            self.process.ready.append(self)

    def bury(self) -> None:
        """End it where it stands."""
        if self.greenlet.gr_frame is not None:
            self.greenlet.throw(greenlet.GreenletExit)


class Hands:
    """`worker.pool.Hands`: at most `size` threads of the simulation."""

    def __init__(self, process: Process, size: int) -> None:
        self._process, self._size, self._free = process, size, size
        self._turns: deque[Callable[[], None]] = deque()

    def submit(self, turn: Callable[[], None]) -> None:
        """Do that as soon as a hand is free."""
        self._turns.append(turn)
        if self._free:
            self._begin()

    def grow(self, size: int) -> None:
        """Have that many hands, where there are fewer."""
        self._free += max(0, size - self._size)
        self._size = max(size, self._size)
        while self._free and self._turns:
            self._begin()

    def close(self) -> None:
        """Nothing is kept for later."""

    def _begin(self) -> None:
        self._free -= 1
        Thread(self._process, self._work)

    def _work(self) -> None:
        while self._turns:
            self._turns.popleft()()
        self._free += 1


class Condition:
    """`worker.fence.Condition` of the simulation's threads; a loop may notify, never wait."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._waiting: list[Thread] = []

    def __enter__(self) -> bool:
        self._process.held += 1
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._process.held -= 1

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is notified; False after so many seconds."""
        process = self._process
        thread = process.running()
        self._waiting.append(thread)
        alarm = None if timeout is None else process.clockwork.after(timeout, lambda: self._wake(thread))
        held, process.held = process.held, 0
        process.clockwork.leave()
        process.held = held
        if alarm is not None:
            alarm.off = True
        return True

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until that holds, or so many seconds have passed."""
        clockwork = self._process.clockwork
        end = None if timeout is None else clockwork.now + timeout
        while not predicate():
            left = None if end is None else end - clockwork.now
            if left is not None and left <= 0:
                return False
            self.wait(left)
        return True

    def notify_all(self) -> None:
        """Wake all that wait."""
        waiting, self._waiting = self._waiting, []
        for thread in waiting:
            thread.wake()

    def _wake(self, thread: Thread) -> None:
        if thread in self._waiting:
            self._waiting.remove(thread)
            thread.wake()
