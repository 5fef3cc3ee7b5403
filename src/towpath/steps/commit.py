"""The commit of a group of copies: their records first, then, once all would survive a power cut, their marks."""

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from towpath.domain.paths import ErrorClass, PathOutcome
from towpath.hsm import stub
from towpath.hsm.fill import version_of
from towpath.hsm.keys import record_key
from towpath.hsm.look import Look, look
from towpath.hsm.mark import LARGEST_HEAD, Mark, Reference, Standing, State
from towpath.hsm.record import Record, pack_group
from towpath.steps.outcomes import failed, processed, refused, skipped
from towpath.steps.protocol import Context, Item, Target
from towpath.storage.protocol import Storage, StorageError

MOST_HEAD: Final = LARGEST_HEAD // 2
"""The most bytes that a stub may be asked to keep: a mark can tell of twice that, and blocks are rounded up."""
CHANGED: Final = "the file was changed while it was copied"


@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of a file once its copy is safe: it stays, or is freed but for `head` bytes; and whether one
    that was edited meanwhile is skipped, rather than failed."""

    keep: bool
    head: int
    skip_changed: bool


@dataclass(frozen=True, slots=True)
class Copied:
    """A path whose record is to be committed.

    `stat` is the file as it was copied, None for what is no file (and gets no mark); `size` is what was moved;
    `offline` is the mark of a stub whose metadata is recorded anew.
    """

    item: Item
    record: Record
    stat: os.stat_result | None = None
    size: int = 0
    offline: Mark | None = None


class Committer:
    """Finishes groups of copies at one target."""

    def __init__(self, context: Context, target: Target, ending: Ending) -> None:
        self._context, self._target, self._ending = context, target, ending
        self._key = context.site.key

    def commit(self, group: list[Copied]) -> Iterable[PathOutcome]:
        """Put the group's records, make all of it safe, then mark each file and free it where that is wanted."""
        try:
            name = self._put(group)
        except StorageError as error:
            return [refused(copied.item, error, "keep its record") for copied in group]
        return list(self._finish(group, name))

    def _put(self, group: list[Copied]) -> bytes:
        storage: Storage = self._target.storage
        records = [copied.record for copied in group]
        name, packed = pack_group(self._context.site.name, self._context.root.name, records)
        key = record_key(name)
        storage.put(key, io.BytesIO(packed), len(packed))
        if storage.abilities.needs_sync:
            storage.sync([key, *(record.key for record in records if record.key)])
        return name

    def _finish(self, group: list[Copied], name: bytes) -> Iterator[PathOutcome]:
        for index, copied in enumerate(group):
            reference = Reference(self._target.tag, name, index)
            try:
                yield self._mark(copied, reference)
            except (OSError, StorageError) as error:
                yield refused(copied.item, error, "mark the file")

    def _mark(self, copied: Copied, reference: Reference) -> PathOutcome:
        if copied.stat is None:
            return processed(copied.item, carry=reference.pack())
        if copied.offline is not None:
            return self._mark_stub(copied, copied.offline, reference)
        with look(self._context.root, copied.item.path, self._key) as found:
            if version_of(found.stat) != version_of(copied.stat):
                return self._changed_or_linked(copied, found)
            mark = Mark.of(State.PREMIGRATED, reference, found.stat)
            found.set_mark(mark.pack(self._key))
            return self.end(copied.item, found, mark, copied.size)

    def _changed_or_linked(self, copied: Copied, found: Look) -> PathOutcome:
        """A file with several names in one task is copied once for each, and marked once."""
        mark, was = found.judged.mark, copied.stat
        linked = was is not None and was.st_nlink > 1 and found.judged.standing is Standing.PREMIGRATED
        if linked and mark is not None and mark.reference.tag == self._target.tag:
            return self.end(copied.item, found, mark, copied.size)
        return self.changed(copied.item, copied.size)

    def _mark_stub(self, copied: Copied, mark: Mark, reference: Reference) -> PathOutcome:
        item = copied.item
        with look(self._context.root, item.path, self._key) as found:
            if found.judged.mark != mark:
                return self.changed(item, 0)
            found.set_mark(mark.refer(reference).pack(self._key))
        return processed(item, carry=reference.pack())

    def foresee(self, item: Item, found: Look, moved: int) -> PathOutcome:
        """What the end of a file would be, if nobody has it in use then."""
        if found.stat.st_nlink > 1 and not self._stays(found, found.stat.st_size):
            return skipped(item, f"premigrated, not freed: {stub.Kept.LINKED}", moved)
        return processed(item, moved)

    def _stays(self, found: Look, size: int) -> bool:
        """Whether a file is to keep its data."""
        return self._ending.keep or stub.is_all_head(size, self._ending.head, found.stat.st_blksize)

    def end(self, item: Item, found: Look, mark: Mark, moved: int) -> PathOutcome:
        """A premigrated file's end: it stays as it is, or its data is freed."""
        ending, carry = self._ending, mark.reference.pack()
        if self._stays(found, mark.size):
            return processed(item, moved, carry)
        why = stub.free(found, mark, stub.Freeing(self._key, ending.head, self._context.confirm))
        match why:
            case None:
                return processed(item, moved, carry)
            case stub.Kept.CHANGED:
                return self.changed(item, moved)
            case stub.Kept.NOT_FREED:
                return failed(item, why, moved=moved)
            case _:
                return skipped(item, f"premigrated, not freed: {why}", moved)

    def changed(self, item: Item, moved: int) -> PathOutcome:
        """The outcome of a file that somebody edited in between."""
        if self._ending.skip_changed:
            return skipped(item, CHANGED, moved)
        return failed(item, CHANGED, ErrorClass.TRANSIENT, moved)


def check_head(head: int) -> str | None:
    """What is wrong with the number of bytes that a stub is to keep, if anything."""
    if 0 <= head <= MOST_HEAD:
        return None
    return f"stub_size: expected 0 to {MOST_HEAD} bytes, found {head}"
