"""The step that reads files and hands on their checksums."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar, Final, Protocol

from xxhash import xxh3_128

from towpath.domain.catalogue import CHECKSUM, StepSpec
from towpath.domain.paths import ErrorClass, Kind, PathOutcome
from towpath.hsm.fill import version_of
from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Standing
from towpath.steps.files import closed, edited
from towpath.steps.outcomes import GONE, failed, missing, processed, skipped
from towpath.steps.protocol import Context, Item

PIECE: Final = 1024 * 1024


class _Digest(Protocol):
    def update(self, piece: bytes, /) -> object: ...
    def digest(self) -> bytes: ...


def _md5() -> _Digest:
    return hashlib.md5(usedforsecurity=False)


ALGORITHMS: Final[Mapping[str, Callable[[], _Digest]]] = MappingProxyType(
    {"xxh3_128": xxh3_128, "sha256": hashlib.sha256, "md5": _md5}
)
"""The hashes that `algorithm` may name."""


class Checksum:
    """Reads each file whole and hands its digest on: the bytes themselves, 16 or 32 of them.

    A stub is skipped: its data is not here. A file that changes while it is read fails, and may be tried again.
    """

    spec: ClassVar[StepSpec] = CHECKSUM

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Read the files among the paths."""
        make = ALGORITHMS[context.arguments["algorithm"]]

        def work(item: Item) -> PathOutcome:
            return _read(context, item, make())

        return context.each(work, context.items)


def _read(context: Context, item: Item, digest: _Digest) -> PathOutcome:
    if item.kind not in (Kind.FILE, Kind.MISSING):
        return skipped(item, "it is no file, and has no data to read")
    try:
        with look(context.root, item.path, context.site.key) as found:
            return _digest(context, item, found, digest)
    except NotRegular:
        return skipped(item, "it is no file, and has no data to read")
    except GONE:
        return missing(item, abort=False)


def _digest(context: Context, item: Item, found: Look, digest: _Digest) -> PathOutcome:
    match found.judged.standing:
        case Standing.OFFLINE | Standing.INTERRUPTED:
            return skipped(item, "offline: its data is not here")
        case Standing.EDITED:
            return edited(item)
    if found.was_closed:
        return closed(item)
    done = 0
    while piece := os.pread(found.fd, PIECE, done):
        context.go_on()
        digest.update(piece)
        done += len(piece)
        context.progress(size=len(piece))
    if version_of(os.fstat(found.fd)) != version_of(found.stat):
        return failed(item, "the file was changed while it was read", ErrorClass.TRANSIENT)
    return processed(item, done, digest.digest())
