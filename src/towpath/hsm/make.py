"""Making a file, a directory or a symbolic link anew from its record: with its data, or as a stub."""

import os
import stat as modes
from dataclasses import dataclass, replace
from typing import Final

from towpath.hsm import private
from towpath.hsm.arrival import write
from towpath.hsm.fill import Filling
from towpath.hsm.look import write_mark
from towpath.hsm.mark import Mark, Reference, State
from towpath.hsm.metadata import Attributes, Owners, allowed_mode, owner_here, set_attributes, set_owner
from towpath.hsm.record import Record, harmless, is_signed
from towpath.hsm.stub import head_of, is_all_head
from towpath.storage.protocol import Storage
from towpath.storage.roots import Root

_DIRECTORY_MODE: Final = 0o777


@dataclass(frozen=True, slots=True)
class Making:
    """How to make files: with their data (`hydrate`), or as stubs that keep `head` bytes."""

    filling: Filling
    hydrate: bool
    head: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file's record stands, and its data."""

    reference: Reference
    storage: Storage


def trusted(record: Record, key: bytes) -> Record:
    """The record, without what may give rights unless this very site has signed it."""
    return record if is_signed(record, key) else harmless(record)


def make_file(root: Root, path: bytes, record: Record, origin: Origin, how: Making) -> int:
    """Make the private file beside `path`, complete with metadata and mark: its descriptor.

    The caller lets it take its place, and abandons it in any case. Raises what `private.create` and the storage
    raise, and `Corrupt` where the data is not the record's.
    """
    fd = private.create(root, path, how.filling.key)
    try:
        _write_file(fd, record, origin, how)
    except BaseException:
        private.abandon(root, path, fd)
        raise
    return fd


def is_whole(record: Record, how: Making, block: int) -> bool:
    """Whether the file is made with all its data: since that is wanted, or it is no larger than a stub's head."""
    return how.hydrate or is_all_head(record.size, how.head, block)


def _write_file(fd: int, record: Record, origin: Origin, how: Making) -> None:
    block = os.fstat(fd).st_blksize
    whole = is_whole(record, how, block)
    head = 0 if whole else head_of(how.head, block)
    if whole:
        write(fd, origin.storage, record, how.filling)
        os.fdatasync(fd)
    else:
        if head:
            _write_head(fd, record, origin.storage, head)
        os.ftruncate(fd, record.size)
    mode = dress(fd, record, how.filling.owners)
    state = State.PREMIGRATED if whole else State.OFFLINE
    mark = replace(Mark.of(state, origin.reference, os.fstat(fd)), mode=mode, head=head)
    write_mark(fd, mark.pack(how.filling.key), (), 0o600)
    os.fchmod(fd, mode if whole else 0)


def _write_head(fd: int, record: Record, storage: Storage, head: int) -> None:
    done = 0
    for piece in storage.get(record.key, 0, head):
        done += os.pwrite(fd, piece, done)


def dress(fd: int, record: Record, owners: Owners) -> int:
    """Set owner, attributes and times as recorded; returns the mode that the file may then have."""
    uid, gid = owner_here(record, owners)
    set_owner(fd, uid, gid, owners, strict=False)
    set_attributes(fd, record.xattrs)
    os.utime(fd, ns=(record.atime_ns, record.mtime_ns))
    return allowed_mode(fd, record.mode, uid, gid)


def dress_like(fd: int, found: os.stat_result, attributes: Attributes, owners: Owners) -> int:
    """Set owner, attributes and times as another file here has them; returns the mode that the file may then have."""
    set_owner(fd, found.st_uid, found.st_gid, owners, strict=False)
    set_attributes(fd, attributes)
    os.utime(fd, ns=(found.st_atime_ns, found.st_mtime_ns))
    return allowed_mode(fd, modes.S_IMODE(found.st_mode), found.st_uid, found.st_gid)


def make_parents(root: Root, path: bytes) -> bool:
    """Make the directories above a path, those that are not there, with the usual mode; whether the lowest is new."""
    parts, made = path.split(b"/")[:-1], False
    for depth in range(1, len(parts) + 1):
        made = make_directory(root, b"/".join(parts[:depth]))
    return made


def make_directory(root: Root, path: bytes) -> bool:
    """Make a directory with the usual mode; False where one stands there already.

    Raises FileExistsError where something else does.
    """
    with root.holding(path) as (directory, name):
        try:
            os.mkdir(name, _DIRECTORY_MODE, dir_fd=directory)
        except FileExistsError:
            os.close(root.open(path, os.O_PATH | os.O_DIRECTORY))
            return False
    return True


def dress_directory(root: Root, path: bytes, record: Record, owners: Owners) -> bool:
    """Give a directory the recorded mode, owner, attributes and times; False where it had them already."""
    fd = root.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = os.fstat(fd)
        uid, gid = owner_here(record, owners)
        told = (found.st_mode & 0o7777, found.st_uid, found.st_gid, found.st_mtime_ns)
        if told == (record.mode, uid, gid, record.mtime_ns):
            return False
        dress(fd, record, owners)
        os.fchmod(fd, record.mode)
        return True
    finally:
        os.close(fd)


def make_link(root: Root, path: bytes, record: Record, owners: Owners) -> None:
    """Make a symbolic link where nothing stands, with owner and times; raises FileExistsError."""
    with root.holding(path) as (directory, name):
        _link(directory, name, record, owners)


def replace_link(root: Root, path: bytes, record: Record, expected: int, how: Filling) -> private.Swapped:
    """Make a symbolic link in the place of the file or link of that inode."""
    parent, slash, last = path.rpartition(b"/")
    beside = parent + slash + private.name_beside(last)
    private.reclaim(root, beside, how.key)
    with root.holding(beside) as (directory, name):
        _link(directory, name, record, how.owners)
    try:
        how.confirm()
        return private.swap(root, path, expected)
    finally:
        private.reclaim(root, beside, how.key)


def _link(directory: int, name: bytes, record: Record, owners: Owners) -> None:
    os.symlink(record.link, name, dir_fd=directory)
    uid, gid = owner_here(record, owners)
    if os.geteuid() == 0:
        os.chown(name, uid, gid, dir_fd=directory, follow_symlinks=False)
    os.utime(name, ns=(record.atime_ns, record.mtime_ns), dir_fd=directory, follow_symlinks=False)
