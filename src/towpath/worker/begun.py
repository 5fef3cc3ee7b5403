"""Which runs have begun and not ended, noted where the death of the process cannot undo it."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

NAME = 16
"""Bytes of a run id."""

MOST = 1024
"""Runs that can be noted at once: more than a node has slots. One beyond them is not noted."""

NOBODY = bytes(NAME)


class Begun(Protocol):
    """The runs that have begun. Used by many threads at once."""

    before: list[bytes] | None
    """Those that had begun, and not ended, when the life before ended by no wish of its own; None: nobody can say."""

    def note(self, run: bytes) -> None:
        """A run begins."""

    def clear(self, run: bytes) -> None:
        """A run has ended, however it did."""

    def forget(self) -> None:
        """Nothing of what is noted says anything any more: the hub has heard it, or the node ends by its own wish."""


class Unnoted:
    """Notes nothing, and so cannot say what had begun."""

    before: list[bytes] | None = None

    def note(self, run: bytes) -> None:
        """A run begins."""

    def clear(self, run: bytes) -> None:
        """A run has ended."""

    def forget(self) -> None:
        """Nothing is noted."""


class BegunFile:
    """A file of one place for each run. It is never synced: a process that dies leaves its writes to the kernel.

    A power cut may leave it as it was some seconds before; then a task is counted, or not, for whose loss nobody is to
    blame: it takes three such losses to harm a path. A disk that is full is no reason not to run: the note is left out.
    """

    def __init__(self, path: Path) -> None:
        known = path.exists()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        kept = os.pread(self._file, NAME * MOST, 0)
        names = (kept[start : start + NAME] for start in range(0, len(kept) - NAME + 1, NAME))
        self.before: list[bytes] | None = [name for name in names if name != NOBODY] if known else None
        self._lock = threading.Lock()
        self._free = list(range(MOST))[::-1]
        self._place: dict[bytes, int] = {}

    def note(self, run: bytes) -> None:
        """A run begins."""
        with self._lock:
            if not self._free:
                return
            place = self._place[run] = self._free.pop()
        self._write(place, run)

    def clear(self, run: bytes) -> None:
        """A run has ended, however it did."""
        with self._lock:
            place = self._place.pop(run, None)
        if place is not None:
            self._write(place, NOBODY)
            with self._lock:
                self._free.append(place)

    def forget(self) -> None:
        """Nothing of what is noted says anything any more."""
        with suppress(OSError):
            os.ftruncate(self._file, 0)

    def _write(self, place: int, name: bytes) -> None:
        with suppress(OSError):
            os.pwrite(self._file, name, place * NAME)
