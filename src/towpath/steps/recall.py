"""The step that brings the data of stubs back from their target."""

import stat as modes
from collections.abc import Iterator
from typing import ClassVar

from towpath.domain.catalogue import RECALL, StepSpec
from towpath.domain.paths import Kind, PathOutcome
from towpath.hsm import private
from towpath.hsm.arrival import USUAL, Ranges
from towpath.hsm.fill import Filling
from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Standing
from towpath.hsm.metadata import Owners
from towpath.hsm.shelf import Shelf
from towpath.steps.files import already_whole, clear_private, edited, foreign
from towpath.steps.names import Names, bring_together
from towpath.steps.outcomes import GONE, kind_in_words, missing, processed, skipped
from towpath.steps.protocol import Context, Item


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

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Fill the stubs among the paths; see the class."""
        return context.each(_Run(context, self._shelf, self._names, self._ranges).work, context.items)


class _Run:
    """One task."""

    def __init__(self, context: Context, shelf: Shelf, names: Names, ranges: Ranges) -> None:
        arguments = context.arguments
        self._context, self._shelf, self._names = context, shelf, names
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
                return self._no_file(item)
            with look(self._context.root, item.path, self._context.site.key) as found:
                return self._file(item, found)
        except NotRegular:
            return self._no_file(item)
        except GONE:
            return missing(item, abort=self._abort_missing)

    def _file(self, item: Item, found: Look) -> PathOutcome:
        judged = found.judged
        match judged.standing:
            case Standing.FOREIGN:
                return foreign(item, judged)
            case Standing.EDITED:
                return edited(item)
            case Standing.OFFLINE | Standing.INTERRUPTED:
                refused = bring_together(
                    self._context, item, found, self._shelf, self._how, self._names, self._context.root
                )
                return refused or processed(item, found.stat.st_size, judged.ours.reference.pack())
            case Standing.PREMIGRATED if self._how.forget:
                found.erase_mark()
                return processed(item)
            case _:
                return already_whole(self._context, item)

    def _no_file(self, item: Item) -> PathOutcome:
        mode = self._context.root.stat(item.path).st_mode
        kind = Kind.DIRECTORY if modes.S_ISDIR(mode) else Kind.SYMLINK if modes.S_ISLNK(mode) else Kind.OTHER
        return skipped(item, f"it is {kind_in_words(kind)}, and has no data to bring")

    def _progress(self, size: int) -> None:
        self._context.progress(size=size)
