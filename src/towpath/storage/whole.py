"""A file system that is synced as a whole, once for all that ask for it at the same time."""

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Final

from towpath.storage.roots import Root

_RELIABLE: Final = frozenset(
    {0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0x794C7630, 0xF2F52010, 0x2FC12FC1, 0xCA451A4E}
)
"""Where syncfs(2) is known to reach the disk: ext4, xfs, btrfs, tmpfs, overlayfs, f2fs, zfs, bcachefs. A network or
FUSE file system may only hand the data on, so files are synced singly there."""

_libc = ctypes.CDLL(None, use_errno=True)


def syncfs(fd: int) -> int:
    """Sync the file system that a descriptor is on: 0, or the number of the error."""
    return ctypes.get_errno() if _libc.syncfs(fd) else 0


class Whole:
    """A file system, by a descriptor that is open for as long as anybody writes to it and will ask for a sync.

    The kernel tells of an error in writing back once for each descriptor: `errors` counts them, so that everybody who
    wrote before learns of it. `users` is the registry's.
    """

    def __init__(self, fd: int, syncfs: Callable[[int], int] = syncfs) -> None:
        self._fd, self._syncfs = fd, syncfs
        self.reliable = _type_of(fd) in _RELIABLE
        self.errors = 0
        self.users = 0
        self._turn = threading.Condition()
        self._begun = self._done = 0
        self._broken = (0, 0)
        """The number of the last sync that failed, and its error."""

    def sync(self) -> None:
        """Return once all that was written before is on disk; raises OSError where some of it may not be.

        A sync that began earlier may have missed some of it. So who comes while one is under way waits for the next,
        which one of those that wait makes for all of them.
        """
        with self._turn:
            mine = self._begun + 1
            while self._done < mine and self._done < self._begun:
                self._turn.wait()
            if self._done < mine:
                self._begun = mine
                self._turn.release()
                try:
                    number = self._syncfs(self._fd)
                finally:
                    self._turn.acquire()
                self._done = mine
                if number:
                    self.errors += 1
                    self._broken = (mine, number)
                self._turn.notify_all()
            broken, number = self._broken
        if broken >= mine:
            raise OSError(number, os.strerror(number))

    def close(self) -> None:
        """Let the descriptor go."""
        os.close(self._fd)


_lock = threading.Lock()
_known: dict[int, Whole] = {}


def whole_of(root: Root) -> Whole:
    """The file system that a root lies on; to be let go of."""
    fd = root.open(b"", os.O_RDONLY | os.O_DIRECTORY)
    device = os.fstat(fd).st_dev
    with _lock:
        whole = _known.get(device)
        if whole is None:
            whole = _known[device] = Whole(fd)
        else:
            os.close(fd)
        whole.users += 1
    return whole


def let_go(whole: Whole) -> None:
    """It is not needed any more."""
    with _lock:
        whole.users -= 1
        if not whole.users:
            for device in [device for device, known in _known.items() if known is whole]:
                del _known[device]
            whole.close()


def _type_of(fd: int) -> int:
    """The magic number of a file system: the first word of `struct statfs`."""
    answer = (ctypes.c_long * 64)()
    if _libc.fstatfs(fd, ctypes.byref(answer)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(answer[0]) & 0xFFFFFFFF
