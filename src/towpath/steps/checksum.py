"""The step that reads files: their checksums go into a manifest, are compared with one, or are handed on."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from towpath.domain.catalogue import CHECKSUM, StepSpec
from towpath.domain.paths import Code, ErrorClass, Kind, PathOutcome
from towpath.hsm.fill import version_of
from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Standing
from towpath.steps.files import closed, edited
from towpath.steps.manifests import (
    ALGORITHMS,
    Indexes,
    Malformed,
    keep_part,
    line_of,
    manifest_path,
    name_in,
    parts_of,
)
from towpath.steps.outcomes import GONE, all_failed, failed, missing, processed, refused, skipped
from towpath.steps.protocol import Context, Item
from towpath.storage.protocol import StorageError

PIECE: Final = 1024 * 1024
NO_FILE: Final = "it is no file, and has no data to read"


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was read."""

    size: int
    digest: bytes


class Checksum:
    """Reads each file whole.

    - `algorithm`: `sha256` and `md5` make manifests for `sha256sum -c` and `md5sum -c`, `blake3` for `b3sum -c`,
      `xxh3_128` and `xxh64` for `xxhsum -c`. A name that the tool cannot spell fails.
    - `manifest`: a file beneath the root of the paths; names in it are relative to its directory, so that the tool
      is run there. Each task writes the lines that it has read beside the root's own files, and the step
      `manifest`, which runs once at the end of the job, makes one file of them. Without it, digests are handed on.
    - `check`: the manifest stands already, and each file is compared with it. One that it does not name is
      skipped.

    A stub is skipped: its data is not here. A file that changes while it is read fails, and may be tried again.
    """

    spec: ClassVar[StepSpec] = CHECKSUM
    near: ClassVar[bool] = True

    def __init__(self) -> None:
        self._indexes = Indexes()

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Read the files among the paths; see the class."""
        try:
            if context.arguments["check"]:
                return self._checked(context)
            if context.arguments["manifest"] is not None:
                return _written(context, manifest_path(context.arguments["manifest"]))
        except StorageError as error:
            return all_failed(context, error)
        return context.each(lambda item: _handed_on(context, item), context.items)

    def _checked(self, context: Context) -> Iterator[PathOutcome]:
        manifest, algorithm = manifest_path(context.arguments["manifest"]), context.arguments["algorithm"]
        try:
            index = self._indexes.of(context.root, manifest, algorithm)
        except OSError as error:
            why = f"manifest: {error.strerror}"
            return all_failed(context, StorageError(why, ErrorClass.PERMANENT))
        except Malformed as error:
            return all_failed(context, StorageError(f"manifest: {error}", ErrorClass.PERMANENT))

        def work(item: Item) -> PathOutcome:
            wanted = index.find(item.path)
            if wanted is None:
                return skipped(item, "the manifest does not name it")
            found = _read(context, item)
            if isinstance(found, PathOutcome):
                return found
            if found.digest == wanted:
                return processed(item, found.size)
            text = f"its {algorithm} is {found.digest.hex()}, and the manifest has {wanted.hex()}"
            return failed(item, text, moved=found.size)

        return context.each(work, context.items)


def _handed_on(context: Context, item: Item) -> PathOutcome:
    found = _read(context, item)
    return found if isinstance(found, PathOutcome) else processed(item, found.size, found.digest)


def _written(context: Context, manifest: bytes) -> Iterator[PathOutcome]:
    """Outcomes come only once the lines are safe: a path that counts as done is in the manifest."""
    algorithm = ALGORITHMS[context.arguments["algorithm"]]
    lines: dict[int, bytes] = {}

    def work(item: Item) -> PathOutcome:
        if item.path == manifest:
            return skipped(item, "it is the manifest")
        found = _read(context, item)
        if isinstance(found, PathOutcome):
            return found
        lines[item.index] = line_of(algorithm, found.digest, name_in(manifest, item.path))
        return processed(item, found.size)

    outcomes = list(context.each(work, context.items))
    place = parts_of(context.job, manifest) + b"/%020d" % context.task
    try:
        if lines:
            keep_part(context.root, place, (lines[index] for index in sorted(lines)), context.confirm)
    except OSError as error:
        items = {item.index: item for item in context.items}
        for outcome in outcomes:
            done = outcome.code is Code.PROCESSED
            yield refused(items[outcome.index], error, "keep the lines of the manifest") if done else outcome
        return
    yield from outcomes


def _read(context: Context, item: Item) -> PathOutcome | _Read:
    """What a file comes to, or the outcome that says why it was not read."""
    if item.kind not in (Kind.FILE, Kind.MISSING):
        return skipped(item, NO_FILE)
    try:
        with look(context.root, item.path, context.site.key) as found:
            return _digest(context, item, found)
    except NotRegular:
        return skipped(item, NO_FILE)
    except GONE:
        return missing(item, abort=False)


def _digest(context: Context, item: Item, found: Look) -> PathOutcome | _Read:
    match found.judged.standing:
        case Standing.OFFLINE | Standing.INTERRUPTED:
            return skipped(item, "offline: its data is not here")
        case Standing.EDITED:
            return edited(item)
    if found.was_closed:
        return closed(item)
    digest, done = ALGORITHMS[context.arguments["algorithm"]].make(), 0
    while piece := os.pread(found.fd, PIECE, done):
        context.go_on()
        digest.update(piece)
        done += len(piece)
        context.progress(size=len(piece))
    if version_of(os.fstat(found.fd)) != version_of(found.stat):
        return failed(item, "the file was changed while it was read", ErrorClass.TRANSIENT)
    return _Read(done, digest.digest())
