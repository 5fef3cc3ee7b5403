"""The simulated disk with a node's outbox: one thing after the other, each in its own time."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from tests.simulation.processes import Process

T = TypeVar("T")


class Disk:
    """The thread in which a process reads and writes its outbox; `slowest` is in seconds."""

    def __init__(self, process: Process, slowest: float) -> None:
        self._process, self._slowest = process, slowest
        self._queue: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()

    def submit(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Do that when its turn has come."""
        future = self._process.loop.create_future()
        self._queue.append((work, future))
        if len(self._queue) == 1:
            self._begin()
        return future

    def _begin(self) -> None:
        clockwork = self._process.clockwork
        clockwork.after(clockwork.dice.random() * self._slowest, self._finish)

    def _finish(self) -> None:
        process = self._process
        if process.frozen:
            process.clockwork.after(0.5, self._finish)
        if process.frozen or not process.alive:
            return
        work, future = self._queue.popleft()
        try:
            result = work()
        except Exception as error:  # As a thread of an executor: whatever it raises is for the one who waits.
            process.loop.call_soon(_fail, future, error)
        else:
            process.loop.call_soon(_succeed, future, result)
        if self._queue:
            self._begin()


def _succeed(future: "asyncio.Future[Any]", result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
