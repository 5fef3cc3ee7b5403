"""More entries than memory holds: sorted out into files, each of which is read back by itself."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PARTS: Final = 1024
"""A part of 300 million entries has 300,000."""
BUFFERED: Final = 16 * 1024
"""Bytes of each part that wait in memory."""
_LENGTH: Final = struct.Struct(">H")


class Scratch:
    """Entries (at most 65,535 bytes each) in `PARTS` parts, in files of a directory that is this one's alone."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory = directory
        self._waiting: dict[int, bytearray] = {}

    def add(self, digest: bytes, entry: bytes) -> None:
        """Put an entry into the part that its digest belongs to."""
        part = part_of(digest)
        waiting = self._waiting.setdefault(part, bytearray())
        waiting += _LENGTH.pack(len(entry))
        waiting += entry
        if len(waiting) >= BUFFERED:
            self._write(part)

    def read(self, part: int) -> Iterator[bytes]:
        """The entries of a part, in the order in which they came."""
        if part in self._waiting:
            self._write(part)
        try:
            file = (self._directory / str(part)).open("rb")
        except FileNotFoundError:
            return
        with file:
            while head := file.read(_LENGTH.size):
                yield file.read(_LENGTH.unpack(head)[0])

    def _write(self, part: int) -> None:
        with (self._directory / str(part)).open("ab") as file:
            file.write(self._waiting.pop(part))


def part_of(digest: bytes) -> int:
    """Which part a digest belongs to: parts ascend as digests do."""
    return int.from_bytes(digest[:2], "big") * PARTS >> 16
