"""Threads that take turns in the order in which they were asked for."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

Turn = Callable[[], None]
"""A piece of work that raises nothing: whoever hands it in has caught what it may raise."""


class Hands(Protocol):
    """Something that does turns: a pool of threads, or, in a simulation, the simulation itself."""

    def submit(self, turn: Turn) -> None:
        """Do that as soon as a hand is free, after all that was handed in before."""

    def grow(self, size: int) -> None:
        """Be at least so many hands."""

    def close(self) -> None:
        """Take no more turns; those handed in are still done."""


class Pool:
    """At most `size` threads, each begun when it is first needed.

    They are daemons: a node that is told to leave at once must not wait for a file of a terabyte.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._turns: SimpleQueue[Turn | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._begun = 0
        self._idle = 0
        """Threads that wait, less turns that wait; may be below 0."""

    def submit(self, turn: Turn) -> None:
        """Do that as soon as a thread is free."""
        with self._lock:
            self._idle -= 1
            if self._idle < 0 and self._begun < self._size:
                self._begun += 1
                self._idle += 1
                name = f"{self._name}-{self._begun}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        self._turns.put(turn)

    def grow(self, size: int) -> None:
        """Let there be up to so many threads; never fewer than before."""
        with self._lock:
            self._size = max(self._size, size)

    def close(self) -> None:
        """End each thread once it has nothing more to do."""
        for _ in range(self._begun):
            self._turns.put(None)

    def _work(self) -> None:
        while (turn := self._turns.get()) is not None:
            turn()
            with self._lock:
                self._idle += 1
