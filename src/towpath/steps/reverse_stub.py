"""The step that makes files here from objects at a target, as stubs or with their data."""

import dataclasses
import os
import stat as modes
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import ClassVar, Final

from towpath.domain.catalogue import REVERSE_STUB, StepSpec
from towpath.domain.paths import Code, ErrorClass, Kind, PathOutcome
from towpath.hsm import make, private
from towpath.hsm import record as records
from towpath.hsm.fill import Filling, version_of
from towpath.hsm.lease import NO_WRITER, Answer, leased
from towpath.hsm.look import Look, look
from towpath.hsm.make import Making, Origin
from towpath.hsm.mark import Malformed, Reference, Standing
from towpath.hsm.metadata import Owners
from towpath.hsm.record import Record
from towpath.hsm.shelf import Shelf
from towpath.steps.commit import check_head
from towpath.steps.files import UNGUARDED, already_whole
from towpath.steps.names import Names, bring_together, link_beside, link_to
from towpath.steps.outcomes import GONE, all_failed, already, failed, processed, skipped
from towpath.steps.placing import Placing, placing_of
from towpath.steps.protocol import Context, Item
from towpath.steps.reading import checksum_of
from towpath.storage.protocol import StorageError

MOVED: Final = "what stands here was changed or removed meanwhile"


class Preference(StrEnum):
    """Which of two different files stays, unless `overwrite` says that the recorded one does."""

    NEWEST = "newest"
    LOCAL = "local"
    IGNORE = "ignore"


class ReverseStub:
    """Makes each path anew from the record that the step before handed on, under this site's own mark.

    Directories, symbolic links and files come with owner (by name), mode, times, attributes and ACLs. Setuid,
    setgid and privileged attributes come only from a record that this very site has signed. What stands here
    already and is the same is left alone; missing directories above a path are made. Names of one file (hard links)
    that one node makes are names of one file here too.

    - `hydrate`: bring the data too; else files become stubs, of which `stub_size` bytes are brought.
    - `overwrite`: a different file that stands here is replaced.
    - `conflict_preference`, without `overwrite`: `newest` replaces a file that is older than the recorded one;
      `local` keeps what stands here, and skips the path; `ignore` lets both be, and counts it as aborted.
    - `skip_hash`: do not compare data that is brought with its checksum, nor a file that stands here with it.
    - `default_uid`, `default_gid`: the owner where the recorded one is not known here, or may not be set.
    - `lock_level`: at partial and implicit, a file is only replaced while no program has it open for writing.

    - `to_root`, `to_path`, `from_path`: the place of a path is `to_path`, followed by the path less `from_path`,
      beneath the root of that name.

    The target is the one that the record names, whatever `endpoint` says. A directory never makes room for a
    file, nor a file for a directory.
    """

    spec: ClassVar[StepSpec] = REVERSE_STUB

    def __init__(self) -> None:
        self._shelf, self._names = Shelf(), Names()

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Make the paths, directories last and deepest first, so that their times stay; see the class."""
        wrong = check_head(context.arguments["stub_size"])
        if wrong is None and not context.arguments["hydrate"] and not context.site.unguarded:
            wrong = UNGUARDED
        try:
            if wrong is not None:
                raise StorageError(wrong, ErrorClass.PERMANENT)
            run = _Run(context, self._shelf, self._names, placing_of(context))
        except StorageError as error:
            yield from all_failed(context, error)
            return
        directories = [item for item in context.items if item.kind is Kind.DIRECTORY]
        directories.sort(key=lambda item: item.path.count(b"/"), reverse=True)
        yield from context.each(run.work, [item for item in context.items if item.kind is not Kind.DIRECTORY])
        yield from context.each(run.work, directories)


class _Run:
    """One task."""

    def __init__(self, context: Context, shelf: Shelf, names: Names, placing: Placing) -> None:
        arguments = context.arguments
        self._context, self._shelf, self._placing = context, shelf, placing
        self._root = placing.root
        self._names = names
        # Where each path is made depends on the arguments: names of one file are linked in the same place only.
        self._place = (context.root.name, tuple(sorted((k, repr(v)) for k, v in arguments.items())))
        self._overwrite: bool = arguments["overwrite"]
        self._preference = Preference(arguments["conflict_preference"])
        filling = Filling(
            context.site.key,
            context.confirm,
            self._progress,
            context.go_on,
            lease=arguments["lock_level"] != "none",
            skip_hash=arguments["skip_hash"],
            owners=Owners(arguments["default_uid"], arguments["default_gid"]),
        )
        self._how = Making(filling, arguments["hydrate"], arguments["stub_size"])

    def work(self, item: Item) -> PathOutcome:
        """One path, at the place where it goes."""
        item = dataclasses.replace(item, path=self._placing.of(item.path))
        packed = self._context.carried.get(item.index)
        if packed is None:
            return failed(item, "the step before handed on no record of it (reverse_stub follows a migrate)")
        try:
            reference = Reference.unpack(packed)
        except Malformed as error:
            return failed(item, str(error))
        storage = self._context.target_of(reference.tag).storage
        origin = Origin(reference, storage)
        record = make.trusted(self._shelf.find(storage, reference), self._context.site.key)
        return self._with_parents(item, lambda: self._make(item, record, origin))

    def _with_parents(self, item: Item, making: Callable[[], PathOutcome]) -> PathOutcome:
        """Try, and once more with the directories above, which mostly are there."""
        try:
            try:
                return making()
            except FileNotFoundError:
                make.make_parents(self._root, item.path)
                return making()
        except FileExistsError:
            return failed(
                item, "something else stands here, or above it, since a moment", ErrorClass.TRANSIENT
            )
        except NotADirectoryError:
            return failed(item, "what stands above it here is no directory")
        except private.Busy:
            return failed(item, "another run is making it now", ErrorClass.TRANSIENT)
        except private.NotOurs:
            return failed(item, "a file that is not ours stands where its private file would be made")

    def _make(self, item: Item, record: Record, origin: Origin) -> PathOutcome:
        match record.kind:
            case records.Kind.DIRECTORY:
                return self._directory(item, record, origin)
            case records.Kind.SYMLINK:
                return self._link(item, record, origin)
            case _:
                file = (self._place, origin.reference)
                with self._names.turn(file):
                    outcome = self._file(item, record, origin)
                    if outcome.code in (Code.PROCESSED, Code.ALREADY):
                        self._names.tell(file, self._root, item.path, origin.reference)
                    return outcome

    # Directories and links ------------------------------------------------------------------------------------

    def _directory(self, item: Item, record: Record, origin: Origin) -> PathOutcome:
        carry = origin.reference.pack()
        if not item.path:
            return already(item, carry)
        made = make.make_directory(self._root, item.path)
        dressed = make.dress_directory(self._root, item.path, record, self._how.filling.owners)
        return processed(item, 0, carry) if made or dressed else already(item, carry)

    def _link(self, item: Item, record: Record, origin: Origin) -> PathOutcome:
        carry = origin.reference.pack()
        found = self._stat(item.path)
        if found is None:
            self._context.confirm()
            make.make_link(self._root, item.path, record, self._how.filling.owners)
            return processed(item, 0, carry)
        if modes.S_ISLNK(found.st_mode) and self._target_of_link(item.path) == record.link:
            return already(item, carry)
        kept = self._kept(item, record, found)
        if kept is not None:
            return kept
        swapped = make.replace_link(self._root, item.path, record, found.st_ino, self._how.filling)
        if swapped is private.Swapped.DONE:
            return processed(item, 0, carry)
        return failed(item, MOVED, ErrorClass.TRANSIENT)

    def _target_of_link(self, path: bytes) -> bytes:
        with self._root.holding(path) as (directory, name):
            return os.readlink(name, dir_fd=directory)

    # Files ----------------------------------------------------------------------------------------------------

    def _file(self, item: Item, record: Record, origin: Origin) -> PathOutcome:
        found = self._stat(item.path)
        if found is None:
            return self._new(item, record, origin)
        if not modes.S_ISREG(found.st_mode):
            return self._kept(item, record, found) or self._instead(item, record, origin, found, None)
        with look(self._root, item.path, self._context.site.key) as here:
            if self._is_same(here, record, origin.reference):
                return self._same(item, here, record, origin)
            return self._kept(item, record, found) or self._instead(item, record, origin, here.stat, here)

    def _new(self, item: Item, record: Record, origin: Origin) -> PathOutcome:
        other = self._names.find((self._place, origin.reference))
        if (
            other is not None
            and other.path != item.path
            and link_to(self._context, self._root, other, item.path)
        ):
            return processed(item, 0, origin.reference.pack())
        fd = make.make_file(self._root, item.path, record, origin, self._how)
        try:
            self._context.confirm()
            private.place(self._root, item.path)
            return self._made(item, record, origin, fd)
        finally:
            private.abandon(self._root, item.path, fd)

    def _instead(
        self, item: Item, record: Record, origin: Origin, found: os.stat_result, here: Look | None
    ) -> PathOutcome:
        """Make it, and let it take the place of what stands here, if that is still as it was."""
        fd = self._made_again(item, record, origin)
        try:
            if not self._take_place(item, found, here):
                return failed(item, MOVED, ErrorClass.TRANSIENT)
            return self._made(item, record, origin, fd)
        finally:
            private.abandon(self._root, item.path, fd)

    def _made_again(self, item: Item, record: Record, origin: Origin) -> int:
        """The private file beside a path, complete: one more name of what was made, or made itself."""
        other = self._names.find((self._place, origin.reference))
        fd = None if other is None else link_beside(self._context, self._root, other, item.path)
        return make.make_file(self._root, item.path, record, origin, self._how) if fd is None else fd

    def _take_place(self, item: Item, found: os.stat_result, here: Look | None) -> bool:
        if here is None:
            self._context.confirm()
            return private.swap(self._root, item.path, found.st_ino) is private.Swapped.DONE
        with leased(here.fd, NO_WRITER) as answer:
            if self._how.filling.lease and answer is not Answer.HELD:
                return False
            if version_of(os.fstat(here.fd)) != version_of(found):
                return False
            self._context.confirm()
            private.doom(here, self._context.site.key)
            return private.swap(self._root, item.path, found.st_ino) is private.Swapped.DONE

    def _made(self, item: Item, record: Record, origin: Origin, fd: int) -> PathOutcome:
        whole = make.is_whole(record, self._how, os.fstat(fd).st_blksize)
        return processed(item, record.size if whole else 0, origin.reference.pack())

    def _is_same(self, here: Look, record: Record, reference: Reference) -> bool:
        """Whether the file here is the recorded one: by its mark, or by its data."""
        mark = here.judged.mark
        match here.judged.standing:
            case Standing.OFFLINE | Standing.PREMIGRATED if mark is not None and mark.reference == reference:
                return True
            case Standing.OFFLINE if mark is not None:
                return self._is_of_same_object(mark.reference, record, reference)
            case Standing.OFFLINE | Standing.INTERRUPTED | Standing.EDITED | Standing.FOREIGN:
                return False
        if here.stat.st_size != record.size:
            return False
        if self._how.filling.skip_hash or not record.checksum:
            return here.stat.st_mtime_ns == record.mtime_ns
        return checksum_of(here.fd, self._context.go_on) == record.checksum

    def _is_of_same_object(self, known: Reference, record: Record, reference: Reference) -> bool:
        """Whether a stub's own record tells of the very object, as it was then, that the other one tells of."""
        if known.tag != reference.tag:
            return False
        try:
            own = self._shelf.find(self._context.target_of(known.tag).storage, known)
        except StorageError:
            return False
        told = (own.key, own.size, own.checksum) == (record.key, record.size, record.checksum)
        return told and (bool(record.checksum) or own.mtime_ns == record.mtime_ns)

    def _same(self, item: Item, here: Look, record: Record, origin: Origin) -> PathOutcome:
        carry = origin.reference.pack()
        if not self._how.hydrate or here.judged.standing is not Standing.OFFLINE:
            return already_whole(self._context, item, carry, self._root)
        refused = bring_together(
            self._context, item, here, self._shelf, self._how.filling, self._names, self._root
        )
        return refused or processed(item, record.size, carry)

    # What stands here already ---------------------------------------------------------------------------------

    def _kept(self, item: Item, record: Record, found: os.stat_result) -> PathOutcome | None:
        """The outcome that says why what stands here stays; None where the recorded one takes its place."""
        if modes.S_ISDIR(found.st_mode):
            return failed(item, "a directory stands here, and never makes room for a file")
        if self._overwrite:
            return None
        match self._preference:
            case Preference.NEWEST if record.mtime_ns > found.st_mtime_ns:
                return None
            case Preference.NEWEST:
                return skipped(item, "what stands here is different, and newer; it stays")
            case Preference.LOCAL:
                return skipped(item, "what stands here is different; it stays")
            case Preference.IGNORE:
                return PathOutcome(
                    item.index, Code.ABORTED, "what stands here is different; both were let be"
                )

    def _stat(self, path: bytes) -> os.stat_result | None:
        try:
            return self._root.stat(path)
        except GONE:
            return None

    def _progress(self, size: int) -> None:
        self._context.progress(size=size)
