"""The outcomes that steps give, each with its words."""

from collections.abc import Iterator

from towpath.domain.error_table import class_of_errno, name_of_errno
from towpath.domain.paths import Code, ErrorClass, Kind, PathOutcome, reason_of
from towpath.steps.protocol import Context, Item
from towpath.storage.protocol import StorageError

GONE = (FileNotFoundError, NotADirectoryError)
"""What the system says of a path that is not there: it, or a directory above it, is missing."""


def processed(item: Item, moved: int = 0, carry: bytes | None = None) -> PathOutcome:
    """Done, with so many bytes moved."""
    return PathOutcome(item.index, Code.PROCESSED, bytes=moved, carry=carry)


def already(item: Item, carry: bytes | None = None) -> PathOutcome:
    """Nothing was left to do."""
    return PathOutcome(item.index, Code.ALREADY, carry=carry)


def skipped(item: Item, reason: str, moved: int = 0) -> PathOutcome:
    """Not for this step, or not now."""
    return PathOutcome(item.index, Code.SKIPPED, reason, bytes=moved)


def failed(
    item: Item, reason: str, error_class: ErrorClass = ErrorClass.PERMANENT, moved: int = 0
) -> PathOutcome:
    """Not done, and somebody should know."""
    return PathOutcome(item.index, Code.FAILED, reason, error_class, bytes=moved)


def _unstored(item: Item, error: StorageError) -> PathOutcome:
    return PathOutcome(item.index, Code.FAILED, error.reason, error.error_class, error_name=error.error_name)


def missing(item: Item, *, abort: bool) -> PathOutcome:
    """The path is not there."""
    reason = "it is not there"
    if abort:
        return PathOutcome(item.index, Code.ABORTED, reason)
    return failed(item, reason)


def refused(item: Item, error: OSError | StorageError, doing: str) -> PathOutcome:
    """What the system or a target refused."""
    if isinstance(error, StorageError):
        return _unstored(item, error)
    number = error.errno
    named = name_of_errno(number)
    return PathOutcome(
        item.index, Code.FAILED, reason_of(error, doing), class_of_errno(number), error_name=named
    )


def all_failed(context: Context, error: StorageError) -> Iterator[PathOutcome]:
    """What cannot be done to any path, such as for want of the target."""
    return (_unstored(item, error) for item in context.items)


def kind_in_words(kind: Kind) -> str:
    """A kind of entry, for people."""
    return _WORDS[kind]


_WORDS = {
    Kind.FILE: "a file",
    Kind.DIRECTORY: "a directory",
    Kind.SYMLINK: "a symbolic link",
    Kind.OTHER: "a device, fifo or socket",
    Kind.MISSING: "not there",
}
