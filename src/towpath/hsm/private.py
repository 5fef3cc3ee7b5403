"""Private files: what is made beside its place under a name of its own, and takes its place in one move."""

import errno
import fcntl
import os
import re
import stat as modes
from collections.abc import Callable
from enum import Enum
from hashlib import blake2b
from typing import Final

from towpath.hsm import mark as marks
from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Mark, Reference, Standing, State
from towpath.storage.renames import EXCHANGE, NO_REPLACE, rename
from towpath.storage.roots import Holds, Root

_NAME: Final = re.compile(rb"(?:.*/)?\.towpath-[0-9a-f]{16}\.part", re.DOTALL)
NOTHING: Final = Reference(bytes(4), bytes(10), 0)
_RACES: Final = 8


class Busy(Exception):
    """Another run is making the same file now."""


class NotOurs(Exception):
    """Where the private file would stand is one that we have not made."""


class Swapped(Enum):
    """What became of a swap."""

    DONE = 1
    OTHER = 2
    """Another file than the one expected stood in the place; it stands there still."""


def name_beside(name: bytes) -> bytes:
    """The name of the private file for what is to be called `name` in the same directory: always the same."""
    return b".towpath-%s.part" % blake2b(name, digest_size=8).hexdigest().encode()


def is_private(path: bytes) -> bool:
    """Whether a path has the name of a private file."""
    return _NAME.fullmatch(path) is not None


def under_way(found: os.stat_result) -> Mark:
    """The mark of a private file of which nothing more is to be told."""
    return Mark.of(State.PRIVATE, NOTHING, found)


def create(root: Root, path: bytes, key: bytes, mark: Callable[[os.stat_result], Mark] = under_way) -> int:
    """A new private file beside `path`, empty, locked and marked as ours: its descriptor.

    `mark` makes its mark of its stat: one in the state PRIVATE, with the reference of the record whose data it is to
    get, can be found by `take_up`; the mark that the file is to have in its place does as well, since whatever its
    state, a mark made for this very file tells that it is ours.

    One that an earlier run left is removed first. Raises `Busy` or `NotOurs`, or OSError.
    """
    parent, slash, name = path.rpartition(b"/")
    beside = parent + slash + name_beside(name)
    for _ in range(_RACES):
        try:
            fd = root.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            reclaim(root, beside, key)
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(fd)
            if found.st_nlink == 0:  # Somebody took it for a leftover before we had locked it.
                os.close(fd)
                continue
            marks.write(fd, mark(found).pack(key))
        except BlockingIOError:
            os.close(fd)
            raise Busy from None
        except BaseException:
            os.close(fd)
            _unlink(root, beside)
            raise
        return fd
    raise Busy


def take_up(root: Root, path: bytes, key: bytes, reference: Reference) -> int | None:
    """The private file beside `path` that an earlier run has begun to fill with that record's data, locked; None where
    there is none such. Raises `Busy` while a run is at work on it."""
    parent, slash, name = path.rpartition(b"/")
    try:
        fd = root.open(parent + slash + name_beside(name), os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_begun(fd, key, reference):
            return fd
    except BlockingIOError:
        os.close(fd)
        raise Busy from None
    os.close(fd)
    return None


def _is_begun(fd: int, key: bytes, reference: Reference) -> bool:
    found = os.fstat(fd)
    packed = marks.read(fd, os.listxattr(fd)) if modes.S_ISREG(found.st_mode) else None
    if packed is None or not found.st_nlink:
        return False
    try:
        mark = marks.unpack(packed, key)
    except marks.Malformed:
        return False
    return (mark.state, mark.inode, mark.reference) == (State.PRIVATE, found.st_ino, reference)


def link(root: Root, path: bytes, source: int, key: bytes) -> None:
    """Let the private name beside `path` be one more name of a managed file that is open.

    One that an earlier run left is removed first; its mark tells that it may be. Raises `Busy`, `NotOurs`, OSError.
    """
    parent, slash, name = path.rpartition(b"/")
    beside = parent + slash + name_beside(name)
    reclaim(root, beside, key)
    try:
        name_again(root, beside, source)
    except FileExistsError:
        raise Busy from None


def name_again(root: Holds, path: bytes, source: int) -> None:
    """Give the open file `source` one more name, where nothing stands; raises FileExistsError and other OSErrors."""
    with root.holding(path) as (directory, name):
        os.link(f"/proc/self/fd/{source}", name, dst_dir_fd=directory, follow_symlinks=True)


def reclaim(root: Root, path: bytes, key: bytes) -> None:
    """Remove a private file that an earlier run left.

    Raises `Busy` while a run is at work on it, and `NotOurs` where it is none of ours: it has bytes, but no mark
    of this site made for it. Where there is none (any more), nothing happens.
    """
    try:
        found = look(root, path, key)
    except FileNotFoundError:
        return
    except NotRegular:
        raise NotOurs from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        _unlink(root, path)  # A symbolic link holds nothing that could be lost.
        return
    with found:
        try:
            fcntl.flock(found.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
        if not _is_ours(found.stat, found.packed, key):
            raise NotOurs
        with root.holding(path) as (directory, name):
            if _inode(directory, name) == found.stat.st_ino:
                os.unlink(name, dir_fd=directory)


def _is_ours(found: os.stat_result, packed: bytes | None, key: bytes) -> bool:
    if packed is None:
        return found.st_size == 0
    try:
        return marks.unpack(packed, key).inode == found.st_ino
    except marks.Malformed:
        return False


def swap(root: Holds, path: bytes, expected: int) -> Swapped:
    """Let the private file beside `path` take its place, where the file of that inode stands; that one goes.

    The two change places, and only then the old one is removed: if somebody put another file there in the last
    moment, it is put back. Raises FileNotFoundError where nothing stands there any more.
    """
    with root.holding(path) as (directory, name):
        beside = name_beside(name)
        if not _rename(directory, beside, name, EXCHANGE):
            if _inode(directory, name) != expected:
                return Swapped.OTHER
            os.rename(beside, name, src_dir_fd=directory, dst_dir_fd=directory)
            return Swapped.DONE
        if _inode(directory, beside) != expected:
            _rename(directory, beside, name, EXCHANGE)
            return Swapped.OTHER
        os.unlink(beside, dir_fd=directory)
    return Swapped.DONE


def doom(found: Look, key: bytes) -> None:
    """Mark a file that is about to be replaced, so that `reclaim` knows what a death between the two moves of a
    swap leaves. A mark that stands there is left: without it, a stub would pass for a file."""
    if found.judged.standing is Standing.RESIDENT or (
        found.judged.standing is Standing.MODIFIED and not _is_ours(found.stat, found.packed, key)
    ):
        found.set_mark(Mark.of(State.PRIVATE, NOTHING, found.stat).pack(key))


def place(root: Holds, path: bytes) -> None:
    """Let the private file beside `path` take its place, where nothing stands; raises FileExistsError."""
    with root.holding(path) as (directory, name):
        beside = name_beside(name)
        if not _rename(directory, beside, name, NO_REPLACE):
            os.link(beside, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
            os.unlink(beside, dir_fd=directory)


def abandon(root: Root, path: bytes, fd: int) -> None:
    """Remove the private file beside `path`, if it is still the one that `fd` is, and close it."""
    try:
        with root.holding(path) as (directory, name):
            beside = name_beside(name)
            if _inode(directory, beside) == os.fstat(fd).st_ino:
                os.unlink(beside, dir_fd=directory)
    except FileNotFoundError:
        pass
    finally:
        os.close(fd)


def _inode(directory: int, name: bytes) -> int | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False).st_ino
    except FileNotFoundError:
        return None


def _unlink(root: Root, path: bytes) -> None:
    with root.holding(path) as (directory, name):
        os.unlink(name, dir_fd=directory)


def _rename(directory: int, old: bytes, new: bytes, flags: int) -> bool:
    """Rename within a directory; False where the kernel or the file system does not know the flags."""
    return rename((directory, old), (directory, new), flags)
