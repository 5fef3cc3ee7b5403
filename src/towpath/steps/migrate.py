"""The step that copies files to a target, verifies them there, and frees their local data."""

import os
import stat as modes
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, cast

import msgspec

from towpath.domain.catalogue import MIGRATE, StepSpec
from towpath.domain.paths import ErrorClass, Kind, PathOutcome, is_beneath
from towpath.hsm import private
from towpath.hsm.fill import Filling, version_of
from towpath.hsm.keys import templated_key
from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Judged, Mark, Standing
from towpath.hsm.metadata import Content, directory_record, file_record, link_record
from towpath.hsm.record import Record, sign
from towpath.hsm.shelf import Shelf
from towpath.steps.commit import Committer, Copied, Ending, check_head
from towpath.steps.files import UNGUARDED, bring, clear_private, closed, edited, foreign
from towpath.steps.groups import Groups
from towpath.steps.names import Names
from towpath.steps.outcomes import (
    GONE,
    all_failed,
    already,
    failed,
    kind_in_words,
    missing,
    processed,
    skipped,
)
from towpath.steps.protocol import Context, Item, Target
from towpath.steps.reading import open_source, settle
from towpath.storage.protocol import ObjectMissing, StorageError

OWN_PLACE = "it lies in the target's own directory"
ELSEWHERE = "its data, and so its record, is at another target"


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of the step."""

    premigrate: bool
    head: int
    overwrite: bool
    fail_on_mismatch: bool
    abort_missing: bool
    renew_stubs: bool
    skip_changed: bool
    records_of_all: bool

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Options":
        """The options in a task's arguments."""
        return cls(
            premigrate=arguments["premigrate"],
            head=arguments["stub_size"],
            overwrite=arguments["overwrite"],
            fail_on_mismatch=arguments["fail_on_mismatch"],
            abort_missing=arguments["abort_missing"],
            renew_stubs=arguments["migrate_offline_files"],
            skip_changed=arguments["skip_modified_during_migrate"],
            records_of_all=arguments["records"] == "all",
        )


class Migrate:
    """Copies each file to the target, verified, with a record of its metadata; then marks it and frees its data.

    - `premigrate`: stop before freeing: the file is premigrated.
    - `stub_size`: bytes kept at the head of each stub, rounded up to whole blocks; a file that is no larger stays
      premigrated.
    - `overwrite`: put a new object even where a verified copy of this very version is at the target already.
      Objects are never changed: an edited file gets a new object with or without it.
    - `fail_on_mismatch`: a file that was edited since its copy was made fails, rather than being copied again.
    - `lock_level`: data is freed under a write lease at each level, and copied under none: a file that is open
      somewhere is copied, and left premigrated with the outcome skipped.
    - `migrate_offline_files`: for stubs, write a new record with the metadata that they have now.
    - `records` = all: directories and symbolic links get a record too, as `reverse_stub` needs it for a tree.

    What is handed on for a path is the reference of its record.
    """

    spec: ClassVar[StepSpec] = MIGRATE

    def __init__(self) -> None:
        self._shelf = Shelf()

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Copy the paths in commit groups; see the class."""
        try:
            return self._begin(context).outcomes()
        except StorageError as error:
            return all_failed(context, error)

    def foresee(self, context: Context) -> Iterator[PathOutcome]:
        """Which files would be copied or freed."""
        try:
            run = self._begin(context)
        except StorageError as error:
            return all_failed(context, error)
        return context.each(run.foresee, context.items)

    def _begin(self, context: Context) -> "_Run":
        options = Options.of(context.arguments)
        wrong = check_head(options.head)
        if wrong is None and not options.premigrate and not context.site.unguarded:
            wrong = UNGUARDED
        if wrong is not None:
            raise StorageError(wrong, ErrorClass.PERMANENT)
        return _Run(context, context.target(), options, self._shelf)


class _Run:
    """One task."""

    def __init__(self, context: Context, target: Target, options: Options, shelf: Shelf) -> None:
        self._context, self._target, self._options, self._shelf = context, target, options, shelf
        self._root, self._key = context.root, context.site.key
        self._committer = Committer(
            context, target, Ending(options.premigrate, options.head, options.skip_changed)
        )
        self._groups = Groups(self._committer.commit)
        self._names = Names()
        self._linked: dict[tuple[int, int], Copied] = {}
        self._foreseen: set[tuple[int, int]] = set()
        self._own_place = _beneath(context.root.path, target.directory)

    def outcomes(self) -> Iterator[PathOutcome]:
        return self._groups.outcomes(self._context, self._work)

    def _work(self, item: Item) -> PathOutcome:
        if self._own_place is not None and is_beneath(item.path, self._own_place):
            return skipped(item, OWN_PLACE)
        if private.is_private(item.path):
            return clear_private(self._context, item)
        try:
            begun = self._begin(item)
        except GONE:
            return missing(item, abort=self._options.abort_missing)
        # Only now, with the file closed: joining may commit the group, and free this very file.
        return self._groups.join(item, begun) if isinstance(begun, Copied) else begun

    def _begin(self, item: Item) -> PathOutcome | Copied:
        """An outcome, or what has one once its group is committed."""
        if item.kind not in (Kind.FILE, Kind.MISSING):
            return self._no_file(item)
        try:
            with look(self._root, item.path, self._key) as found:
                return self._file(item, found)
        except NotRegular:
            return self._no_file(item)

    # Files ----------------------------------------------------------------------------------------------------

    def _file(self, item: Item, found: Look) -> PathOutcome | Copied:
        if (given := self._refuse(item, found)) is not None:
            return given
        judged = found.judged
        match judged.standing:
            case Standing.INTERRUPTED:
                return self._resume(item, found)
            case Standing.OFFLINE:
                return self._offline(item, found)
            case Standing.PREMIGRATED if not self._options.overwrite and self._is_here(judged):
                return self._premigrated(item, found, judged.ours)
            case _:
                return self._copy(item, found)

    def _refuse(self, item: Item, found: Look) -> PathOutcome | None:
        """What is never copied, as things stand."""
        match found.judged.standing:
            case Standing.FOREIGN:
                return foreign(item, found.judged)
            case Standing.EDITED:
                return edited(item)
            case Standing.MODIFIED if self._options.fail_on_mismatch:
                return failed(item, "it differs from its record: it was edited since it was copied")
            case _:
                return None

    def _is_here(self, judged: Judged) -> bool:
        """Whether the copy that a mark tells of is at the target that the task names."""
        return judged.ours.reference.tag == self._target.tag

    def _premigrated(self, item: Item, found: Look, mark: Mark) -> PathOutcome | Copied:
        """A file that was copied before: its data is freed only while its copy is still there."""
        if self._options.premigrate or mark.size == 0:
            return already(item, mark.reference.pack())
        if not self._still_stands(mark):
            return self._copy_alone(item, found)
        return self._committer.end(item, found, mark, 0)

    def _still_stands(self, mark: Mark) -> bool:
        """Whether the object that a mark leads to is at the target: it may have been collected, or deleted there."""
        storage = self._target.storage
        try:
            record = self._shelf.find(storage, mark.reference)
        except ObjectMissing:
            return False
        there = storage.look(record.key)
        return there is not None and there.size == mark.size

    def _offline(self, item: Item, found: Look) -> PathOutcome | Copied:
        mark = found.judged.ours
        if not self._options.renew_stubs:
            return already(item, mark.reference.pack())
        if mark.reference.tag != self._target.tag:
            return skipped(item, ELSEWHERE)
        old = self._shelf.find(self._target.storage, mark.reference)
        content = Content(old.key, old.checksum)
        new = file_record(item.path, found.stat, found.attributes, content, self._key)
        new = _as_before(new, old, mark, self._key)
        return Copied(item, new, found.stat, 0, mark)

    def _resume(self, item: Item, found: Look) -> PathOutcome | Copied:
        """A file that was left half freed is made whole first; then it is like any other."""
        how = Filling(self._key, self._context.confirm, self._progress, self._context.go_on)
        refused = bring(self._context, item, found, self._shelf, how)
        if refused is not None:
            return refused
        with look(self._root, item.path, self._key) as whole:
            return self._file(item, whole)

    def _copy(self, item: Item, found: Look) -> PathOutcome | Copied:
        """Copy a file; one with several names is copied once, whichever comes first."""
        if found.stat.st_nlink == 1:
            return self._copy_alone(item, found)
        inode = (found.stat.st_dev, found.stat.st_ino)
        with self._names.turn(inode), look(self._root, item.path, self._key) as now:
            first = self._linked.get(inode)
            if (
                first is not None
                and first.stat is not None
                and version_of(first.stat) == version_of(now.stat)
            ):
                content = Content(first.record.key, first.record.checksum)
                record = file_record(item.path, first.stat, now.attributes, content, self._key)
                return Copied(item, record, first.stat)
            newly = first is not None or found.judged.standing is not Standing.PREMIGRATED
            if newly and now.judged.standing is Standing.PREMIGRATED and self._is_here(now.judged):
                return self._premigrated(item, now, now.judged.ours)
            made = self._copy_alone(item, now)
            if isinstance(made, Copied):
                self._linked[inode] = made
            return made

    def _copy_alone(self, item: Item, found: Look) -> PathOutcome | Copied:
        if found.was_closed:
            return closed(item)
        before = settle(found.fd)
        key = templated_key(
            self._target.template, self._context.site.name, self._root.name, item.path, before
        )
        with open_source(found.fd, before.st_size, self._progress, self._context.go_on) as source:
            try:
                with self._beginning(key, before.st_size):
                    self._target.storage.put(key, cast(BinaryIO, source), before.st_size)
            except StorageError:
                if version_of(os.fstat(found.fd)) == version_of(before):
                    raise
                return self._committer.changed(item, 0)
            content = Content(key, source.digest())
        if version_of(os.fstat(found.fd)) != version_of(before):
            return self._committer.changed(item, before.st_size)
        record = file_record(item.path, before, found.attributes, content, self._key)
        return Copied(item, record, before, before.st_size)

    def _beginning(self, key: str, size: int) -> AbstractContextManager[None]:
        """Around the put of what may go in parts, which may outlive us."""
        over = self._target.storage.abilities.parts_over
        may_stay = over is not None and size > over
        return self._context.begins(self._target, key) if may_stay else nullcontext()

    def _progress(self, size: int) -> None:
        self._context.progress(size=size)

    # The rest -------------------------------------------------------------------------------------------------

    # What would be done -----------------------------------------------------------------------------------------

    def foresee(self, item: Item) -> PathOutcome:
        """The outcome that a path would have; nothing is done to it."""
        if self._own_place is not None and is_beneath(item.path, self._own_place):
            return skipped(item, OWN_PLACE)
        if private.is_private(item.path):
            return skipped(item, "it is a private file, and would be removed where its run is over")
        try:
            if item.kind not in (Kind.FILE, Kind.MISSING):
                return self._foresee_no_file(item)
            with look(self._root, item.path, self._key) as found:
                return self._refuse(item, found) or self._foresee_file(item, found)
        except NotRegular:
            return self._foresee_no_file(item)
        except GONE:
            return missing(item, abort=self._options.abort_missing)

    def _foresee_file(self, item: Item, found: Look) -> PathOutcome:
        options, judged = self._options, found.judged
        match judged.standing:
            case Standing.OFFLINE if options.renew_stubs and not self._is_here(judged):
                return skipped(item, ELSEWHERE)
            case Standing.OFFLINE:
                return processed(item) if options.renew_stubs else already(item)
            case Standing.INTERRUPTED:
                return processed(item)
            case Standing.PREMIGRATED if not options.overwrite and self._is_here(judged):
                if options.premigrate or judged.ours.size == 0:
                    return already(item)
                if self._still_stands(judged.ours):
                    return self._committer.foresee(item, found, 0)
        if found.was_closed:
            return closed(item)
        inode = (found.stat.st_dev, found.stat.st_ino)
        with self._names.turn(inode):
            first = inode not in self._foreseen
            if found.stat.st_nlink > 1:
                self._foreseen.add(inode)
        return self._committer.foresee(item, found, found.stat.st_size if first else 0)

    def _foresee_no_file(self, item: Item) -> PathOutcome:
        made = self._no_file(item)
        return processed(item) if isinstance(made, Copied) else made

    def _no_file(self, item: Item) -> PathOutcome | Copied:
        mode = self._root.stat(item.path).st_mode
        kind = Kind.DIRECTORY if modes.S_ISDIR(mode) else Kind.SYMLINK if modes.S_ISLNK(mode) else Kind.OTHER
        if modes.S_ISREG(mode):
            return failed(item, "it was replaced by a file meanwhile", ErrorClass.TRANSIENT)
        if not self._options.records_of_all or kind is Kind.OTHER:
            return skipped(item, f"it is {kind_in_words(kind)}, and has no data to copy")
        make = directory_record if kind is Kind.DIRECTORY else link_record
        return Copied(item, make(self._root, item.path, self._key))


def _as_before(new: Record, old: Record, mark: Mark, key: bytes) -> Record:
    """A stub's new record with what the stub does not show."""
    return sign(msgspec.structs.replace(new, mode=mark.mode, sparse=old.sparse), key)


def _beneath(root: bytes, directory: bytes | None) -> bytes | None:
    """Where a target's directory lies beneath the root; None where it does not, or the target is none."""
    if directory is None:
        return None
    root, directory = os.path.realpath(root), os.path.realpath(directory)
    if directory == root:
        return b""
    return directory[len(root) + 1 :] if is_beneath(directory, root) else None
