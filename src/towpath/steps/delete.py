"""The step that deletes files, symbolic links and directories."""

import errno
import os
import stat as modes
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import ClassVar

from towpath.domain.catalogue import DELETE, StepSpec
from towpath.domain.paths import ErrorClass, Kind, PathOutcome, printable
from towpath.steps.outcomes import GONE, already, failed, missing, processed
from towpath.steps.protocol import Context, Item

ROOT = "it is the root of the site, which is never deleted"
OTHER = "something else stands there now"


class Crossing(Exception):
    """A directory in a tree is another file system's: nothing was deleted in it."""

    def __init__(self, name: bytes) -> None:
        super().__init__(f"'{printable(name)}' in it is on another file system, which is never deleted from")


class Delete:
    """Deletes each path: a file (a stub too; the hub deletes its object), a symbolic link, an empty directory.

    - `recursive`: a directory goes with all that it holds; symbolic links in it go, and are never followed, and
      nothing on another file system is touched.
    - `abort_missing`: a path that is not there counts as aborted rather than failed.

    The root of a site is never deleted. A path that became another kind of thing since it was found is not
    deleted.
    """

    spec: ClassVar[StepSpec] = DELETE

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Delete the paths; see the class."""
        return context.each(_Run(context).work, context.items)

    def foresee(self, context: Context) -> Iterator[PathOutcome]:
        """Which paths would go; a directory counts as one that is empty by then."""
        return context.each(_Run(context).foresee, context.items)


class _Run:
    """One task."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._recursive: bool = context.arguments["recursive"]
        self._abort_missing: bool = context.arguments["abort_missing"]

    def work(self, item: Item) -> PathOutcome:
        """One path."""
        if not item.path:
            return failed(item, ROOT)
        try:
            return self._delete(item)
        except GONE:
            # A run that died after it had deleted a path could not tell: what is gone then is done, not amiss.
            return already(item) if self._context.again else missing(item, abort=self._abort_missing)
        except Crossing as error:
            return failed(item, str(error))

    def foresee(self, item: Item) -> PathOutcome:
        """What would become of one path."""
        if not item.path:
            return failed(item, ROOT)
        try:
            found = self._context.root.stat(item.path)
        except GONE:
            return missing(item, abort=self._abort_missing)
        return (
            processed(item)
            if _is_still(item.kind, found.st_mode)
            else failed(item, OTHER, ErrorClass.TRANSIENT)
        )

    def _delete(self, item: Item) -> PathOutcome:
        with self._context.root.holding(item.path) as (directory, name):
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if not _is_still(item.kind, found.st_mode):
                return failed(item, OTHER, ErrorClass.TRANSIENT)
            if not modes.S_ISDIR(found.st_mode):
                self._context.confirm()
                os.unlink(name, dir_fd=directory)
                return processed(item)
            return self._directory(item, directory, name, found.st_dev)

    def _directory(self, item: Item, directory: int, name: bytes, device: int) -> PathOutcome:
        if device != os.fstat(directory).st_dev:
            return failed(item, "it is the root of another file system")
        if self._recursive:
            _empty(directory, name, device, self._may_go_on)
        self._context.confirm()
        try:
            os.rmdir(name, dir_fd=directory)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            why = "something was put into it meanwhile" if self._recursive else "it is not empty"
            return failed(item, why, ErrorClass.TRANSIENT if self._recursive else ErrorClass.PERMANENT)
        return processed(item)

    def _may_go_on(self) -> None:
        self._context.go_on()
        self._context.confirm()


def _is_still(kind: Kind, mode: int) -> bool:
    """Whether a path is still of the kind that was found."""
    match kind:
        case Kind.DIRECTORY:
            return modes.S_ISDIR(mode)
        case Kind.SYMLINK:
            return modes.S_ISLNK(mode)
        case Kind.FILE:
            return modes.S_ISREG(mode)
        case _:
            return not modes.S_ISDIR(mode)


def _empty(parent: int, name: bytes, device: int, may_go_on: Callable[[], None]) -> None:
    """Delete all that a directory holds, deepest first, with one descriptor however deep it is."""
    fd = _enter(parent, name, device)
    trail: list[tuple[bytes, int]] = []
    """The directories below the first one: each one's name, and the inode of the one that holds it."""
    try:
        while True:
            below = _clear(fd, may_go_on)
            if below is not None:
                trail.append((below, os.fstat(fd).st_ino))
                fd = _go(fd, _enter(fd, below, device))
            elif trail:
                left, above = trail.pop()
                fd = _go(fd, _climb(fd, above))
                with suppress(FileNotFoundError):
                    _remove_if_empty(fd, left)
            else:
                return
    finally:
        os.close(fd)


def _clear(fd: int, may_go_on: Callable[[], None]) -> bytes | None:
    """Delete what is no directory; the name of a directory that is left, None where nothing is."""
    with os.scandir(fd) as entries:
        for entry in entries:
            may_go_on()
            if entry.is_dir(follow_symlinks=False):
                return os.fsencode(entry.name)
            with suppress(FileNotFoundError):
                os.unlink(entry.name, dir_fd=fd)
    return None


def _enter(parent: int, name: bytes, device: int) -> int:
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    if os.fstat(fd).st_dev != device:
        os.close(fd)
        raise Crossing(name)
    return fd


def _climb(fd: int, inode: int) -> int:
    """The directory above, if that is still the one that we came from."""
    above = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    if os.fstat(above).st_ino != inode:
        os.close(above)
        raise OSError(errno.EBUSY, "a directory in it was moved away meanwhile")
    return above


def _go(left: int, entered: int) -> int:
    os.close(left)
    return entered


def _remove_if_empty(fd: int, name: bytes) -> None:
    """What came into it meanwhile is found by the next pass."""
    try:
        os.rmdir(name, dir_fd=fd)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
