"""A look at a path: the file opened, whatever its mode, with its stat, its attributes and its standing."""

import errno
import os
import stat as modes
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

from towpath.hsm import mark as marks
from towpath.hsm.mark import Judged, Standing
from towpath.storage.roots import Root

Attributes = tuple[tuple[bytes, bytes], ...]

READING_WINDOW: Final = 0o1600
WRITING_WINDOW: Final = 0o1200
WINDOWS: Final = (READING_WINDOW, WRITING_WINDOW)
"""Modes that a stub of an ordinary user has for a moment while its owner's worker opens it or sets its mark: the
kernel lets nobody but root reach `user.` attributes past the permission bits. The sticky bit, which means nothing
on a file, tells one that a crash left behind from a mode that somebody chose."""

_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class NotRegular(Exception):
    """The path is no regular file."""


class Look:
    """An open regular file; `names` are its extended attributes, `packed` is its mark as it stands there.

    `was_closed` says that its permission bits keep its own owner out, and were changed for a moment; `was_ajar` that
    they stood so when it was opened, by another thread or since a crash.
    """

    __slots__ = ("_attributes", "fd", "judged", "names", "packed", "stat", "was_ajar", "was_closed")

    def __init__(self, fd: int, key: bytes, read: tuple[Sequence[str], Attributes] | None = None) -> None:
        self.fd = fd
        self.stat = os.fstat(fd)
        if not modes.S_ISREG(self.stat.st_mode):
            raise NotRegular
        self.was_closed = read is not None
        self.was_ajar = self.mode in WINDOWS
        self.names: Sequence[str] = os.listxattr(fd) if read is None else read[0]
        self._attributes = None if read is None else read[1]
        self.packed = self._read_mark()
        self.judged: Judged = marks.judge(self.stat, self.packed, key)

    def _read_mark(self) -> bytes | None:
        if self._attributes is None:
            return marks.read(self.fd, self.names)
        known = dict(self._attributes)
        return next((known[n] for n in map(os.fsencode, marks.NAMES) if n in known), None)

    @property
    def attributes(self) -> Attributes:
        """All extended attributes but the mark, ACLs among them."""
        if self._attributes is None:
            self._attributes = _read_all(self.fd, [name for name in self.names if name not in marks.NAMES])
        return tuple(pair for pair in self._attributes if os.fsdecode(pair[0]) not in marks.NAMES)

    @property
    def marks(self) -> list[bytes]:
        """Each mark that it bears, whoever set it: one that is not believed may refer to something all the same."""
        names = [name for name in marks.NAMES if name in self.names]
        if self._attributes is None:
            return [os.getxattr(self.fd, name) for name in names]
        known = dict(self._attributes)
        return [known[os.fsencode(name)] for name in names]

    @property
    def mode(self) -> int:
        """The permission bits, as they are now."""
        return modes.S_IMODE(self.stat.st_mode)

    def set_mark(self, packed: bytes, mode: int | None = None) -> None:
        """Set the mark on a file whose permission bits are now `mode` (as found, where left out)."""
        write_mark(self.fd, packed, self.names, self.mode if mode is None else mode)

    def erase_mark(self) -> None:
        """Remove the mark: the file is resident."""
        erase_mark(self.fd, self.mode)

    def despite_its_mode(self, change: Callable[[], None]) -> None:
        """Change an attribute, also where the permission bits keep the file's own owner from doing so."""
        _whatever_the_mode(self.fd, self.mode, change)

    def reopen_to_write(self) -> None:
        """Let the descriptor be one that may write, to the same file: the only one of ours still."""

        def reopen() -> None:
            fd = os.open(f"/proc/self/fd/{self.fd}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            os.close(self.fd)
            self.fd = fd

        _whatever_the_mode(self.fd, self.mode, reopen)

    def close(self) -> None:
        """Close the file; twice does no harm."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def look(root: Root, path: bytes, key: bytes) -> Look:
    """Open a file for reading and see how it stands under a site's key.

    Raises `NotRegular`, or OSError: with ELOOP for a symbolic link. A mode that shut us out of a stub, or that a
    crash left on one, is put right.
    """
    try:
        found = _looked(open_to_read(root, path), key)
    except PermissionError as error:
        # Also where it was opened while another thread had its mode open, and has it no more.
        if error.errno != errno.EACCES:
            raise
        return _looked(*_open_closed(root, path, key))
    if found.was_ajar and found.stat.st_uid == os.geteuid() != 0:
        # Its attributes cannot be read any more once that thread is done.
        found.close()
        return _looked(*_open_closed(root, path, key))
    return found


def _looked(fd: int, key: bytes, read: tuple[Sequence[str], Attributes] | None = None) -> Look:
    try:
        found = Look(fd, key, read)
        _shut(found)
    except BaseException:
        os.close(fd)
        raise
    return found


def open_to_read(root: Root, path: bytes) -> int:
    """A descriptor that reads and, where we may have it so, leaves the access time alone."""
    try:
        return root.open(path, _READ | os.O_NOATIME)
    except PermissionError as error:
        if error.errno != errno.EPERM:
            raise
        return root.open(path, _READ)


def write_mark(fd: int, packed: bytes, names: Sequence[str], mode: int) -> None:
    """Set a file's mark, also where its permission bits (`mode`) keep its own owner from doing so."""
    _whatever_the_mode(fd, mode, lambda: marks.write(fd, packed, names))


def erase_mark(fd: int, mode: int) -> None:
    """Remove a file's mark, also where its permission bits (`mode`) keep its own owner from doing so."""
    names = os.listxattr(fd)
    _whatever_the_mode(fd, mode, lambda: marks.forget(fd, names))


def _whatever_the_mode(fd: int, mode: int, change: Callable[[], None]) -> None:
    try:
        change()
    except PermissionError:
        handle = os.open(f"/proc/self/fd/{fd}", os.O_PATH | os.O_CLOEXEC)
        way = f"/proc/self/fd/{handle}"
        try:
            with _turn(handle):
                os.chmod(way, mode | modes.S_IRUSR | modes.S_IWUSR if mode else WRITING_WINDOW)
                try:
                    change()
                finally:
                    os.chmod(way, mode)
        finally:
            os.close(handle)


def _shut(found: Look) -> None:
    """Close a stub that a crash left open a little: its reader would get zeros."""
    if found.judged.standing in (Standing.OFFLINE, Standing.INTERRUPTED) and found.mode in WINDOWS:
        with _turn(found.fd):
            # Another thread, by another name of the file, may have had it open just now.
            if modes.S_IMODE(os.fstat(found.fd).st_mode) in WINDOWS:
                os.fchmod(found.fd, 0)
            found.stat = os.fstat(found.fd)


_TURNS: Final = tuple(threading.RLock() for _ in range(64))


def _turn(fd: int) -> AbstractContextManager[object]:
    """The turn of one thread to change a file's mode for a moment: a file of many names is worked on by many."""
    return _TURNS[os.fstat(fd).st_ino % len(_TURNS)]


def _open_closed(root: Root, path: bytes, key: bytes) -> tuple[int, bytes, tuple[Sequence[str], Attributes]]:
    """Open a file of our own whose mode keeps even its owner out, and read its attributes while that can be done."""
    handle = root.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        with _turn(handle):
            fd, read = _opened(handle, path)
    finally:
        os.close(handle)
    return fd, key, read


def _opened(handle: int, path: bytes) -> tuple[int, tuple[Sequence[str], Attributes]]:
    found = os.fstat(handle)
    mode = modes.S_IMODE(found.st_mode)
    if not modes.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    way = f"/proc/self/fd/{handle}"
    os.chmod(way, READING_WINDOW)
    try:
        fd = os.open(way, _READ | os.O_NOATIME)
        try:
            names = os.listxattr(fd)
            read = _read_all(fd, names)
        except BaseException:
            os.close(fd)
            raise
    finally:
        os.chmod(way, 0 if mode in WINDOWS else mode)
    return fd, (names, read)


def _read_all(fd: int, names: Sequence[str]) -> Attributes:
    return tuple((os.fsencode(name), os.getxattr(fd, name)) for name in names)
