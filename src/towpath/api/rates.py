"""How often one user, or one address that nobody has signed in from, may call within a minute."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

MINUTE: Final = 60.0
MOST_KNOWN: Final = 10_000
"""Callers that are remembered: who has not called for a minute is forgotten beyond that."""


class TooMany(Exception):
    """Somebody calls more often than the hub allows."""

    def __init__(self, most: int, seconds: int) -> None:
        super().__init__(f"expected at most {most} requests within a minute, found more; wait {seconds} s")
        self.seconds = seconds


@dataclass(slots=True)
class Rates:
    """A bucket for each caller, which fills as the minute goes by; `most` of 0 lets everybody call at will."""

    most: int
    clock: Callable[[], float] = time.monotonic
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Caller → calls that were left, and when that was."""

    def count(self, caller: str) -> None:
        """A call; raises `TooMany` where none is left."""
        if not self.most:
            return
        now = self.clock()
        left, then = self._left.get(caller, (float(self.most), now))
        left = min(self.most, left + (now - then) * self.most / MINUTE)
        if left < 1:
            raise TooMany(self.most, max(1, round((1 - left) * MINUTE / self.most)))
        if len(self._left) >= MOST_KNOWN:
            self._left = {name: kept for name, kept in self._left.items() if now - kept[1] < MINUTE}
        self._left[caller] = left - 1, now
