"""The step that deletes objects which nothing refers to, each after a last look at the target and at the site."""

import errno
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import ClassVar, Final

from towpath.domain.catalogue import StepSpec
from towpath.domain.lives import COLLECT, begun_key
from towpath.domain.paths import ErrorClass, PathOutcome
from towpath.hsm import mark as marks
from towpath.hsm.comparing import is_instance
from towpath.hsm.keys import read_key, templated_key
from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Malformed
from towpath.hsm.record import Group, Record, is_signed
from towpath.hsm.shelf import Shelf
from towpath.hsm.sweeps import reference_of
from towpath.steps.outcomes import GONE, all_failed, already, failed, processed, skipped
from towpath.steps.protocol import Context, Item, Target
from towpath.steps.refer import is_hollow
from towpath.storage.protocol import StorageError
from towpath.storage.roots import Root

NOT_OURS: Final = "it is no object that this site has put there"
NEWER: Final = "it came to the target after the sweep had begun"
REFERRED: Final = "the file that it was copied from refers to an object again"
AS_COPIED: Final = (
    "the file that it was copied from stands as it was then: it may be copied to the same key again"
)
TOO_LATE: Final = "the sweep is too old to delete anything by it: begin another"


class Collect:
    """Deletes each object whose key is the item's path, if nothing speaks against it now.

    An object is left alone that is newer than the sweep; whose record, or key, is not this site's own; and whose file
    stands at its recorded place with a mark, or as it was when it was copied. The item's state is the record's entry
    in hexadecimal digits, "" where no record names it.

    After the time `until` nothing is deleted: what the sweep knew has grown old.
    """

    spec: ClassVar[StepSpec] = COLLECT

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._shelf, self._clock = Shelf(), clock

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Delete what may go; see the class."""
        try:
            if self._clock() > int(context.arguments["until"] or 0):
                raise StorageError(TOO_LATE, ErrorClass.PERMANENT)
            target = context.target()
            marker = target.storage.look(begun_key(str(context.arguments["sweep"]), context.site.name))
            if marker is None:
                raise StorageError(TOO_LATE, ErrorClass.PERMANENT)
        except StorageError as error:
            return all_failed(context, error)
        return context.each(_Run(context, target, self._shelf, marker.modified_at).work, context.items)


class _Run:
    """One task."""

    def __init__(self, context: Context, target: Target, shelf: Shelf, begun: datetime) -> None:
        self._context, self._target, self._shelf, self._begun = context, target, shelf, begun

    def work(self, item: Item) -> PathOutcome:
        """One object."""
        key, site = item.path.decode("ascii", "replace"), self._context.site.name
        if not key.startswith(f"{site}/") or not is_instance(key):
            return failed(item, NOT_OURS)
        storage = self._target.storage
        found = storage.look(key)
        if found is None:
            return already(item)
        if found.modified_at >= self._begun:
            return skipped(item, NEWER)
        place = self._place_of(key, item.state)
        if place is None:
            return failed(item, NOT_OURS)
        why = self._kept_by(key, *place)
        if why is not None:
            return skipped(item, why)
        self._context.confirm()
        storage.delete(key)
        return processed(item, found.size)

    def _place_of(self, key: str, entry: str) -> tuple[Root, bytes] | None:
        """Where the file stood that an object was copied from; None where this site cannot tell."""
        if entry:
            reference = reference_of(bytes.fromhex(entry), self._target.tag)
            group = self._shelf.group(self._target.storage, reference)
            record = self._shelf.find(self._target.storage, reference)
            if record.key != key or not self._is_ours(group, record):
                return None
            root, path = group.root, record.path
        else:
            said = read_key(key)
            if said is None or said.path is None:
                return None
            root, path = said.root, said.path
        return (self._context.roots[root], path) if root in self._context.roots else None

    def _is_ours(self, group: Group, record: Record) -> bool:
        site = self._context.site
        return group.site == site.name and bool(record.checksum) and is_signed(record, site.key)

    def _kept_by(self, key: str, root: Root, path: bytes) -> str | None:
        """Why the file at that place keeps an object, if it does; raises OSError where it cannot be looked at."""
        try:
            with look(root, path, self._context.site.key) as found:
                return self._judge(key, root, path, found)
        except (NotRegular, *GONE):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:  # What a symbolic link leads to was walked where it is.
                return None
            raise

    def _judge(self, key: str, root: Root, path: bytes, found: Look) -> str | None:
        for packed in found.marks:
            try:
                reference = marks.unpack_untrusted(packed).reference
                record = self._shelf.find(self._context.target_of(reference.tag).storage, reference)
            except Malformed:
                return REFERRED
            if record.key == key:
                return REFERRED
        if is_hollow(found) and not found.marks:
            return REFERRED
        template = self._target.template
        would_be = templated_key(template, self._context.site.name, root.name, path, found.stat)
        return AS_COPIED if would_be == key else None
