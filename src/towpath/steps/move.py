"""The step that renames files, symbolic links and directories within the site."""

import errno
import os
import stat as modes
from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar, Final

from towpath.domain.catalogue import MOVE, StepSpec
from towpath.domain.paths import ErrorClass, Kind, PathOutcome, is_beneath
from towpath.hsm import make
from towpath.steps.outcomes import GONE, all_failed, already, failed, missing, processed, skipped
from towpath.steps.placing import THERE, Placing, is_to_make_room, placing_of
from towpath.steps.protocol import Context, Item
from towpath.storage.protocol import StorageError
from towpath.storage.renames import EXCHANGE, NO_REPLACE, rename
from towpath.storage.roots import Root

STANDS: Final = "something else stands at its new place"
OTHER_DEVICE: Final = "its new place is on another file system: copy it there, then delete it here"


class Move:
    """Gives each path its new name, in one rename: what is open stays open, a stub stays a stub, no data is sent.

    The new place is `to_path`, followed by the path less `from_path`, beneath `to_root`. Directories above it that
    are not there are made, with the usual mode.

    - `recursive`: a directory goes with all that it holds; where one stands at the new place already, the two are
      merged, name by name. Without it only an empty directory is moved.
    - `replace`: a different file or symbolic link at the new place makes room `never`, where it is `older`, or
      `always`. A directory never makes room, nor does anything make room for one.
    - `abort_missing`: a path that is not there counts as aborted rather than failed.

    Directories go first, those above before those beneath, so that a path of the same task that went with the
    directory above it is found done. The root of a site is never moved, and nothing to another file system.
    """

    spec: ClassVar[StepSpec] = MOVE
    near: ClassVar[bool] = True

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Move the paths; see the class."""
        try:
            run = _Run(context, placing_of(context))
        except StorageError as error:
            yield from all_failed(context, error)
            return
        directories = [item for item in context.items if item.kind is Kind.DIRECTORY]
        for item in sorted(directories, key=lambda item: item.path.count(b"/")):
            yield from context.each(run.work, [item])
        yield from context.each(run.work, [item for item in context.items if item.kind is not Kind.DIRECTORY])


class _Run:
    """One task."""

    def __init__(self, context: Context, placing: Placing) -> None:
        self._context, self._placing, self._root = context, placing, context.root
        self._lies_there = placing.out_of(self._root)
        self._recursive: bool = context.arguments["recursive"]
        self._replace: str = context.arguments["replace"]
        self._abort_missing: bool = context.arguments["abort_missing"]

    def work(self, item: Item) -> PathOutcome:
        """One path."""
        if self._lies_there(item.path):
            return skipped(item, THERE)
        place = self._placing.of(item.path)
        if not item.path or not place:
            return failed(item, "it is the root of the site, or is to take its place")
        if self._root is self._placing.root and is_beneath(place, item.path):
            return already(item) if place == item.path else failed(item, "its new place lies beneath itself")
        try:
            found = self._root.stat(item.path)
        except GONE:
            return self._gone(item, place)
        try:
            return self._moved(item, place, found)
        except FileNotFoundError:
            make.make_parents(self._placing.root, place)
            return self._moved(item, place, found)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return failed(item, OTHER_DEVICE)
            raise

    def _gone(self, item: Item, place: bytes) -> PathOutcome:
        """It may have gone with the directory above it, or before this run's worker was lost."""
        if self._recursive or self._context.again:
            with suppress(*GONE):
                self._placing.root.stat(place)
                return already(item)
        return missing(item, abort=self._abort_missing)

    def _moved(self, item: Item, place: bytes, found: os.stat_result) -> PathOutcome:
        is_directory = modes.S_ISDIR(found.st_mode)
        if is_directory and not self._recursive and not _is_empty(self._root, item.path):
            return failed(item, "it is not empty (recursive moves it with all that it holds)")
        with self._root.holding(item.path) as old, self._placing.root.holding(place) as new:
            self._context.confirm()
            try:
                _rename(old, new)
            except FileExistsError:
                pass
            else:
                return processed(item)
            there = os.stat(new[1], dir_fd=new[0], follow_symlinks=False)
            if not is_directory:
                return self._instead(item, old, new, (found, there))
        if not modes.S_ISDIR(there.st_mode):
            return failed(item, STANDS)
        return self._merged(item, place)

    def _instead(
        self,
        item: Item,
        old: tuple[int, bytes],
        new: tuple[int, bytes],
        stats: tuple[os.stat_result, os.stat_result],
    ) -> PathOutcome:
        """A file in the place of another: the two change places, and the one that made room goes."""
        found, there = stats
        if (found.st_dev, found.st_ino) == (there.st_dev, there.st_ino):  # Two names of one file.
            os.unlink(old[1], dir_fd=old[0])
            return processed(item)
        if modes.S_ISDIR(there.st_mode) or not is_to_make_room(self._replace, found, there):
            return failed(item, STANDS)
        if not rename(old, new, EXCHANGE):
            os.rename(old[1], new[1], src_dir_fd=old[0], dst_dir_fd=new[0])
            return processed(item)
        if os.stat(old[1], dir_fd=old[0], follow_symlinks=False).st_ino != there.st_ino:
            rename(old, new, EXCHANGE)
            return failed(item, "what stands at its new place was changed meanwhile", ErrorClass.TRANSIENT)
        os.unlink(old[1], dir_fd=old[0])
        return processed(item)

    # Directories that are merged ------------------------------------------------------------------------------

    def _merged(self, item: Item, place: bytes) -> PathOutcome:
        """Move what a directory holds into the one at its new place; what cannot be, stays, and is counted."""
        if not self._recursive:  # An empty one: the other holds all that it holds.
            self._remove(item.path)
            return processed(item)
        stay, trail = 0, [(item.path, place)]
        for old, new in trail:  # Grows: a directory that both have is merged in its turn.
            stay += self._merge_level(old, new, trail)
        for old, _ in reversed(trail):
            self._remove(old)
        if stay:
            many = "path stays" if stay == 1 else "paths stay"
            return failed(item, f"{stay} {many}: something stands where it would go")
        return processed(item)

    def _merge_level(self, old: bytes, new: bytes, trail: list[tuple[bytes, bytes]]) -> int:
        stay = 0
        source = self._root.open(old, os.O_RDONLY | os.O_DIRECTORY)
        try:
            target = self._placing.root.open(new, os.O_PATH | os.O_DIRECTORY)
            try:
                with os.scandir(source) as entries:
                    for entry in entries:
                        self._context.go_on()
                        self._context.confirm()
                        name = os.fsencode(entry.name)
                        try:
                            _rename((source, name), (target, name))
                        except FileExistsError:
                            if self._are_directories((source, name), (target, name)):
                                trail.append((old + b"/" + name, new + b"/" + name))
                            else:
                                stay += not self._took_place((source, name), (target, name))
            finally:
                os.close(target)
        finally:
            os.close(source)
        return stay

    def _took_place(self, old: tuple[int, bytes], new: tuple[int, bytes]) -> bool:
        found, there = _lstat(old), _lstat(new)
        if modes.S_ISDIR(found.st_mode):
            return False
        stand_in = Item(0, old[1], Kind.FILE, 0, "")
        return not self._instead(stand_in, old, new, (found, there)).reason

    @staticmethod
    def _are_directories(*places: tuple[int, bytes]) -> bool:
        return all(modes.S_ISDIR(_lstat(place).st_mode) for place in places)

    def _remove(self, path: bytes) -> None:
        with suppress(OSError), self._root.holding(path) as (directory, name):
            os.rmdir(name, dir_fd=directory)


def _lstat(place: tuple[int, bytes]) -> os.stat_result:
    return os.stat(place[1], dir_fd=place[0], follow_symlinks=False)


def _rename(old: tuple[int, bytes], new: tuple[int, bytes]) -> None:
    """Rename where nothing has the new name; raises FileExistsError."""
    if rename(old, new, NO_REPLACE):
        return
    if modes.S_ISDIR(
        _lstat(old).st_mode
    ):  # Without the flag: a directory only takes the place of an empty one.
        with suppress(FileNotFoundError):
            _lstat(new)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new[1])
        os.rename(old[1], new[1], src_dir_fd=old[0], dst_dir_fd=new[0])
        return
    os.link(old[1], new[1], src_dir_fd=old[0], dst_dir_fd=new[0], follow_symlinks=False)
    os.unlink(old[1], dir_fd=old[0])


def _is_empty(root: Root, path: bytes) -> bool:
    fd = root.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(fd) as entries:
            return next(entries, None) is None
    finally:
        os.close(fd)
