"""The step that binds files anew whose marks this site does not trust: restored, copied, or of a key that is lost."""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Final

from towpath.domain.catalogue import ADOPT, StepSpec
from towpath.domain.paths import ErrorClass, Kind, PathOutcome, printable
from towpath.hsm import make, stub
from towpath.hsm import mark as marks
from towpath.hsm import record as records
from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Malformed, Mark, Standing, State
from towpath.hsm.metadata import AS_RECORDED, owner_here
from towpath.hsm.record import Record
from towpath.hsm.shelf import Shelf
from towpath.steps.outcomes import GONE, already, failed, missing, processed, skipped
from towpath.steps.protocol import Context, Item
from towpath.steps.reading import checksum_of

DIFFERS: Final = (
    "its data is neither all away nor that of its record: nobody can tell whether it was edited or is half gone"
    " (`forget` takes the mark off a whole file)"
)


class Adopt:
    """Gives files whose mark is foreign a mark of this site, once their record has been found to be theirs.

    A mark that is not trusted only says where to look: what is bound is what the record there says. The record must
    be of a file of the same size at the same path, and of the same owner, so that nobody gets another's data by a
    mark that he made up. A stub must be all hole or zeros, with the recorded time; a whole file must have the
    recorded data.

    - `moved`: also a file that stands at another path than its record says; its owner must be the recorded one still.
    - `forget`: a whole file that differs from its record loses its mark, and so is like any file that was never
      managed. Look at it first: one that is half zeros would be taken for whole.
    """

    spec: ClassVar[StepSpec] = ADOPT

    def __init__(self) -> None:
        self._shelf = Shelf()

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Bind the foreign files among the paths; see the class."""
        return context.each(_Run(context, self._shelf).work, context.items)


class _Run:
    """One task."""

    def __init__(self, context: Context, shelf: Shelf) -> None:
        self._context, self._shelf, self._key = context, shelf, context.site.key
        self._moved: bool = context.arguments["moved"]
        self._forget: bool = context.arguments["forget"]

    def work(self, item: Item) -> PathOutcome:
        """One path."""
        if item.kind not in (Kind.FILE, Kind.MISSING):
            return skipped(item, "it is no file, and is never managed")
        try:
            with look(self._context.root, item.path, self._key) as found:
                if found.judged.standing is not Standing.FOREIGN or found.packed is None:
                    return already(item)
                return self._adopt(item, found)
        except NotRegular:
            return skipped(item, "it is no file, and is never managed")
        except GONE:
            return missing(item, abort=self._context.arguments["abort_missing"])

    def _adopt(self, item: Item, found: Look) -> PathOutcome:
        try:
            mark = marks.unpack_untrusted(found.packed or b"")
        except Malformed as error:
            return failed(item, f"its mark leads nowhere: {error}")
        storage = self._context.target_of(mark.reference.tag).storage
        record = self._shelf.find(storage, mark.reference)
        wrong = self._wrong(item, found.stat, record)
        if wrong is not None:
            return failed(item, f"its mark leads to the record of {wrong}")
        return self._bind(item, found, mark, make.trusted(record, self._key))

    def _wrong(self, item: Item, found: os.stat_result, record: Record) -> str | None:
        """What keeps a record from being the file's."""
        if record.kind is not records.Kind.FILE:
            return "what is no file"
        if record.path != item.path and not self._moved:
            return f"'{printable(record.path)}' (`moved` binds a file that stands elsewhere now)"
        uid, _ = owner_here(record, AS_RECORDED)
        if uid != found.st_uid:
            return f"another owner's file: {record.owner or record.uid}"
        if record.size != found.st_size:
            return f"a file of {record.size} bytes, and this one has {found.st_size}"
        return None

    def _bind(self, item: Item, found: Look, mark: Mark, record: Record) -> PathOutcome:
        if record.size and not stub.has_bytes_from(found.fd, mark.head):
            if found.stat.st_mtime_ns != record.mtime_ns:
                return failed(item, "it is a stub of another time than recorded: it may have been written to")
            return self._set(item, found, _stub(State.OFFLINE, found, mark, record))
        if checksum_of(found.fd, self._context.go_on) == record.checksum:
            return self._set(item, found, Mark.of(State.PREMIGRATED, mark.reference, found.stat))
        if mark.state is State.OFFLINE and found.stat.st_mtime_ns == record.mtime_ns:
            why = stub.hollow(found, mark.head, self._context.confirm)
            if why is None:
                return self._set(item, found, _stub(State.OFFLINE, found, mark, record))
            if why is not stub.Kept.CHANGED:
                return failed(item, why, ErrorClass.TRANSIENT)
        if self._forget:
            self._context.confirm()
            found.erase_mark()
            return processed(item)
        if mark.state is State.FREEING:  # A recall compares what is left with the object.
            return self._set(item, found, _stub(State.FREEING, found, mark, record))
        return failed(item, DIFFERS)

    def _set(self, item: Item, found: Look, mark: Mark) -> PathOutcome:
        self._context.confirm()
        mode = found.mode
        if mark.state is not State.PREMIGRATED and mode != 0:  # It came back readable, and reads as zeros.
            os.fchmod(found.fd, mode := 0)
        found.set_mark(mark.pack(self._key), mode)
        return processed(item, carry=mark.reference.pack())


def _stub(state: State, found: Look, mark: Mark, record: Record) -> Mark:
    """The mark for a file whose data is away: with the mode that it has, or else the recorded one."""
    made = Mark.of(state, mark.reference, found.stat)
    mode = record.mode if found.mode == 0 else found.mode
    return replace(made, mode=mode, mtime_ns=record.mtime_ns, head=mark.head)
