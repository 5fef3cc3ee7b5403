"""A file or a directory opened to change its metadata: what it is to the hub stays as it was."""

import errno
import os
import stat as modes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Judged, Mark, Standing
from towpath.hsm.stub import has_bytes_from
from towpath.storage.roots import Root


class NoAttributes(Exception):
    """It is neither a file nor a directory; says what it is."""


class Refused(Exception):
    """A file whose data is half here, or whose mark is not trusted, is left as it is; says why."""


class Opened:
    """A file (`found` is its look) or a directory. What the mark of a file tells follows what is set."""

    def __init__(self, fd: int, key: bytes, found: Look | None = None) -> None:
        self._directory, self._key, self.found = fd, key, found

    @property
    def fd(self) -> int:
        """Its descriptor."""
        return self._directory if self.found is None else self.found.fd

    @property
    def mode(self) -> int:
        """Its permission bits; of a stub those that it has once its data is here."""
        mark = self._mark_of_stub()
        return modes.S_IMODE(os.fstat(self.fd).st_mode) if mark is None else mark.mode

    def attribute(self, name: str) -> bytes | None:
        """An extended attribute, None where it has none such."""
        if self.found is not None:
            return dict(self.found.attributes).get(os.fsencode(name))
        try:
            return os.getxattr(self.fd, name)
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
            return None

    def set_attribute(self, name: str, value: bytes | None) -> None:
        """Set an extended attribute, or remove it (None)."""

        def change() -> None:
            if value is None:
                os.removexattr(self.fd, name)
            else:
                os.setxattr(self.fd, name, value)

        if self.found is None:
            change()
        else:
            self.found.despite_its_mode(change)

    def set_mode(self, mode: int) -> None:
        """Set the permission bits; a stub keeps its own, which shut readers out, and has these once it is whole."""
        mark = self._mark_of_stub()
        if self.found is not None and mark is not None:
            self._mark(self.found, replace(mark, mode=mode))
        else:
            os.fchmod(self.fd, mode)

    def set_times(self, atime_ns: int, mtime_ns: int) -> None:
        """Set both times. The mark is told first: one that a crash leaves ahead of its file is found by `finish`."""
        if self.found is not None and self.found.judged.standing in (Standing.PREMIGRATED, Standing.OFFLINE):
            self._mark(self.found, replace(self.found.judged.ours, mtime_ns=mtime_ns))
        os.utime(self.fd, ns=(atime_ns, mtime_ns))

    def check(self, mtime_ns: int | None) -> None:
        """Raise `Refused` for a file that is to be left alone; a time that was being set is no edit."""
        if self.found is None:
            return
        judged = self.found.judged
        match judged.standing:
            case Standing.FOREIGN:
                raise Refused(f"its mark is not trusted: {judged.why}")
            case Standing.INTERRUPTED:
                raise Refused("whoever freed its data was stopped: recall or migrate it first")
            case Standing.EDITED:
                mark = judged.ours
                if mtime_ns != mark.mtime_ns or has_bytes_from(self.found.fd, mark.head):
                    raise Refused("it is a stub that was written to")
                self.found.judged = Judged(Standing.OFFLINE, mark)

    def _mark_of_stub(self) -> Mark | None:
        if self.found is None or self.found.judged.standing is not Standing.OFFLINE:
            return None
        return self.found.judged.ours

    def _mark(self, found: Look, mark: Mark) -> None:
        found.set_mark(mark.pack(self._key))
        found.judged = Judged(found.judged.standing, mark)


@contextmanager
def opened(root: Root, path: bytes, key: bytes) -> Iterator[Opened]:
    """Open a path to change its metadata; raises `NoAttributes` or OSError."""
    mode = root.stat(path).st_mode
    if modes.S_ISDIR(mode):
        fd = root.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield Opened(fd, key)
        finally:
            os.close(fd)
    elif modes.S_ISREG(mode):
        try:
            found = look(root, path, key)
        except NotRegular:
            raise NoAttributes("it was replaced meanwhile") from None
        with found:
            yield Opened(-1, key, found)
    else:
        kind = "a symbolic link" if modes.S_ISLNK(mode) else "a device, fifo or socket"
        raise NoAttributes(f"it is {kind}")
