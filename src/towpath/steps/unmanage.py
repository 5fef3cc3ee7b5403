"""The step that forgets the relation of files with their objects."""

from collections.abc import Iterator
from typing import ClassVar

from towpath.domain.catalogue import UNMANAGE, StepSpec
from towpath.domain.paths import Kind, PathOutcome
from towpath.hsm.look import NotRegular, look
from towpath.hsm.mark import Standing
from towpath.steps.files import foreign
from towpath.steps.outcomes import GONE, already, missing, processed, skipped
from towpath.steps.protocol import Context, Item

STUB = "it is a stub: its data is at the target only, and forgetting that would lose it (recall brings it)"


class Unmanage:
    """Takes the mark off premigrated files, and off those edited since: they are resident, as if never copied.

    A stub, whole, half freed or edited, is never touched. The object stays at the target; the hub deletes what
    nothing refers to any more.

    - `abort_missing`: a path that is not there counts as aborted rather than failed.
    """

    spec: ClassVar[StepSpec] = UNMANAGE

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Take the marks off; see the class."""

        def work(item: Item) -> PathOutcome:
            return _unmanage(context, item, dry=False)

        return context.each(work, context.items)

    def foresee(self, context: Context) -> Iterator[PathOutcome]:
        """Which marks would be taken off."""

        def work(item: Item) -> PathOutcome:
            return _unmanage(context, item, dry=True)

        return context.each(work, context.items)


def _unmanage(context: Context, item: Item, *, dry: bool) -> PathOutcome:
    if item.kind not in (Kind.FILE, Kind.MISSING):
        return skipped(item, "it is no file, and is never managed")
    try:
        with look(context.root, item.path, context.site.key) as found:
            match found.judged.standing:
                case Standing.RESIDENT:
                    return already(item)
                case Standing.FOREIGN:
                    return foreign(item, found.judged)
                case Standing.PREMIGRATED | Standing.MODIFIED:
                    if not dry:
                        context.confirm()
                        found.erase_mark()
                    return processed(item)
                case _:
                    return skipped(item, STUB)
    except NotRegular:
        return skipped(item, "it is no file, and is never managed")
    except GONE:
        return missing(item, abort=context.arguments["abort_missing"])
