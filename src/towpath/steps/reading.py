"""Reading a file whole or as a stream, with its checksum, and noticing whether it stays as it was."""

import io
import os
import time
from collections.abc import Callable
from typing import Final

from xxhash import xxh3_128, xxh3_128_digest

from towpath.hsm.lease import has_writer

IN_ONE: Final = 1024 * 1024
"""Files up to this size are read into memory at once."""
TICK_NS: Final = 20_000_000
"""Writes so close to each other may carry the same time, on kernels before 6.13."""


def settle(fd: int) -> os.stat_result:
    """The stat of a file that any later write is going to change.

    A page that a program has mapped and written to can be written to again without any trace, until it is
    written back; so where there may be a writer, the file is. One that was written to in this very moment is
    waited for.
    """
    if has_writer(fd):
        os.fdatasync(fd)
    found = os.fstat(fd)
    if 0 <= time.time_ns() - found.st_mtime_ns < TICK_NS:
        time.sleep(TICK_NS / 1e9)
        found = os.fstat(fd)
    return found


class Source(io.RawIOBase):
    """A file's bytes from its beginning, hashed as they are read; `go_on` is asked before each read, and may raise."""

    def __init__(self, fd: int, progress: Callable[[int], None], go_on: Callable[[], None]) -> None:
        super().__init__()
        self._fd, self._progress, self._go_on = fd, progress, go_on
        self._digest = xxh3_128()
        self.size = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes more; b"" at the end. To ask for none is to ask whether to go on."""
        self._go_on()
        piece = os.pread(self._fd, IN_ONE if size < 0 else size, self.size)
        self._digest.update(piece)
        self.size += len(piece)
        self._progress(len(piece))
        return piece

    def digest(self) -> bytes:
        """The xxh3_128 of what was read."""
        return self._digest.digest()


class Whole(io.BytesIO):
    """A small file's bytes; `go_on` is asked where none are asked for, so before a put of them is tried again."""

    def __init__(self, content: bytes, go_on: Callable[[], None]) -> None:
        super().__init__(content)
        self._go_on = go_on

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to so many bytes more."""
        if size == 0:
            self._go_on()
        return super().read(size)

    def digest(self) -> bytes:
        """Their xxh3_128."""
        return xxh3_128_digest(self.getbuffer())

    @property
    def size(self) -> int:
        """How many there are."""
        return self.getbuffer().nbytes


def open_source(
    fd: int, size: int, progress: Callable[[int], None], go_on: Callable[[], None]
) -> "Source | Whole":
    """The bytes of a file of that size."""
    if size > IN_ONE:
        return Source(fd, progress, go_on)
    return Whole(os.pread(fd, size, 0), go_on)


def checksum_of(fd: int, go_on: Callable[[], None]) -> bytes:
    """The xxh3_128 of an open file; `go_on` is asked before each piece, and may raise."""
    digest, done = xxh3_128(), 0
    while piece := os.pread(fd, IN_ONE, done):
        go_on()
        digest.update(piece)
        done += len(piece)
    return digest.digest()
