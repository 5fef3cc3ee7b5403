"""Reading exactly so many bytes of a caller's source."""

from collections.abc import Iterator
from typing import BinaryIO

from towpath.domain.paths import ErrorClass
from towpath.storage.protocol import StorageError


class SourceEnded(StorageError):
    """A source ended before it had given as many bytes as were announced: it was cut short meanwhile."""

    def __init__(self, found: int, expected: int) -> None:
        reason = f"the source ended early: expected {expected} bytes, found {found}"
        super().__init__(reason, ErrorClass.TRANSIENT)


def pieces(source: BinaryIO, size: int, piece: int) -> Iterator[bytes]:
    """`size` bytes of the source in pieces of exactly `piece` bytes, the last one shorter.

    Raises `SourceEnded`, and whatever the source itself raises.
    """
    done = 0
    while done < size:
        wanted = min(piece, size - done)
        found = source.read(wanted)
        if len(found) < wanted:
            found = _rest(source, found, wanted)
        done += len(found)
        if len(found) < wanted:
            raise SourceEnded(done, size)
        yield found


def _rest(source: BinaryIO, found: bytes, wanted: int) -> bytes:
    """What a source that gives less than it was asked for gives when asked again, up to its end."""
    parts, have = [found], len(found)
    while have < wanted and parts[-1]:
        parts.append(source.read(wanted - have))
        have += len(parts[-1])
    return b"".join(parts)
