"""Sorted names in flat memory: what is too much to hold is spilled to a file in sorted runs and merged."""

import os
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from operator import eq
from typing import Final

MERGE_BUFFER: Final = 1024 * 1024
"""Bytes of names held while runs are merged, over all runs."""
LEAST_READ: Final = 4096
"""Longer than any name."""


class SpillFailed(Exception):
    """The disk does not take the names that memory must not hold."""

    def __init__(self, directory: str, error: OSError) -> None:
        reason = os.strerror(error.errno) if error.errno else str(error)
        super().__init__(f"sorting a large directory needs room in '{directory}': {reason}")


def ascending(names: list[bytes]) -> list[bytes]:
    """The names in order, each once: a directory that changes while it is listed may tell one twice."""
    names.sort()
    if any(map(eq, names, islice(names, 1, None))):
        return list(dict.fromkeys(names))
    return names


class Spill:
    """Names on disk in sorted runs: `add` some runs, then take `blocks`, then `close`.

    The file has no name, so that nothing is left whatever ends the process. Names hold no NUL.
    """

    def __init__(self, directory: str | None = None, merge_buffer: int = MERGE_BUFFER) -> None:
        self._directory = directory or tempfile.gettempdir()
        self._buffer = merge_buffer
        self._ends = [0]
        try:
            self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise SpillFailed(self._directory, error) from error

    def add(self, names: list[bytes]) -> None:
        """Keep some names, in any order."""
        if not names:
            return
        names.sort()
        try:
            self._file.write(b"\0".join(names) + b"\0")
            self._file.flush()
        except OSError as error:
            raise SpillFailed(self._directory, error) from error
        self._ends.append(self._file.tell())

    def blocks(self) -> Iterator[list[bytes]]:
        """All names in order, each once, in lists of some thousands."""
        size = max(LEAST_READ, self._buffer // len(self._ends))
        fd = self._file.fileno()
        runs = [_Run(fd, start, end, size) for start, end in zip(self._ends, self._ends[1:], strict=False)]
        while runs := [run for run in runs if run.names or run.refill()]:
            bound = min(run.names[-1] for run in runs)
            yield ascending([name for run in runs for name in run.take(bound)])

    def close(self) -> None:
        """Give the disk back."""
        with suppress(OSError):  # what could not be written is thrown away in any case
            self._file.close()


class _Run:
    """One sorted run of a spill file, read piece by piece; `names` are those at hand."""

    __slots__ = ("_at", "_end", "_fd", "_size", "names")

    def __init__(self, fd: int, start: int, end: int, size: int) -> None:
        self._fd, self._at, self._end, self._size = fd, start, end, size
        self.names: list[bytes] = []

    def refill(self) -> bool:
        """Read on; False at the end."""
        if self._at >= self._end:
            return False
        data = os.pread(self._fd, min(self._size, self._end - self._at), self._at)
        whole = data[: data.rindex(b"\0")]
        self._at += len(whole) + 1
        self.names = whole.split(b"\0")
        return True

    def take(self, bound: bytes) -> list[bytes]:
        """The names at hand up to and with the bound; they are gone from it."""
        cut = bisect_right(self.names, bound)
        taken, self.names = self.names[:cut], self.names[cut:]
        return taken
