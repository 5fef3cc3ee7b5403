"""Which runs have begun and not ended, noted where the death of the process cannot undo it."""

import fcntl
import mmap
import os
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

NAME = 16
"""Bytes of a run id."""

MOST = 1024
"""Runs that can be noted at once: more than a node has slots. One beyond them is not noted."""

SIZE = NAME * MOST
NOBODY = bytes(NAME)

_SET_FLAGS, _NO_COPY_ON_WRITE = 0x40086602, 0x00800000
"""`FS_IOC_SETFLAGS` and `FS_NOCOW_FL` of <linux/fs.h>."""


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
    """A file of one place for each run, written through a shared mapping: a process that dies leaves it to the kernel.

    A write is a copy of 16 bytes, so that even the shortest task hardly feels it. The file is never synced: a power cut
    may leave it as it was some seconds before. Then a task is counted, or not, for a loss that nobody is to blame for,
    and it takes three of those to harm a path.
    """

    def __init__(self, path: Path) -> None:
        known = path.exists()
        self._places: mmap.mmap | bytearray = _mapped(path)
        names = (self._places[start : start + NAME] for start in range(0, SIZE, NAME))
        self.before: list[bytes] | None = [bytes(n) for n in names if n != NOBODY] if known else None
        self._lock = threading.Lock()
        self._free = list(range(MOST))[::-1]
        self._place: dict[bytes, int] = {}

    def note(self, run: bytes) -> None:
        """A run begins."""
        with self._lock:
            if self._free:
                place = self._place[run] = self._free.pop()
                self._write(place, run)

    def clear(self, run: bytes) -> None:
        """A run has ended, however it did."""
        with self._lock:
            place = self._place.pop(run, None)
            if place is not None:
                self._write(place, NOBODY)
                self._free.append(place)

    def forget(self) -> None:
        """Nothing of what is noted says anything any more."""
        with self._lock:
            self._places[:] = bytes(SIZE)

    def _write(self, place: int, name: bytes) -> None:
        self._places[place * NAME : (place + 1) * NAME] = name


def _mapped(path: Path) -> mmap.mmap | bytearray:
    """The file's bytes, shared with it; where the disk has no room for it, bytes that die with the process.

    All its blocks are written first: a write to a mapping that finds no room would end the process (SIGBUS).
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        if not size:
            with suppress(OSError):
                # Btrfs would copy each block that is written, and need room for that.
                fcntl.ioctl(file, _SET_FLAGS, struct.pack("i", _NO_COPY_ON_WRITE))
        if size < SIZE:
            os.pwrite(file, bytes(SIZE - size), size)
        return mmap.mmap(file, SIZE)
    except OSError:
        return bytearray(SIZE)
    finally:
        os.close(file)
