"""Virtual time and chance: what runs is decided by the dice, and time passes only when nothing can run."""

import heapq
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Protocol

import greenlet
import xxhash


class Actor(Protocol):
    """A process, as the clockwork needs it."""

    @property
    def can_run(self) -> bool:
        """Whether anything of it could run now."""

    def turn(self) -> None:
        """Run a little."""


class Due(Protocol):
    """Something that is due at a moment; it may be called off."""

    @property
    def off(self) -> bool:
        """Whether it was called off."""

    def call(self) -> None:
        """Do it."""


class Alarm:
    """A call that is due at a moment."""

    __slots__ = ("call", "off")

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.off = False


class Clockwork:
    """The one clock, the dice, and the story of all that happened."""

    def __init__(self, dice: Random, aloud: Callable[[str], None] | None = None) -> None:
        self.now = 0.0
        self.dice = dice
        self.processes: list[Actor] = []
        self.thread: greenlet.greenlet | None = None
        """The thread that runs now, if it is one and no loop."""
        self.turns = 0
        self.broken: BaseException | None = None
        """An error that nobody caught."""
        self._alarms: list[tuple[float, int, Due]] = []
        self._numbers = count()
        self._main = greenlet.getcurrent()
        self._digest = xxhash.xxh3_128()
        self._aloud = aloud

    def note(self, what: str) -> None:
        """Tell the story on; it is all that two runs of a seed are compared by."""
        line = f"{self.now:.6f} {what}"
        self._digest.update(line.encode("utf-8", "backslashreplace"))
        if self._aloud is not None:
            self._aloud(line)

    @property
    def digest(self) -> str:
        """The story so far, as a hash."""
        return self._digest.hexdigest()

    def after(self, seconds: float, call: Callable[[], None]) -> Alarm:
        """Call that in so many seconds."""
        alarm = Alarm(call)
        self.set(seconds, alarm)
        return alarm

    def set(self, seconds: float, due: Due) -> None:
        """Have that called in so many seconds."""
        heapq.heappush(self._alarms, (self.now + seconds, next(self._numbers), due))

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Let things happen until that moment has come, or it is done."""
        while not done():
            if self.broken is not None:
                raise self.broken
            runnable = [process for process in self.processes if process.can_run]
            if runnable:
                self.turns += 1
                process = runnable[0] if len(runnable) == 1 else self.dice.choice(runnable)
                process.turn()
            elif not self._pass_time(until):
                return

    def _pass_time(self, until: float) -> bool:
        alarms = self._alarms
        while alarms and alarms[0][2].off:
            heapq.heappop(alarms)
        if not alarms or alarms[0][0] > until:
            self.now = until
            return False
        self.now = now = alarms[0][0]
        while alarms and alarms[0][0] <= now:
            alarm = heapq.heappop(alarms)[2]
            if not alarm.off:
                alarm.call()
        return True

    # Threads --------------------------------------------------------------------------------------------------

    def switch_to(self, thread: greenlet.greenlet) -> None:
        """Run a thread until it waits, is interrupted, or ends."""
        self.thread = thread
        try:
            thread.switch()
        finally:
            self.thread = None

    def leave(self) -> None:
        """From within a thread: let others run until somebody switches here again."""
        thread = self.thread
        self._main.switch()
        self.thread = thread

    @property
    def main(self) -> greenlet.greenlet:
        """The greenlet in which loops run."""
        return self._main
