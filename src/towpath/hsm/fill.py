"""Filling a stub: its data goes into a private file beside it, is checked there, and takes the stub's place."""

import os
import stat as modes
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from towpath.domain.paths import ErrorClass
from towpath.hsm import private
from towpath.hsm.arrival import USUAL, Ranges, goes_in_ranges, write
from towpath.hsm.lease import NO_WRITER, Answer, leased
from towpath.hsm.look import WINDOWS, Attributes, Look, erase_mark, look, write_mark
from towpath.hsm.mark import Mark, Standing, State
from towpath.hsm.metadata import AS_RECORDED, Owners, allowed_mode, set_attributes, set_owner
from towpath.hsm.record import Record, is_signed
from towpath.hsm.stub import CAPABILITY, has_bytes_from
from towpath.storage.protocol import Corrupt, GivenUp, Storage, StorageError
from towpath.storage.roots import Holds, Root

_PIECE: Final = 1024 * 1024


class NotFilled(StrEnum):
    """Why a stub was not filled."""

    EDITED = "the stub was written to while its data was away: what stands here and the object are both kept"
    CHANGED = "the stub was changed while its data was brought"
    GONE = "the stub was removed while its data was brought"
    IN_USE = "some program has the stub open for writing"
    NO_LEASES = "no lease can be had here to keep writers out (lock_level none goes on without one)"
    BUSY = "another run is bringing its data now"
    NOT_OURS = "a file that is not ours stands where its private file would be made"
    OTHER_RECORD = "its mark leads to the record of a file of another size"


@dataclass(frozen=True, slots=True)
class Filling:
    """How to fill: the site's key, who must say yes at the last moment, who hears of bytes, who may end it between
    two pieces by an exception, and the wishes."""

    key: bytes
    confirm: Callable[[], None]
    progress: Callable[[int], None]
    go_on: Callable[[], None]
    lease: bool = True
    """Keep writers out of the stub while the files change places."""
    skip_hash: bool = False
    forget: bool = False
    """The file becomes resident."""
    touch_atime: bool = False
    touch_mtime: bool = False
    owners: Owners = AS_RECORDED
    ranges: Ranges = USUAL


@dataclass(frozen=True, slots=True)
class Filled:
    """The whole file under its private name beside the stub that was found, complete, but not yet synced."""

    root: Root
    path: bytes
    found: Look
    fd: int
    mode: int
    how: Filling

    def abandon(self) -> None:
        """Remove the private file; the stub stays."""
        private.abandon(self.root, self.path, self.fd)


def fill(
    root: Root, path: bytes, found: Look, record: Record, storage: Storage, how: Filling
) -> NotFilled | None:
    """Bring a stub's data back; None once the whole file stands in its place.

    Nothing but the private file is written before all has been checked: the bytes against the record, what is
    left in the stub against the bytes, and the stub against what it was. Raises `Corrupt` where the bytes are
    not those of the record. Of a large file that does not arrive whole, since it is given up or by what may pass, what
    has come stays in the private file for the next run, unless the bytes are not to be compared.
    """
    filled = prepare(root, path, found, record, storage, how)
    if isinstance(filled, NotFilled):
        return filled
    try:
        os.fdatasync(filled.fd)
    except BaseException:
        filled.abandon()
        raise
    return finish(filled)


def prepare(
    root: Root, path: bytes, found: Look, record: Record, storage: Storage, how: Filling
) -> Filled | NotFilled:
    """The first part of `fill`: the private file, which the caller syncs before it is to `finish`, or abandons."""
    mark = found.judged.ours
    if record.size != mark.size:
        return NotFilled.OTHER_RECORD
    if _is_written_to(found, mark):
        return NotFilled.EDITED
    source = _From(storage, record)
    try:
        fd = _arrived(root, path, mark, source, how)
    except private.Busy:
        return NotFilled.BUSY
    except private.NotOurs:
        return NotFilled.NOT_OURS
    try:
        if _agree(found.fd, fd, mark.size):
            how.go_on()
            return Filled(root, path, found, fd, _dress(fd, found, source, how), how)
    except BaseException:
        private.abandon(root, path, fd)
        raise
    private.abandon(root, path, fd)
    return NotFilled.EDITED


def finish(filled: Filled, parents: Holds | None = None) -> NotFilled | None:
    """The last part of `fill`: let the file, which is on disk by now, take the stub's place, and close it."""
    placed = False
    try:
        refused = _take_place(parents or filled.root, filled)
        placed = refused is None
        if placed and filled.how.forget:
            erase_mark(filled.fd, filled.mode)
        return refused
    finally:
        if placed:
            os.close(filled.fd)
        else:
            filled.abandon()


@dataclass(frozen=True, slots=True)
class _From:
    storage: Storage
    record: Record


def _arrived(root: Root, path: bytes, mark: Mark, source: _From, how: Filling) -> int:
    """The private file beside `path` with all of the object's data, gone on with where an earlier run left it."""
    may_stay = goes_in_ranges(source.storage, source.record, how) and not how.skip_hash
    fd = private.take_up(root, path, how.key, mark.reference) if may_stay else None
    if fd is None:
        first = _whole_from_the_first if _is_marked_once(source, how) else _under_way
        fd = private.create(root, path, how.key, partial(first, mark))
    try:
        write(fd, source.storage, source.record, how)
    except BaseException as error:
        if may_stay and _may_pass(error):
            os.close(fd)
        else:
            private.abandon(root, path, fd)
        raise
    return fd


def _is_marked_once(source: _From, how: Filling) -> bool:
    """Whether the private file bears from the first the mark that it is to have in its place.

    A private name is all that is looked at while it has one; a large file is found by its first mark, and what the
    file system makes of the time of now is told only by the file.
    """
    return not (how.forget or how.touch_mtime or goes_in_ranges(source.storage, source.record, how))


def _whole_from_the_first(mark: Mark, found: os.stat_result) -> Mark:
    mode = modes.S_IMODE(found.st_mode)
    return Mark(State.PREMIGRATED, mark.reference, found.st_ino, mark.size, mark.mtime_ns, mode)


def _under_way(mark: Mark, found: os.stat_result) -> Mark:
    return Mark.of(State.PRIVATE, mark.reference, found)


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, StorageError):
        return error.error_class is ErrorClass.TRANSIENT and not isinstance(error, Corrupt)
    return isinstance(error, GivenUp)


def share(root: Root, path: bytes, found: Look, whole: Look, how: Filling) -> NotFilled | None:
    """Let a stub's name be one more of the whole file that another of its names has become.

    The same is looked at as in `fill`: what is left in the stub must be the same in the file.
    """
    if _is_written_to(found, found.judged.ours) or not _agree(found.fd, whole.fd, found.stat.st_size):
        return NotFilled.EDITED
    try:
        private.link(root, path, whole.fd, how.key)
    except private.Busy:
        return NotFilled.BUSY
    except private.NotOurs:
        return NotFilled.NOT_OURS
    try:
        return _take_place(root, Filled(root, path, found, whole.fd, 0, how))
    finally:
        private.abandon(root, path, os.dup(whole.fd))


def _is_written_to(found: Look, mark: Mark) -> bool:
    """Whether a stub has data where it had a hole; of one left half freed, only its data can tell."""
    edited = found.judged.standing is Standing.EDITED
    return edited or (mark.state is State.OFFLINE and has_bytes_from(found.fd, mark.head))


# Comparing ---------------------------------------------------------------------------------------------------


def _agree(stub: int, whole: int, size: int) -> bool:
    """Whether what data there is in the stub is the same in the whole file."""
    for start, end in _extents(stub, size):
        for offset in range(start, end, _PIECE):
            length = min(_PIECE, end - offset)
            if os.pread(stub, length, offset) != os.pread(whole, length, offset):
                return False
    return True


def _extents(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a file has data: (start, end) of each stretch."""
    end = 0
    while end < size and has_bytes_from(fd, end):
        start = os.lseek(fd, end, os.SEEK_DATA)
        end = min(size, os.lseek(fd, start, os.SEEK_HOLE))
        if start >= end:
            return
        yield start, end


# The rest of the file -----------------------------------------------------------------------------------------


def _dress(fd: int, found: Look, source: _From, how: Filling) -> int:
    """Give the private file all that the stub has, and the mode it had; returns that mode.

    Owner, attributes and times are the stub's own, so that what somebody changed there meanwhile stays; so is
    the mode, if somebody has set one.
    """
    stub, mark = found.stat, found.judged.ours
    set_owner(fd, stub.st_uid, stub.st_gid, how.owners, strict=True)
    set_attributes(fd, found.attributes + _lost_rights(found, source.record, how.key))
    now = time.time_ns()
    atime_ns = now if how.touch_atime else stub.st_atime_ns
    os.utime(fd, ns=(atime_ns, now if how.touch_mtime else mark.mtime_ns))
    chosen = mark.mode if found.mode in (0, *WINDOWS) else found.mode
    if not (how.forget or _is_marked_once(source, how)):
        whole = Mark.of(State.PREMIGRATED, mark.reference, os.fstat(fd))
        write_mark(fd, whole.pack(how.key), (), 0o600)
    mode = allowed_mode(fd, chosen, stub.st_uid, stub.st_gid)
    os.fchmod(fd, mode)
    return mode


def _lost_rights(found: Look, record: Record, key: bytes) -> Attributes:
    """What the punch took from a file that was left half freed: its capabilities, if our own record has them."""
    if found.judged.standing is not Standing.INTERRUPTED or CAPABILITY in found.names:
        return ()
    lost = tuple(pair for pair in record.xattrs if pair[0] == os.fsencode(CAPABILITY))
    return lost if lost and is_signed(record, key) else ()


def _take_place(parents: Holds, filled: Filled) -> NotFilled | None:
    root, path, found, how = filled.root, filled.path, filled.found, filled.how
    with leased(found.fd, NO_WRITER) if how.lease else nullcontext(Answer.HELD) as answer:
        if answer is not Answer.HELD:
            return NotFilled.IN_USE if answer is Answer.IN_USE else NotFilled.NO_LEASES
        try:
            if not _is_as_it_was(root, path, found, filled.fd, how.key):
                return NotFilled.CHANGED
            how.confirm()
            swapped = private.swap(parents, path, found.stat.st_ino)
        except FileNotFoundError:
            return NotFilled.GONE
    return None if swapped is private.Swapped.DONE else NotFilled.CHANGED


def _is_as_it_was(root: Root, path: bytes, found: Look, whole: int, key: bytes) -> bool:
    """Whether the stub is what it was at the first look.

    Where only its change time differs, another look of an ordinary user's worker may have opened its permission
    bits for a moment: then all else is compared, the data that the stub has too.
    """
    now = os.fstat(found.fd)
    if version_of(now) == version_of(found.stat):
        return True
    if _told(now) != _told(found.stat):
        return False
    with look(root, path, key) as again:
        mark = again.judged.mark
        same = again.stat.st_ino == now.st_ino and again.packed == found.packed
        if mark is None or not same or sorted(again.attributes) != sorted(found.attributes):
            return False
        return not _is_written_to(again, mark) and _agree(again.fd, whole, now.st_size)


def _told(found: os.stat_result) -> tuple[int, ...]:
    mode = found.st_mode & 0o7777
    closed = 0 if mode in WINDOWS else mode
    return found.st_size, found.st_mtime_ns, closed, found.st_uid, found.st_gid, found.st_nlink


def version_of(found: os.stat_result) -> tuple[int, int, int, int]:
    """What tells a file as it is from the same one after any change, to its metadata too."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
