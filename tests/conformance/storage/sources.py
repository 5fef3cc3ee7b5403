"""Sources that behave as files do on bad days."""

import io
from collections.abc import Callable
from typing import BinaryIO, cast


class Stuttering(io.RawIOBase):
    """Gives at most a few bytes at a time."""

    def __init__(self, content: bytes, most: int) -> None:
        self._content = io.BytesIO(content)
        self._most = most

    def read(self, size: int = -1, /) -> bytes:
        return self._content.read(min(size, self._most) if size >= 0 else self._most)


class Failing(io.RawIOBase):
    """Gives some bytes, then an error of the system."""

    def __init__(self, content: bytes, error: OSError) -> None:
        self._content = io.BytesIO(content)
        self._error = error

    def read(self, size: int = -1, /) -> bytes:
        found = self._content.read(size)
        if not found:
            raise self._error
        return found


class Watching(io.RawIOBase):
    """Calls back before each read of bytes, so that a test sees the place while a put is under way."""

    def __init__(self, content: bytes, watch: Callable[[], None]) -> None:
        self._content = io.BytesIO(content)
        self._watch = watch

    def read(self, size: int = -1, /) -> bytes:
        if size:  # What is read of nothing comes while what is kept is verified, and so is there.
            self._watch()
        return self._content.read(size)


class Generated(io.RawIOBase):
    """A long content that is nowhere held: each MiB differs from the one before."""

    MIB = 1 << 20

    def __init__(self, size: int) -> None:
        self._size = size
        self._place = 0
        self._block = bytes(range(256)) * (self.MIB // 256 + 1)

    def read(self, size: int = -1, /) -> bytes:
        end = self._size if size < 0 else min(self._size, self._place + size)
        parts = []
        while self._place < end:
            number, within = divmod(self._place, self.MIB)
            shift = number % 251
            parts.append(self._block[shift + within : shift + min(self.MIB, within + end - self._place)])
            self._place += len(parts[-1])
        return b"".join(parts)


def as_file(source: io.RawIOBase) -> BinaryIO:
    """The source, for the type checker."""
    return cast(BinaryIO, source)
