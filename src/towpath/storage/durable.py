"""Making files beneath a root survive a power cut, many at once."""

import ctypes
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

from towpath.storage.roots import Root
from towpath.storage.whole import Whole, let_go, whole_of

ONE_BY_ONE: Final = 16
"""Up to so many files are synced singly: a sync of the whole file system also waits for what others wrote."""

STRETCH: Final = 16 * 1024 * 1024
"""Bytes of a large file that begin to go to disk together, while the next ones are still to come."""
_WRITE: Final = 2
"""`SYNC_FILE_RANGE_WRITE` of <fcntl.h>."""

_libc = ctypes.CDLL(None, use_errno=True)
_sync_file_range: Callable[[int, ctypes.c_int64, ctypes.c_int64, int], int] | None = getattr(
    _libc, "sync_file_range", None
)


def written(fd: int, start: int, length: int) -> None:
    """Told of each piece that was written to a file: what fills a stretch begins to go to disk.

    So the sync that comes at the end of a large file finds little left to wait for. It makes nothing safe, and an
    error is for that sync to tell.
    """
    first, end = start // STRETCH, (start + length) // STRETCH
    if end > first and _sync_file_range is not None:
        offset, size = first * STRETCH, (end - first) * STRETCH
        _sync_file_range(fd, ctypes.c_int64(offset), ctypes.c_int64(size), _WRITE)


class Durable:
    """Syncs files beneath one root, with the directories that name them; may be called from several threads.

    Made before anything is written that it is to sync.
    """

    def __init__(self, root: Root, opened: Callable[[Root], Whole] = whole_of) -> None:
        self._root = root
        self._whole: Whole | None = None
        with suppress(OSError):  # A root that may not be read is synced singly.
            self._whole = opened(root)
        self._errors = self._whole.errors if self._whole is not None else 0

    def sync(self, paths: Iterable[bytes]) -> None:
        """Return once these files and the directories above them are on disk; raises OSError where one is not."""
        distinct = sorted(set(paths))
        if len(distinct) <= ONE_BY_ONE or not self._sync_whole(distinct):
            self._sync_singly(distinct)

    def sync_content(self, files: Mapping[bytes, int]) -> None:
        """Return once the data of these open files (by their paths) is on disk; who names them is another matter."""
        if len(files) <= ONE_BY_ONE or not self._sync_whole(list(files)):
            for fd in files.values():
                os.fdatasync(fd)

    def _sync_whole(self, paths: list[bytes]) -> bool:
        """Sync the root's file system; False where that does not cover the paths or cannot be relied upon.

        After an error no whole sync is trusted again, so that each batch, whoever met the error first, learns of its
        own files.
        """
        whole = self._whole
        if whole is None or not whole.reliable or not self._on_one_file_system(paths):
            return False
        if whole.errors == self._errors:
            whole.sync()
        return whole.errors == self._errors

    def _on_one_file_system(self, paths: list[bytes]) -> bool:
        device = os.fstat(self._root.fd).st_dev
        parents = {path.rpartition(b"/")[0] for path in paths}
        return all(self._root.stat(parent).st_dev == device for parent in parents)

    def _sync_singly(self, paths: list[bytes]) -> None:
        for path in paths:
            self._fsync(path, os.O_RDONLY | os.O_NONBLOCK)
        for directory in sorted(_ancestors(paths), reverse=True):
            self._fsync(directory, os.O_RDONLY | os.O_DIRECTORY)

    def _fsync(self, path: bytes, flags: int) -> None:
        fd = self._root.open(path, flags)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Let the root's file system go; what is synced from now on is synced singly."""
        whole, self._whole = self._whole, None
        if whole is not None:
            let_go(whole)


def _ancestors(paths: Iterable[bytes]) -> set[bytes]:
    """All directories above the paths, b"" too: a new directory lives by the entry in the one above it."""
    found: set[bytes] = set()
    for path in paths:
        parent = path.rpartition(b"/")[0]
        while parent not in found:
            found.add(parent)
            parent = parent.rpartition(b"/")[0]
    return found
