"""The step that brings the data of stubs back from their target."""

import stat as modes
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import ClassVar, Final

from towpath.domain.catalogue import RECALL, StepSpec
from towpath.domain.paths import Kind, PathOutcome
from towpath.hsm import private
from towpath.hsm.arrival import USUAL, Ranges
from towpath.hsm.fill import Filled, Filling, finish, prepare
from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Standing
from towpath.hsm.metadata import Owners
from towpath.hsm.shelf import Shelf
from towpath.steps.files import already_whole, clear_private, edited, foreign, not_filled
from towpath.steps.groups import Groups, Room
from towpath.steps.names import Names, bring_together
from towpath.steps.outcomes import GONE, already, kind_in_words, missing, processed, refused, skipped
from towpath.steps.protocol import Context, Item
from towpath.storage.durable import Durable
from towpath.storage.roots import Parents

SMALL: Final = 1024 * 1024
"""Files up to this size are brought in groups, each of which is synced at once."""
GROUP: Final = 256
"""How many stubs change places with their files together: each keeps two descriptors open until then."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A file that is whole under its private name, and may take its stub's place once it is synced."""

    item: Item
    filled: Filled


class Recall:
    """Fills stubs: each becomes the file that it was, with the owner, times and attributes that it has now.

    The data comes from the target that a stub's mark names, whatever `endpoint` says. Names of one stub (hard
    links) that one node recalls become names of one file, except with `delete_remote`.

    - `skip_hash`: do not compare the data with its checksum; its length is always compared.
    - `lock_level`: at partial and implicit, writers are kept out by a lease while the whole file takes the stub's
      place; none goes on without one, for file systems that have none.
    - `default_uid`, `default_gid`: the owner where this worker may not give the file to the one that the stub has.
    - `update_atime`, `update_mtime`: set these times to now.
    - `delete_remote`: forget the object, so that the file is resident; the hub deletes what nothing refers to.
    """

    spec: ClassVar[StepSpec] = RECALL

    def __init__(self, ranges: Ranges = USUAL) -> None:
        self._shelf, self._names, self._ranges = Shelf(), Names(), ranges
        self._room = Room(2, GROUP)

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Fill the stubs among the paths, the large ones after the small ones, which wait for each other; see the
        class."""
        with closing(Durable(context.root)) as durable:
            run = _Run(context, _Shared(self._shelf, self._names, self._room), durable, self._ranges)
            yield from run.groups.outcomes(context, run.work, [i for i in context.items if i.size <= SMALL])
            yield from context.each(run.work, [item for item in context.items if item.size > SMALL])

    def foresee(self, context: Context) -> Iterator[PathOutcome]:
        """Which paths are stubs, and would be filled."""

        def work(item: Item) -> PathOutcome:
            return _foresee(context, item)

        return context.each(work, context.items)


def _refuse(item: Item, found: Look) -> PathOutcome | None:
    """What is never filled, whatever is asked for."""
    match found.judged.standing:
        case Standing.FOREIGN:
            return foreign(item, found.judged)
        case Standing.EDITED:
            return edited(item)
        case _:
            return None


def _no_file(context: Context, item: Item) -> PathOutcome:
    mode = context.root.stat(item.path).st_mode
    kind = Kind.DIRECTORY if modes.S_ISDIR(mode) else Kind.SYMLINK if modes.S_ISLNK(mode) else Kind.OTHER
    return skipped(item, f"it is {kind_in_words(kind)}, and has no data to bring")


def _foresee(context: Context, item: Item) -> PathOutcome:
    try:
        if item.kind not in (Kind.FILE, Kind.MISSING):
            return _no_file(context, item)
        with look(context.root, item.path, context.site.key) as found:
            if (given := _refuse(item, found)) is not None:
                return given
            match found.judged.standing:
                case Standing.OFFLINE | Standing.INTERRUPTED:
                    return processed(item, found.stat.st_size)
                case Standing.PREMIGRATED if context.arguments["delete_remote"]:
                    return processed(item)
                case _:
                    return already(item)
    except NotRegular:
        return _no_file(context, item)
    except GONE:
        return missing(item, abort=context.arguments["abort_missing"])


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all tasks share; each member of a group takes a place of `room`."""

    shelf: Shelf
    names: Names
    room: Room


class _Run:
    """One task."""

    def __init__(self, context: Context, shared: _Shared, durable: Durable, ranges: Ranges) -> None:
        arguments = context.arguments
        self._context, self._shared, self._durable = context, shared, durable
        self.groups = Groups(self._commit, most=shared.room.most, abandon=self._abandon)
        self._abort_missing: bool = arguments["abort_missing"]
        self._how = Filling(
            context.site.key,
            context.confirm,
            self._progress,
            context.go_on,
            lease=arguments["lock_level"] != "none",
            skip_hash=arguments["skip_hash"],
            forget=arguments["delete_remote"],
            touch_atime=arguments["update_atime"],
            touch_mtime=arguments["update_mtime"],
            owners=Owners(arguments["default_uid"], arguments["default_gid"]),
            ranges=ranges,
        )

    def work(self, item: Item) -> PathOutcome:
        """One path."""
        if private.is_private(item.path):
            return clear_private(self._context, item)
        try:
            if item.kind not in (Kind.FILE, Kind.MISSING):
                return _no_file(self._context, item)
            found = look(self._context.root, item.path, self._context.site.key)
            try:
                given = self._file(item, found)
            except BaseException:
                found.close()
                raise
            if isinstance(given, Brought):
                return self.groups.join(item, given)
            found.close()
            return given
        except NotRegular:
            return _no_file(self._context, item)
        except GONE:
            return missing(item, abort=self._abort_missing)

    def _file(self, item: Item, found: Look) -> PathOutcome | Brought:
        if (given := _refuse(item, found)) is not None:
            return given
        match found.judged.standing:
            case Standing.OFFLINE | Standing.INTERRUPTED:
                return self._bring(item, found)
            case Standing.PREMIGRATED if self._how.forget:
                found.erase_mark()
                return processed(item)
            case _:
                return already_whole(self._context, item)

    def _bring(self, item: Item, found: Look) -> PathOutcome | Brought:
        shared = self._shared
        if self._waits_for_others(found) and shared.room.take():
            try:
                given = self._prepare(item, found)
            except BaseException:
                shared.room.give_back()
                raise
            if not isinstance(given, Brought):
                shared.room.give_back()
            return given
        root = self._context.root
        not_brought = bring_together(self._context, item, found, shared.shelf, self._how, shared.names, root)
        return not_brought or self._done(item, found)

    def _waits_for_others(self, found: Look) -> bool:
        """Whether a file is one of many: small, and by itself."""
        if found.stat.st_nlink > 1 or found.stat.st_size > SMALL:
            return False
        file = (self._context.root.name, found.stat.st_dev, found.stat.st_ino)
        return self._how.forget or self._shared.names.is_alone(file)

    def _prepare(self, item: Item, found: Look) -> PathOutcome | Brought:
        reference = found.judged.ours.reference
        storage = self._context.target_of(reference.tag).storage
        record = self._shared.shelf.find(storage, reference)
        given = prepare(self._context.root, item.path, found, record, storage, self._how)
        return Brought(item, given) if isinstance(given, Filled) else not_filled(item, given)

    def _done(self, item: Item, found: Look) -> PathOutcome:
        return processed(item, found.stat.st_size, found.judged.ours.reference.pack())

    # A group --------------------------------------------------------------------------------------------------

    def _commit(self, group: list[Brought]) -> Iterable[PathOutcome]:
        """Sync the files of a group, then let each take its place."""
        left, outcomes = deque(sorted(group, key=lambda brought: brought.item.path)), list[PathOutcome]()
        try:
            self._durable.sync_content({brought.item.path: brought.filled.fd for brought in group})
            with Parents(self._context.root) as parents:
                while left:
                    outcomes.append(self._place(left.popleft(), parents))
        except OSError as error:
            outcomes += [refused(brought.item, error, "sync its data") for brought in left]
        finally:
            for brought in left:
                self._abandon(brought)
        return outcomes

    def _place(self, brought: Brought, parents: Parents) -> PathOutcome:
        item, found = brought.item, brought.filled.found
        try:
            why = finish(brought.filled, parents)
        except OSError as error:
            return refused(item, error, "put it in place")
        finally:
            self._let_go(brought)
        return self._done(item, found) if why is None else not_filled(item, why)

    def _abandon(self, brought: Brought) -> None:
        try:
            brought.filled.abandon()
        finally:
            self._let_go(brought)

    def _let_go(self, brought: Brought) -> None:
        brought.filled.found.close()
        self._shared.room.give_back()

    # The rest -------------------------------------------------------------------------------------------------

    def _progress(self, size: int) -> None:
        self._context.progress(size=size)
