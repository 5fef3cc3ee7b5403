"""Making files beneath a root survive a power cut, many at once."""

import ctypes
import os
import threading
from collections.abc import Iterable, Mapping
from typing import Final

from towpath.storage.roots import Root

ONE_BY_ONE: Final = 16
"""Up to so many files are synced singly: a sync of the whole file system also waits for what others wrote."""

_WHOLE: Final = frozenset(
    {0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0x794C7630, 0xF2F52010, 0x2FC12FC1, 0xCA451A4E}
)
"""Where syncfs(2) is known to reach the disk: ext4, xfs, btrfs, tmpfs, overlayfs, f2fs, zfs, bcachefs. A network or
FUSE file system may only hand the data on, so files are synced singly there."""

_libc = ctypes.CDLL(None, use_errno=True)


class Durable:
    """Syncs files beneath one root, with the directories that name them; may be called from several threads."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._anchor = -1
        self._whole: bool | None = None

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

        The kernel tells of an error in writing back once for each open descriptor. After an error no whole sync is
        trusted again, so that each batch, whoever met the error first, learns of its own files.
        """
        with self._lock:
            if self._whole is None:
                self._anchor = self._root.open(b"", os.O_RDONLY | os.O_DIRECTORY)
                self._whole = _type_of(self._anchor) in _WHOLE
            if not self._whole or not self._on_one_file_system(paths):
                return False
            if _libc.syncfs(self._anchor) == 0:
                return True
            self._whole = False
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), self._root.path)

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
        """Let the root's descriptor go."""
        with self._lock:
            if self._anchor >= 0:
                os.close(self._anchor)
            self._anchor, self._whole = -1, None


def _ancestors(paths: Iterable[bytes]) -> set[bytes]:
    """All directories above the paths, b"" too: a new directory lives by the entry in the one above it."""
    found: set[bytes] = set()
    for path in paths:
        parent = path.rpartition(b"/")[0]
        while parent not in found:
            found.add(parent)
            parent = parent.rpartition(b"/")[0]
    return found


def _type_of(fd: int) -> int:
    """The magic number of a file system: the first word of `struct statfs`."""
    answer = (ctypes.c_long * 64)()
    if _libc.fstatfs(fd, ctypes.byref(answer)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(answer[0]) & 0xFFFFFFFF
