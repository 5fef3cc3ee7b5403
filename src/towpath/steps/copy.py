"""The step that copies files, symbolic links and directories within the site, with all their metadata."""

import errno
import os
import stat as modes
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import ClassVar, Final

from towpath.domain.catalogue import COPY, StepSpec
from towpath.domain.paths import Code, ErrorClass, Kind, PathOutcome, is_beneath
from towpath.hsm import make, nameless, private
from towpath.hsm.content import copy_content
from towpath.hsm.fill import Filling, version_of
from towpath.hsm.look import Look, NotRegular, erase_mark, look
from towpath.hsm.mark import Standing
from towpath.hsm.metadata import Owners, directory_record, link_record
from towpath.hsm.nameless import Nascent
from towpath.steps.files import closed, edited
from towpath.steps.groups import Groups, Room
from towpath.steps.names import Names, link_to
from towpath.steps.outcomes import (
    GONE,
    all_failed,
    already,
    failed,
    kind_in_words,
    missing,
    processed,
    refused,
    skipped,
)
from towpath.steps.placing import THERE, Placing, is_to_make_room, placing_of
from towpath.steps.protocol import Context, Item
from towpath.steps.reading import settle
from towpath.storage.durable import Durable
from towpath.storage.protocol import StorageError
from towpath.storage.roots import Parents

GROUP: Final = 1000
"""How many copies are synced, and take their places, together: each keeps a descriptor open until then."""
LONGEST: Final = 4.0
"""Seconds that a group waits for others at most; a death costs no more than what was copied in them."""
STANDS: Final = "something else stands where its copy would go"
MOVED: Final = "what stands where its copy goes was changed meanwhile"
CHANGED: Final = "the file was changed while it was copied"


@dataclass(frozen=True, slots=True)
class Made:
    """A copy that is whole and open, and on its way to its place; `there` is what it is to replace."""

    item: Item
    file: Nascent
    mode: int
    size: int
    there: os.stat_result | None


class Copy:
    """Makes a copy of each path: data with its holes, mode, owner, times, extended attributes and ACLs.

    The place is `to_path`, followed by the path less `from_path`, beneath `to_root`. A copy is made under a private
    name, synced, in groups, and only then takes its place. It is a file of its own: of the relation of a managed
    file to its object it has nothing. Names of one file (hard links) that one node copies in a job are names of one
    copy, where nothing stands at their places. A stub is skipped: its data is not here.

    - `replace`: a different file or symbolic link at the place makes room `never`, where it is `older`, or `always`.
      One that has the same size and modification time counts as the same, and is left. Directories are merged.
    - `default_uid`, `default_gid`: the owner where the recorded one may not be set.
    - `abort_missing`: a path that is not there counts as aborted rather than failed.
    """

    spec: ClassVar[StepSpec] = COPY
    near: ClassVar[bool] = True

    def __init__(self) -> None:
        self._names, self._room = Names(), Room(1, GROUP)

    def foresee(self, context: Context) -> Iterator[PathOutcome]:
        """What would be copied; whether something stands at the other place already is not looked at."""

        def work(item: Item) -> PathOutcome:
            return processed(item, item.size if item.kind is Kind.FILE else 0)

        return context.each(work, context.items)

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Copy the paths, directories last and deepest first, so that their times stay; see the class."""
        try:
            placing = placing_of(context)
        except StorageError as error:
            yield from all_failed(context, error)
            return
        with closing(Durable(placing.root)) as durable:
            run = _Run(context, placing, durable, _Shared(self._names, self._room))
            groups = Groups(
                run.commit, most=self._room.most, longest=LONGEST, abandon=run.abandon, rest=context.rest
            )
            directories = [item for item in context.items if item.kind is Kind.DIRECTORY]
            others = [item for item in context.items if item.kind is not Kind.DIRECTORY]
            yield from groups.outcomes(context, lambda item: run.work(item, groups), others)
            directories.sort(key=lambda item: item.path.count(b"/"), reverse=True)
            for item in directories:
                yield from context.each(run.directory, [item])


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all tasks share; each copy that is open takes a place of `room`."""

    names: Names
    room: Room


class _Run:
    """One task."""

    def __init__(self, context: Context, placing: Placing, durable: Durable, shared: _Shared) -> None:
        arguments = context.arguments
        self._context, self._placing, self._durable = context, placing, durable
        self._names, self._room = shared.names, shared.room
        self._root, self._key = context.root, context.site.key
        self._lies_there = placing.out_of(self._root)
        self._replace: str = arguments["replace"]
        self._abort_missing: bool = arguments["abort_missing"]
        self._owners = Owners(arguments["default_uid"], arguments["default_gid"])
        self._new: set[bytes] = set()
        """Directories that this run has made: nothing of ours, or of others, was there before."""

    # Files and links ------------------------------------------------------------------------------------------

    def work(self, item: Item, groups: Groups[Made]) -> PathOutcome:
        """One path that is no directory."""
        if private.is_private(item.path):
            return skipped(item, "it is a file under way to its place")
        if self._lies_there(item.path):
            return skipped(item, THERE)
        place = self._placing.of(item.path)
        if self._is_itself(item.path, place):
            return failed(item, "its copy would take its own place")
        try:
            made = self._with_parents(item, place)
        except GONE:
            return missing(item, abort=self._abort_missing)
        except private.Busy:
            return failed(item, "another run is making its copy now", ErrorClass.TRANSIENT)
        except private.NotOurs:
            return failed(item, "a file that is not ours stands where its private file would be made")
        if not isinstance(made, Made):
            return made
        if self._has_room(groups):
            return groups.join(item, made)
        [outcome] = self._commit_alone(made)
        return outcome

    def _has_room(self, groups: Groups[Made]) -> bool:
        if self._room.take():
            return True
        groups.flush()
        return self._room.take()

    def _is_itself(self, path: bytes, place: bytes) -> bool:
        return self._root is self._placing.root and path == place

    def _with_parents(self, item: Item, place: bytes) -> PathOutcome | Made:
        there = self._there(place)
        # What was a file mostly still is one: then opening it is look enough.
        found = None if there is None and item.kind is Kind.FILE else self._root.stat(item.path)
        if there is not None and found is not None and (kept := self._kept(item, found, there)) is not None:
            return kept
        try:
            return self._make(item, place, found, there)
        except FileNotFoundError:
            self._root.stat(item.path)
            if make.make_parents(self._placing.root, place):
                self._new.add(place.rpartition(b"/")[0])
            return self._make(item, place, found, there)

    def _there(self, place: bytes) -> os.stat_result | None:
        """What stands at a place, if anything; in a new directory that is left to the move to find out."""
        if self._is_in_new(place):
            return None
        try:
            return self._placing.root.stat(place)
        except GONE:
            return None

    def _is_in_new(self, place: bytes) -> bool:
        return place.rpartition(b"/")[0] in self._new

    def _kept(self, item: Item, found: os.stat_result, there: os.stat_result) -> PathOutcome | None:
        """The outcome where what stands there stays; None where it is to make room."""
        if modes.S_IFMT(found.st_mode) == modes.S_IFMT(there.st_mode):
            same = (found.st_size, found.st_mtime_ns) == (there.st_size, there.st_mtime_ns)
            if same and self._replace != "always":
                return already(item)
        if modes.S_ISDIR(there.st_mode) or not is_to_make_room(self._replace, found, there):
            return failed(item, STANDS)
        return None

    def _make(
        self, item: Item, place: bytes, found: os.stat_result | None, there: os.stat_result | None
    ) -> PathOutcome | Made:
        if found is None:
            try:
                return self._make_file(item, place, there)
            except NotRegular:
                found = self._root.stat(item.path)
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
                found = self._root.stat(item.path)
        if modes.S_ISLNK(found.st_mode):
            return self._link(item, place, there)
        if not modes.S_ISREG(found.st_mode):
            kind = Kind.DIRECTORY if modes.S_ISDIR(found.st_mode) else Kind.OTHER
            return skipped(item, f"it is {kind_in_words(kind)}, and is not copied as a file")
        try:
            return self._make_file(item, place, there)
        except NotRegular:
            return failed(item, CHANGED, ErrorClass.TRANSIENT)

    def _make_file(self, item: Item, place: bytes, there: os.stat_result | None) -> PathOutcome | Made:
        """Copy what is to be a regular file; raises `NotRegular`, or OSError with ELOOP, where it is none."""
        with look(self._root, item.path, self._key) as opened:
            if opened.stat.st_nlink > 1 and there is None:
                return self._linked(item, opened, place)
            return self._file(item, opened, place, there)

    def _linked(self, item: Item, found: Look, place: bytes) -> PathOutcome:
        """A file with several names: its copy is made at once, and given each further name that the job has."""
        file = (self._context.job, found.stat.st_dev, version_of(found.stat))
        with self._names.turn(file):
            known = self._names.find(file)
            if known is not None and link_to(self._context, self._placing.root, known, place):
                return processed(item)
            made = self._file(item, found, place, None)
            if not isinstance(made, Made):
                return made
            [outcome] = self._commit_alone(made)
            if outcome.code is Code.PROCESSED:
                self._names.tell(file, self._placing.root, place)
            return outcome

    def _file(
        self, item: Item, found: Look, place: bytes, there: os.stat_result | None
    ) -> PathOutcome | Made:
        match found.judged.standing:
            case Standing.OFFLINE | Standing.INTERRUPTED:
                return skipped(item, "offline: its data is not here (recall brings it)")
            case Standing.EDITED:
                return edited(item)
        if found.was_closed:
            return closed(item)
        file = self._begin(place, there)
        try:
            before = settle(found.fd)
            mode = self._write(file.fd, found, before)
            if version_of(os.fstat(found.fd)) == version_of(before):
                return Made(item, file, mode, before.st_size, there)
        except BaseException:
            file.abandon()
            raise
        file.abandon()
        return failed(item, CHANGED, ErrorClass.TRANSIENT)

    def _begin(self, place: bytes, there: os.stat_result | None) -> Nascent:
        """The file that is to become the copy; one that is to change places with another has a private name."""
        root = self._placing.root
        if there is not None:
            return nameless.named(root, place, self._key)
        return nameless.begin(root, place, self._key, is_new=self._is_in_new(place))

    def _write(self, fd: int, found: Look, before: os.stat_result) -> int:
        copy_content(found.fd, fd, before, self._go_on)
        mode = make.dress_like(fd, before, found.attributes, self._owners)
        os.fchmod(fd, mode)
        return mode

    def _go_on(self, size: int) -> None:
        self._context.go_on()
        self._context.progress(size=size)

    def _link(self, item: Item, place: bytes, there: os.stat_result | None) -> PathOutcome:
        record = link_record(self._root, item.path, self._key)
        self._context.confirm()
        if there is None:
            make.make_link(self._placing.root, place, record, self._owners)
            return processed(item)
        how = Filling(
            self._key, self._context.confirm, lambda _: None, self._context.go_on, owners=self._owners
        )
        swapped = make.replace_link(self._placing.root, place, record, there.st_ino, how)
        if swapped is private.Swapped.DONE:
            return processed(item)
        return failed(item, MOVED, ErrorClass.TRANSIENT)

    # A group --------------------------------------------------------------------------------------------------

    def commit(self, group: list[Made]) -> Iterable[PathOutcome]:
        """Make the copies of a group safe, let each take its place, and make that safe too."""
        try:
            return self._commit(group)
        finally:
            self._room.give_back(len(group))

    def _commit_alone(self, made: Made) -> Iterable[PathOutcome]:
        return self._commit([made])

    def abandon(self, made: Made) -> None:
        """Let go of a copy whose group is not to be."""
        self._room.give_back()
        made.file.abandon()

    def _commit(self, group: list[Made]) -> Iterable[PathOutcome]:
        outcomes: list[PathOutcome] = []
        open_ones = deque(sorted(group, key=lambda made: made.file.path))
        try:
            self._durable.sync_content({made.file.path: made.file.fd for made in group})
            placed = []
            with Parents(self._placing.root) as parents:
                while open_ones:
                    if self._placed(made := open_ones.popleft(), parents, outcomes):
                        placed.append(made)
            self._durable.sync(made.file.path for made in placed)
        except OSError as error:
            told = {outcome.index for outcome in outcomes}
            left = [made.item for made in group if made.item.index not in told]
            return outcomes + [refused(item, error, "sync its copy") for item in left]
        finally:
            for made in open_ones:
                made.file.abandon()
        return outcomes + [processed(made.item, made.size) for made in placed]

    def _placed(self, made: Made, parents: Parents, outcomes: list[PathOutcome]) -> bool:
        """Whether a copy has taken its place; else its outcome is told."""
        file, placed = made.file, False
        try:
            self._context.confirm()
            if made.there is None:
                file.take_place(parents)
            else:
                self._swap(file.path, made.there)
            placed = True
            if file.named:
                erase_mark(file.fd, made.mode)
        except FileExistsError:
            outcomes.append(failed(made.item, MOVED, ErrorClass.TRANSIENT))
        except OSError as error:
            outcomes.append(refused(made.item, error, "put its copy in place"))
        else:
            return True
        finally:
            if placed:
                os.close(file.fd)
            else:
                file.abandon()
        return False

    def _swap(self, place: bytes, there: os.stat_result) -> None:
        root = self._placing.root
        if modes.S_ISREG(there.st_mode):
            with look(root, place, self._key) as old:
                private.doom(old, self._key)
        if private.swap(root, place, there.st_ino) is not private.Swapped.DONE:
            raise FileExistsError

    # Directories ----------------------------------------------------------------------------------------------

    def directory(self, item: Item) -> PathOutcome:
        """Make a directory, and give it all that the other has; its times stay, since what it holds is there."""
        if self._lies_there(item.path):
            return skipped(item, THERE)
        place = self._placing.of(item.path)
        if self._root is self._placing.root and is_beneath(place, item.path) and item.path:
            return failed(item, "its copy would lie beneath itself")
        try:
            record = directory_record(self._root, item.path, self._key)
        except GONE:
            return missing(item, abort=self._abort_missing)
        if not place:
            return already(item)
        root = self._placing.root
        try:
            make.make_parents(root, place)
            made = make.make_directory(root, place)
            dressed = make.dress_directory(root, place, record, self._owners)
        except (FileExistsError, NotADirectoryError):
            return failed(item, STANDS)
        return processed(item) if made or dressed else already(item)
