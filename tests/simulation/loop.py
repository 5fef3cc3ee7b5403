"""The event loop of a simulated process, on the one clock."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, Protocol, TypeVar, TypeVarTuple, Unpack

from tests.simulation.clockwork import Clockwork

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Executor(Protocol):
    """Where a loop has work done that would block it."""

    def submit(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Do that when its turn has come."""


class Timer(asyncio.TimerHandle):
    """What is called at a moment, as the alarm of the clockwork that it is.

    The clock does not stop for one that was cancelled: most are, since nearly all that is waited for comes in time.
    """

    __slots__ = ("home",)
    home: "Loop"

    @property
    def off(self) -> bool:
        """Whether it was cancelled."""
        return self.cancelled()

    def call(self) -> None:
        """Its moment has come."""
        if self.home.alive:
            self.home.ready.append(self)


class Loop(asyncio.AbstractEventLoop):
    """The event loop of one process, on the one clock; what was called first runs first, as asyncio promises."""

    def __init__(self, clockwork: Clockwork, name: str) -> None:
        self._clockwork, self.name = clockwork, name
        self.alive, self.doomed = True, False
        self.ready: deque[asyncio.Handle] = deque()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.disk: Executor | None = None

    def run_some(self, most: int) -> None:
        """Run so many callbacks."""
        asyncio._set_running_loop(self)
        try:
            while self.ready and most and not self.doomed:
                most -= 1
                handle = self.ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            asyncio._set_running_loop(None)

    def bury(self) -> None:
        """Cancel all that it was at; nothing of it may say or do anything, since the process is dead."""
        self.doomed = False
        for _ in range(100):
            for task in [task for task in self.tasks if not task.done()]:
                task.cancel()
            if not self.ready:
                break
            self.run_some(10_000)
        self.ready.clear()
        self.tasks.clear()

    # What asyncio asks of a loop ------------------------------------------------------------------------------

    def time(self) -> float:
        """The one clock."""
        return self._clockwork.now

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Run that after all that was called before."""
        handle = asyncio.Handle(callback, args, self, context)
        self.ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """The same from a thread."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run that in so many seconds."""
        return self.call_at(self._clockwork.now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run that at a moment."""
        timer = Timer(when, callback, args, self, context)
        timer.home = self
        self._clockwork.set(max(0.0, when - self._clockwork.now), timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """The clockwork sees it by itself."""

    def create_future(self) -> "asyncio.Future[Any]":
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> "asyncio.Task[Any]":
        """A task of this loop."""
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name or "task", context=context)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> Any:
        """Only the outbox is read and written so, on its own disk."""
        assert self.disk is not None
        return self.disk.submit(lambda: func(*args))

    def get_debug(self) -> bool:
        """No."""
        return False

    def is_running(self) -> bool:
        """As long as it can be asked."""
        return self.alive

    def is_closed(self) -> bool:
        """Once its process is dead."""
        return not self.alive

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An error that nobody caught would end a process: here it ends the simulation."""
        if self.alive:
            self._clockwork.broken = context.get("exception") or AssertionError(context["message"])
