"""The step that makes anew, as stubs or with their data, files that were deleted here and are at a target still."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import ClassVar, Final

from towpath.domain import paths
from towpath.domain.catalogue import UNDELETE, StepSpec
from towpath.domain.paths import Code, ErrorClass, PathOutcome, printable
from towpath.hsm import make, private
from towpath.hsm.fill import Filling
from towpath.hsm.keys import RECORDS
from towpath.hsm.make import Making, Origin
from towpath.hsm.mark import Reference
from towpath.hsm.metadata import Owners
from towpath.hsm.record import Group, Kind, Malformed, Record, is_signed, unpack_group
from towpath.hsm.shelf import Shelf, content_of
from towpath.steps.files import UNGUARDED
from towpath.steps.outcomes import GONE, all_failed, already, failed, processed, refused
from towpath.steps.protocol import Context, Item, Target
from towpath.storage.protocol import StorageError

MOST: Final = 100_000
"""So many files at once: what is gone is kept in memory, about 300 bytes a file."""
COLLECTED: Final = (
    "its object is no longer at the target: it was collected once nothing had referred to it for long"
)
UNKNOWN: Final = "the target knows no file that was here, or beneath, and is gone"

Gone = dict[bytes, tuple[tuple[datetime, int], Reference]]
"""Path → when its newest record came to the target, with the time of the file, and where the record stands."""


class Undelete:
    """Makes each path anew that is not here: from the newest record of it that this site left at the target.

    For a directory, or a path that was one, all files beneath it that are gone come back. What stands here stays as
    it is. Only records that this very site has signed count. Files come back under the names under which they were
    copied: one that was renamed after that, and then deleted, has its old name.

    - `hydrate`: bring the data too; else files become stubs.
    - `default_uid`, `default_gid`: the owner where the recorded one is not known here, or may not be set.

    All records at the target are read once for each task that has a path which is gone, or a directory; at most
    100,000 files come back in one.
    """

    spec: ClassVar[StepSpec] = UNDELETE

    def __init__(self, most: int = MOST) -> None:
        self._shelf, self._most = Shelf(), most

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Make what is gone; see the class."""
        try:
            if not context.arguments["hydrate"] and not context.site.unguarded:
                raise StorageError(UNGUARDED, ErrorClass.PERMANENT)
            run = _Run(context, context.target(), self._shelf)
            run.find(self._most)
        except StorageError as error:
            return all_failed(context, error)
        return context.each(run.work, context.items)


class _Run:
    """One task."""

    def __init__(self, context: Context, target: Target, shelf: Shelf) -> None:
        arguments = context.arguments
        self._context, self._target, self._shelf = context, target, shelf
        self._root, self._key = context.root, context.site.key
        owners = Owners(arguments["default_uid"], arguments["default_gid"])
        filling = Filling(
            self._key,
            context.confirm,
            lambda size: context.progress(size=size),
            context.go_on,
            owners=owners,
        )
        self._making = Making(filling, arguments["hydrate"], 0)
        self._gone: Gone = {}
        self._beneath: defaultdict[bytes | None, list[bytes]] = defaultdict(list)

    # What is gone ---------------------------------------------------------------------------------------------

    def find(self, most: int) -> None:
        """Read the target's records for what is gone beneath the items; raises `StorageError`."""
        wanted = {item.path for item in self._context.items if not self._is_here(item)}
        for when, name, group in self._groups() if wanted else ():
            if (group.site, group.root) == (self._context.site.name, self._root.name):
                for index, record in enumerate(group.records):
                    self._note(record, when, Reference(self._target.tag, name, index), wanted)
            if len(self._gone) > most:
                told = f"more than {most} files are gone beneath these paths: name directories within them"
                raise StorageError(told, ErrorClass.PERMANENT)
        for path in self._gone:
            self._beneath[_asked_by(path, wanted)].append(path)

    def _is_here(self, item: Item) -> bool:
        """Whether an item is a file, so that nothing can be gone at it or beneath it."""
        return item.kind is not paths.Kind.DIRECTORY and self._stands(item.path)

    def _groups(self) -> Iterator[tuple[datetime, bytes, Group]]:
        storage = self._target.storage
        for found in storage.listing(RECORDS.rstrip("/")):
            self._context.go_on()
            try:
                name = bytes.fromhex(found.key.removeprefix(RECORDS))
                yield found.modified_at, name, unpack_group(content_of(storage, found.key), name)
            except (ValueError, Malformed):
                continue  # Not a group of ours, or altered: what it says is not believed.

    def _note(self, record: Record, when: datetime, reference: Reference, wanted: set[bytes]) -> None:
        path, version = record.path, (when, record.mtime_ns)
        if record.kind is not Kind.FILE or _asked_by(path, wanted) is None:
            return
        known = self._gone.get(path)
        if (known is None or known[0] < version) and is_signed(record, self._key) and not self._stands(path):
            self._gone[path] = version, reference

    def _stands(self, path: bytes) -> bool:
        try:
            self._root.stat(path)
        except GONE:
            return False
        return True

    # What is made ---------------------------------------------------------------------------------------------

    def work(self, item: Item) -> PathOutcome:
        """One path: itself, or all that is gone beneath it."""
        if item.path in self._gone:
            return self._make(item, item.path)
        beneath = self._beneath.get(item.path, [])
        if not beneath:
            return already(item) if self._stands(item.path) else failed(item, UNKNOWN)
        return self._all(item, beneath)

    def _all(self, item: Item, gone: Iterable[bytes]) -> PathOutcome:
        moved, wrong = 0, list[PathOutcome]()
        for path in gone:
            self._context.go_on()
            try:
                outcome = self._make(item, path)
            except (OSError, StorageError) as error:
                outcome = refused(item, error, "make it")
            moved += outcome.bytes
            wrong += [outcome] if outcome.code is Code.FAILED else []
        if not wrong:
            return processed(item, moved)
        first = wrong[0]
        told = f"{len(wrong)} files beneath it did not come back: {first.reason}"
        return failed(item, told, first.error_class or ErrorClass.PERMANENT, moved)

    def _make(self, item: Item, path: bytes) -> PathOutcome:
        _, reference = self._gone[path]
        storage = self._target.storage
        record = self._shelf.find(storage, reference)
        if storage.look(record.key) is None:
            return failed(item, f"{COLLECTED}: {printable(path)}")
        make.make_parents(self._root, path)
        try:
            fd = make.make_file(self._root, path, record, Origin(reference, storage), self._making)
        except private.Busy:
            return failed(item, "another run is making it now", ErrorClass.TRANSIENT)
        except private.NotOurs:
            return failed(item, "a file that is not ours stands where its private file would be made")
        try:
            self._context.confirm()
            private.place(self._root, path)
        except FileExistsError:
            return already(item)
        finally:
            private.abandon(self._root, path, fd)
        return processed(item, record.size if self._making.hydrate else 0, reference.pack())


def _asked_by(path: bytes, wanted: set[bytes]) -> bytes | None:
    """Which of the wanted paths is a path itself, or else the nearest directory above it."""
    while path not in wanted:
        if not path:
            return None
        path = path.rpartition(b"/")[0]
    return path
