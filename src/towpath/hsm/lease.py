"""Leases on open files: how we learn that nobody else has one open or mapped, and keep it so for a moment."""

import errno
import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Final

NOBODY: Final = fcntl.F_WRLCK
"""Granted only while no other descriptor or mapping of the file exists."""
NO_WRITER: Final = fcntl.F_RDLCK
"""Granted, on a descriptor that only reads, only while none exists that may write."""


class Answer(Enum):
    """What became of asking for a lease."""

    HELD = 1
    IN_USE = 2
    """Another descriptor or mapping stands against it."""
    NONE = 3
    """There are none to be had: not on this file system, or not by us on another's file."""


MOMENTS: Final = (0.001, 0.004, 0.016)
"""Seconds after which a file that seems to be in use is asked for again. A program that this very process is starting,
in another thread, has all our open descriptors until it is that program: for a moment, and no use of the file."""


@contextmanager
def leased(fd: int, kind: int, pause: Callable[[float], None] = time.sleep) -> Iterator[Answer]:
    """Hold a lease, if it is to be had; it is let go at the end, whatever happens.

    Who opens the file meanwhile waits, for as long as /proc/sys/fs/lease-break-time says, and the kernel sends
    SIGIO, which the process must ignore.
    """
    answer = _take(fd, kind)
    for seconds in MOMENTS:
        if answer is Answer.IN_USE:
            pause(seconds)
            answer = _take(fd, kind)
    try:
        yield answer
    finally:
        if answer is Answer.HELD:
            release(fd)


def release(fd: int) -> None:
    """Let a lease go; where none is held any more, nothing happens."""
    with suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def is_wanted(fd: int, kind: int) -> bool:
    """Whether somebody waits for the lease to be let go, or it is gone."""
    return fcntl.fcntl(fd, fcntl.F_GETLEASE) != kind


def has_writer(fd: int) -> bool:
    """Whether some other descriptor or mapping may write to the file now; True where that cannot be told."""
    answer = _take(fd, NO_WRITER)
    if answer is Answer.HELD:
        release(fd)
    return answer is not Answer.HELD


def _take(fd: int, kind: int) -> Answer:
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, kind)
    except OSError as error:
        return Answer.IN_USE if error.errno in (errno.EAGAIN, errno.EBUSY) else Answer.NONE
    return Answer.HELD
