"""Freeing a file's data: the only place that punches, under a lease and after all has been looked at again."""

import ctypes
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from towpath.hsm import mark as marks
from towpath.hsm.lease import NOBODY, Answer, is_wanted, leased
from towpath.hsm.look import Look, write_mark
from towpath.hsm.mark import HEAD_UNIT, LARGEST_HEAD, Mark, State

_PIECE: Final = 1024 * 1024
CAPABILITY: Final = "security.capability"
_KEEP_SIZE_AND_PUNCH_HOLE: Final = 0x01 | 0x02
_fallocate = ctypes.CDLL(None, use_errno=True).fallocate
_fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
_fallocate.restype = ctypes.c_int


class Kept(StrEnum):
    """Why a file's data was not freed."""

    IN_USE = "the file is open or mapped in some program"
    LINKED = "the file has further hard links"
    CHANGED = "the file was changed meanwhile"
    NO_LEASES = "its data stays: no lease can be had on it here, so nobody can tell whether it is in use"
    NO_HOLES = "its data stays: the file system cannot punch holes"
    NOT_FREED = "the file system did not give up the data; recall brings the file back"


@dataclass(frozen=True, slots=True)
class Freeing:
    """How to free: the site's key, the bytes to keep at the head, and who must say yes at the last moment."""

    key: bytes
    head: int
    confirm: Callable[[], None]


def head_of(wanted: int, block: int) -> int:
    """The bytes that a stub keeps at its start, where `wanted` are to be kept: whole blocks."""
    unit = max(HEAD_UNIT, block)
    return -(-wanted // unit) * unit


def is_all_head(size: int, wanted: int, block: int) -> bool:
    """Whether a file is so small that a stub of it would keep all of its data."""
    return size <= head_of(wanted, block)


def free(found: Look, mark: Mark, freeing: Freeing) -> Kept | None:
    """Free the data of a file whose verified copy `mark` tells of, and close it to readers; None once done.

    The mark says FREEING before the first byte goes and OFFLINE after the last: whatever interrupts us, what is
    left is told from a whole file. An opener who waits for the lease ends it all before the punch.
    """
    if found.stat.st_nlink > 1:
        return Kept.LINKED
    if head_of(freeing.head, found.stat.st_blksize) > LARGEST_HEAD:
        raise ValueError(f"bytes kept at the head: expected at most {LARGEST_HEAD}, found {freeing.head}")
    return _alone(found, lambda: _free(found, mark, freeing))


def hollow(found: Look, head: int, confirm: Callable[[], None]) -> Kept | None:
    """Make a hole of the zeros that stand behind `head` in a copy of a stub, made by who knows no holes; None once
    done, CHANGED where there is anything but zeros."""
    return _alone(found, lambda: _hollow(found, head, confirm))


def _alone(found: Look, work: Callable[[], Kept | None]) -> Kept | None:
    """Work on a file while nobody else has it open or mapped."""
    try:
        found.reopen_to_write()
    except OSError as error:
        if error.errno in (errno.ETXTBSY, errno.EAGAIN):
            return Kept.IN_USE
        raise
    with leased(found.fd, NOBODY) as answer:
        if answer is not Answer.HELD:
            return Kept.IN_USE if answer is Answer.IN_USE else Kept.NO_LEASES
        return work()


def _hollow(found: Look, head: int, confirm: Callable[[], None]) -> Kept | None:
    fd, now = found.fd, os.fstat(found.fd)
    told = (found.stat.st_size, found.stat.st_mtime_ns)
    if (now.st_size, now.st_mtime_ns) != told or not has_only_zeros_from(fd, head):
        return Kept.CHANGED
    confirm()
    if not punch(fd, head, now.st_size, now.st_blksize):
        return Kept.NO_HOLES
    os.utime(fd, ns=(now.st_atime_ns, now.st_mtime_ns))
    return Kept.NOT_FREED if has_bytes_from(fd, head) else None


def _free(found: Look, mark: Mark, freeing: Freeing) -> Kept | None:
    fd, now = found.fd, os.fstat(found.fd)
    if now.st_nlink > 1:
        return Kept.LINKED
    if not _is_untouched(fd, now, mark, freeing.key):
        return Kept.CHANGED
    freeing.confirm()
    mode, head = now.st_mode & 0o7777, head_of(freeing.head, now.st_blksize)
    going = mark.freeing(head, mode)
    write_mark(fd, going.pack(freeing.key), found.names, mode)
    os.fchmod(fd, 0)
    # Who passed the check of the permission bits before they changed waits for the lease by now.
    if is_wanted(fd, NOBODY):
        return _leave(found, mark, freeing.key, mode, Kept.IN_USE)
    capability = os.getxattr(fd, CAPABILITY) if CAPABILITY in found.names else None
    if not punch(fd, head, now.st_size, now.st_blksize):
        return _leave(found, mark, freeing.key, mode, Kept.NO_HOLES)
    if capability is not None:  # The kernel takes it away from a file that is written to.
        os.setxattr(fd, CAPABILITY, capability)
    os.utime(fd, ns=(now.st_atime_ns, mark.mtime_ns))
    if has_bytes_from(fd, head):
        return Kept.NOT_FREED
    write_mark(fd, going.become(State.OFFLINE).pack(freeing.key), found.names, 0)
    return None


def _is_untouched(fd: int, now: os.stat_result, mark: Mark, key: bytes) -> bool:
    """Whether the file, its mode and the mark on it are still those that the mark was made for."""
    told = (mark.inode, mark.size, mark.mtime_ns)
    if (now.st_ino, now.st_size, now.st_mtime_ns) != told:
        return False
    try:
        return marks.read(fd, (marks.TRUSTED,) if marks.SETS_TRUSTED else (marks.USER,)) == mark.pack(key)
    except OSError:
        return marks.read(fd, os.listxattr(fd)) == mark.pack(key)


def _leave(found: Look, mark: Mark, key: bytes, mode: int, why: Kept) -> Kept:
    """Put all back as it was, nothing having been punched."""
    os.fchmod(found.fd, mode)
    write_mark(found.fd, mark.pack(key), found.names, mode)
    return why


def punch(fd: int, head: int, size: int, block: int) -> bool:
    """Free the blocks from `head` to the end, keeping the size; False where the file system cannot."""
    end = -(-size // block) * block
    while _fallocate(fd, _KEEP_SIZE_AND_PUNCH_HOLE, head, end - head) != 0:
        number = ctypes.get_errno()
        if number in (errno.EOPNOTSUPP, errno.ENOSYS):
            return False
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
    return True


def has_bytes_from(fd: int, start: int) -> bool:
    """Whether the file has any data, rather than a hole, at or behind `start`."""
    try:
        os.lseek(fd, start, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return False
        raise
    return True


def has_only_zeros_from(fd: int, start: int) -> bool:
    """Whether a reader gets nothing but zeros from `start` on."""
    while piece := os.pread(fd, _PIECE, start):
        if piece.count(0) != len(piece):
            return False
        start += len(piece)
    return True
