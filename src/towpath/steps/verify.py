"""The step that compares files with their objects at the target; it changes nothing."""

import os
from collections.abc import Iterator
from typing import ClassVar, Final

from xxhash import xxh3_128

from towpath.domain.catalogue import VERIFY, StepSpec
from towpath.domain.paths import ErrorClass, Kind, PathOutcome
from towpath.hsm.fill import version_of
from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Standing
from towpath.hsm.record import Record
from towpath.hsm.shelf import Shelf
from towpath.steps.files import EDITED, foreign
from towpath.steps.outcomes import GONE, failed, missing, processed, skipped
from towpath.steps.protocol import Context, Item
from towpath.storage.protocol import ObjectMissing, Storage, StorageError

PIECE: Final = 1024 * 1024
NOT_MANAGED: Final = "not managed: it has no object"


class Verify:
    """Says of each file whether it and its object are the same: processed = the same; failed = they differ, or the
    object or its record is missing; skipped = not managed.

    - `depth`: `object` looks whether the object stands at the target with the size that its record has. `data` also
      reads the object back, and the file where its data is here, and compares both with the recorded checksum.
    - `abort_missing`: a path that is not there counts as aborted rather than failed.

    A file that was edited since it was copied differs. Of a stub the object alone is looked at.
    """

    spec: ClassVar[StepSpec] = VERIFY

    def __init__(self) -> None:
        self._shelf = Shelf()

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Compare the files among the paths; see the class."""
        return context.each(lambda item: self._verify(context, item), context.items)

    def _verify(self, context: Context, item: Item) -> PathOutcome:
        if item.kind not in (Kind.FILE, Kind.MISSING):
            return skipped(item, NOT_MANAGED)
        try:
            with look(context.root, item.path, context.site.key) as found:
                return self._compare(context, item, found)
        except NotRegular:
            return skipped(item, NOT_MANAGED)
        except GONE:
            return missing(item, abort=context.arguments["abort_missing"])

    def _compare(self, context: Context, item: Item, found: Look) -> PathOutcome:
        match found.judged.standing:
            case Standing.RESIDENT:
                return skipped(item, NOT_MANAGED)
            case Standing.FOREIGN:
                return foreign(item, found.judged)
            case Standing.EDITED:
                return failed(item, EDITED)
            case Standing.MODIFIED:
                return failed(item, "differs: it was edited since it was copied")
        mark = found.judged.ours
        storage = context.target_of(mark.reference.tag).storage
        try:
            record = self._shelf.find(storage, mark.reference)
        except ObjectMissing as error:
            return failed(item, f"its record is missing: {error.reason}")
        wrong = _object_fault(context, storage, record)
        if wrong is None and record.size != mark.size:
            wrong = f"differs: it has {mark.size} bytes, and its record {record.size}"
        if wrong is None and found.judged.standing is Standing.PREMIGRATED:
            wrong = _file_fault(context, found, record)
            if version_of(os.fstat(found.fd)) != version_of(found.stat):
                return failed(item, "the file was changed while it was read", ErrorClass.TRANSIENT)
        return processed(item) if wrong is None else failed(item, wrong)


def _object_fault(context: Context, storage: Storage, record: Record) -> str | None:
    """What is wrong with an object, if anything."""
    there = storage.look(record.key)
    if there is None:
        return f"its object is missing: {record.key}"
    if there.size != record.size:
        return f"differs: its object has {there.size} bytes, and its record {record.size}"
    if context.arguments["depth"] == "object":
        return None
    digest = xxh3_128()
    try:
        for piece in storage.get(record.key):
            context.go_on()
            digest.update(piece)
            context.progress(size=len(piece))
    except StorageError as error:
        if error.error_class is not ErrorClass.PERMANENT:
            raise
        return f"its object cannot be read: {error.reason}"
    same = not record.checksum or digest.digest() == record.checksum
    return None if same else "differs: the bytes of its object are not those that were put there"


def _file_fault(context: Context, found: Look, record: Record) -> str | None:
    if context.arguments["depth"] == "object" or not record.checksum:
        return None
    digest, done = xxh3_128(), 0
    while piece := os.pread(found.fd, PIECE, done):
        context.go_on()
        digest.update(piece)
        done += len(piece)
        context.progress(size=len(piece))
    same = digest.digest() == record.checksum
    return None if same else "differs: its bytes are not those that were copied, though its size and time are"
