"""A directory that a walk is in: its entries in order, looked at some at a time."""

import os
import stat as modes
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import compress, islice
from typing import Final, Self

from towpath.discovery.protocol import Unreadable
from towpath.discovery.sorting import Spill, ascending
from towpath.domain.paths import ErrorClass, Kind, printable

LONGEST_PATH: Final = 4095
"""The kernel takes no longer one, beneath an open directory either."""
LONGEST_NAME: Final = 1024
"""No file system has a longer one."""
LOOK: Final = 256
"""Entries looked at in one go: at most so many looks are repeated after a crash, for each directory on the way."""

OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a directory is opened."""
PRIVATE: Final = b".towpath"
LeftOut = Callable[[bytes], bool]
_ENCODING: Final = sys.getfilesystemencoding()
_ERRORS: Final = sys.getfilesystemencodeerrors()


def kinds_by_mode() -> bytes:
    """A table from the upper four bits of a mode to the kind."""
    known = {modes.S_IFREG: Kind.FILE, modes.S_IFDIR: Kind.DIRECTORY, modes.S_IFLNK: Kind.SYMLINK}
    return bytes(known.get(bits << 12, Kind.OTHER) for bits in range(16))


_KIND: Final = kinds_by_mode()
_FILE: Final = int(Kind.FILE)


def kind_of(mode: int) -> int:
    """The kind of an entry, from its mode."""
    return _KIND[mode >> 12]


def is_private(path: bytes) -> bool:
    """Whether a path is Towpath's own: `.towpath` in a root and what it holds, and files that are being written."""
    if path == PRIVATE or path.startswith(PRIVATE + b"/"):
        return True
    name = path.rpartition(b"/")[2]
    return name.startswith(PRIVATE + b"-") and name.endswith(b".part")


class Looked:
    """Entries of one directory that were looked at, in columns; those before `at` were told.

    `failed` is the name behind them that could not be looked at, and why. `ahead` are the directories among them
    that a scout was asked for, and `scouted` is where the next ones are to be sought.
    """

    __slots__ = ("ahead", "at", "failed", "kinds", "names", "paths", "scouted", "sizes")

    def __init__(self, prefix: bytes, names: list[bytes], kinds: bytes, sizes: list[int]) -> None:
        self.at = self.scouted = 0
        self.failed: tuple[bytes, OSError] | None = None
        self.ahead: list[int] = []
        self.names, self.kinds, self.sizes = names, kinds, sizes
        self.paths = [prefix + name for name in names]


class Level:
    """One directory. `fd` is -1 while it is closed; `after` is the name behind which the walk begins here.

    Entries whose paths `left_out` names are not looked at.
    """

    __slots__ = (
        "_after",
        "_at",
        "_blocks",
        "_left_out",
        "_names",
        "_spill",
        "_too_long",
        "fd",
        "held",
        "looked",
        "path",
        "prefix",
    )

    def __init__(
        self, fd: int, path: bytes, after: bytes | None = None, left_out: LeftOut | None = None
    ) -> None:
        self.fd, self.path, self._after, self._left_out = fd, path, after, left_out
        self.prefix = path + b"/" if path else b""
        self.held = 0
        """Names in memory."""
        self.looked: Looked | None = None
        self._names: list[bytes] = []
        self._at = 0
        self._blocks: Iterator[list[bytes]] = iter(())
        self._spill: Spill | None = None
        self._too_long: list[bytes] = []

    def read_few(self, most: int) -> bool:
        """Read its names if there are no more than that; raises OSError."""
        with os.scandir(self.fd) as listing:
            names = _encoded([entry.name for entry in islice(listing, most + 1)])
        self._names = self._sifted(ascending(names))
        return len(names) <= most

    def read(self, room: int, spill: str | None) -> None:
        """Read its names, holding fewer than `room` of them at a time; raises OSError, `SpillFailed`."""
        with os.scandir(self.fd) as listing:
            names = _encoded([entry.name for entry in islice(listing, room)])
            if len(names) < room:
                self.held = len(names)
                self._names = self._sifted(ascending(names))
                return
            self._spill = Spill(spill)
            while names:
                self._spill.add(names)
                names = _encoded([entry.name for entry in islice(listing, room)])
        self._blocks = self._spill.blocks()

    def given(self, names: list[bytes], kinds: bytes, sizes: list[int]) -> Self:
        """It, with all its entries as somebody else has looked at them."""
        if self._left_out is not None:
            kept = [not self._left_out(self.prefix + name) for name in names]
            names, kinds = list(compress(names, kept)), bytes(compress(kinds, kept))
            sizes = list(compress(sizes, kept))
        self.held = len(names)
        self.looked = Looked(self.prefix, names, kinds, sizes)
        return self

    def more(self) -> bool:
        """Whether there are names that were not looked at."""
        while self._at >= len(self._names):
            block = next(self._blocks, None)
            if block is None:
                return False
            self._names, self._at = self._sifted(block), 0
        return True

    def look(self) -> Looked | None:
        """Look at the next entries; None at the end. Those that are gone by now are left out."""
        while self.more():
            names = self._names[self._at : self._at + LOOK]
            looked = self._look_at(names)
            self._at += len(looked.names) + (looked.failed is not None)
            if looked.failed is not None and isinstance(looked.failed[1], FileNotFoundError):
                looked.failed = None
            if looked.names or looked.failed:
                return looked
        return None

    def wrong(self) -> Unreadable | None:
        """What is to be said of it once all its entries were told."""
        if not self._too_long:
            return None
        count, first = len(self._too_long), printable(self._too_long[0])
        reason = f"left out: {count} of its entries, their paths being over {LONGEST_PATH} bytes; the first: {first}"
        return Unreadable(self.path, ErrorClass.PERMANENT, reason)

    def release(self) -> None:
        """Close its descriptor; it can be opened anew."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def close(self) -> None:
        """Let go of all it holds."""
        self.release()
        if self._spill is not None:
            self._spill.close()

    def _look_at(self, names: list[bytes]) -> Looked:
        fd, stat = self.fd, os.stat
        stats: list[os.stat_result] = []
        failed = None
        try:
            for name in names:
                stats.append(stat(name, dir_fd=fd, follow_symlinks=False))  # noqa: PERF401 (what went well is kept)
        except OSError as error:
            failed = names[len(stats)], error
            names = names[: len(stats)]
        kinds = bytes([_KIND[stat.st_mode >> 12] for stat in stats])
        sizes = [stat.st_size for stat in stats]
        if kinds.count(_FILE) < len(kinds):
            sizes = [s if k == _FILE else 0 for s, k in zip(sizes, kinds, strict=True)]
        looked = Looked(self.prefix, names, kinds, sizes)
        looked.failed = failed
        return looked

    def _sifted(self, names: list[bytes]) -> list[bytes]:
        """Sorted names without those that are Towpath's own, make too long a path, lie before the cursor, or are left
        out."""
        room = LONGEST_PATH - len(self.prefix)
        if room < LONGEST_NAME:
            self._too_long += [name for name in names if len(name) > room]
            names = [name for name in names if len(name) <= room]
        first = bisect_left(names, PRIVATE)
        if first < len(names) and names[first].startswith(PRIVATE):
            names = [name for name in names if not is_private(self.prefix + name)]
        if self._after is not None:
            names = names[bisect_right(names, self._after) :]
        if self._left_out is not None:
            names = [name for name in names if not self._left_out(self.prefix + name)]
        return names


def _encoded(names: list[str]) -> list[bytes]:
    """Names as the bytes that they are: in one go, for no name holds a NUL."""
    return "\0".join(names).encode(_ENCODING, _ERRORS).split(b"\0") if names else []
