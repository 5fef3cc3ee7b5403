"""Paths as bytes beneath a named root, what can become of one, and the classes of error that say why."""

import base64
import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TypeAlias


class Kind(IntEnum):
    """The type of a directory entry, as a rule names it."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3
    OTHER = 4
    """A fifo, a socket or a device."""
    MISSING = 5
    """A path that was asked for and is not there."""


class Code(IntEnum):
    """What became of one path in one task, as one byte."""

    NONE = 0
    """Not a path of this task, or no outcome yet."""
    PROCESSED = 1
    ALREADY = 2
    """Processed: the wished state held before."""
    FAILED = 3
    SKIPPED = 4
    """Not for this step: no error."""
    ABORTED = 5
    """Deliberately not done: no error."""


class Outcome(StrEnum):
    """What became of one path, in the words that people see."""

    PROCESSED = "processed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ABORTED = "aborted"
    UNKNOWN = "unknown"
    """Its task ended FAILURE."""
    NOT_RUN = "not_run"
    """Its task was cancelled or skipped."""


OUTCOME_OF: Mapping[Code, Outcome] = MappingProxyType(
    {
        Code.PROCESSED: Outcome.PROCESSED,
        Code.ALREADY: Outcome.PROCESSED,
        Code.FAILED: Outcome.FAILED,
        Code.SKIPPED: Outcome.SKIPPED,
        Code.ABORTED: Outcome.ABORTED,
    }
)


class ErrorClass(StrEnum):
    """What an error means for what should be done next."""

    PERMANENT = "permanent"
    """Trying again changes nothing until somebody mends the cause."""
    TRANSIENT = "transient"
    """Trying again later may work."""
    NO_SPACE = "no_space"
    """The place is full."""
    ARCHIVED = "archived"
    """It lies in an archive, and has to be brought back before it can be read: that was asked for."""
    NO_PERMISSION = "no_permission"
    """The worker may not do this."""


Carry: TypeAlias = bytes
"""What a step hands on for a path; named, since `bytes` is a field of `PathOutcome`."""


@dataclass(frozen=True, slots=True)
class PathOutcome:
    """What became of one path of a task, as a step says it.

    `index` is the path's place in its batch. `reason` is one sentence for people, given for every code but
    PROCESSED and ALREADY. `bytes` is the data moved. `carry` is handed to the next step of the chain, for a
    processed path only. `error_name` is what the system or the store calls the error: `ESTALE`, `503 SlowDown`.
    """

    index: int
    code: Code
    reason: str = ""
    error_class: ErrorClass | None = None
    bytes: int = 0
    carry: Carry | None = None
    error_name: str = ""


def printable(path: bytes) -> str:
    """A path for people's eyes: UTF-8, with other bytes and control characters written as `\\xNN`."""
    text = path.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))


def as_base64(path: bytes) -> str:
    """A path exactly, in base64."""
    return base64.b64encode(path).decode("ascii")


def is_beneath(path: bytes, ancestor: bytes) -> bool:
    """Whether a relative path is `ancestor` or lies under it; b"" is the root itself."""
    return not ancestor or path == ancestor or path.startswith(ancestor + b"/")


def is_clean(path: bytes) -> bool:
    """Whether a relative path is normal: no leading or doubled slash, no `.` or `..`, no NUL; b"" is the root."""
    if path == b"":
        return True
    if len(path) > 4096 or b"\0" in path:
        return False
    between = b"/%b/" % path
    return not (b"//" in between or b"/./" in between or b"/../" in between)


def depth(path: bytes) -> int:
    """The number of components of a relative path."""
    return path.count(b"/") + 1 if path else 0


def reason_of(error: OSError, doing: str) -> str:
    """One sentence for people: what was being done, and what the system said."""
    if error.errno == errno.ELOOP:
        # The system speaks of too many links, though it has met one: where we open, none is followed.
        return f"{doing}: it was replaced by a symbolic link meanwhile, or a directory above it is one"
    return f"{doing}: {os.strerror(error.errno) if error.errno else error}"
