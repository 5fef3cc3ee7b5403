"""The step that tags files and directories."""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from towpath.domain.catalogue import TAG, StepSpec
from towpath.domain.paths import ErrorClass, PathOutcome
from towpath.hsm.opened import NoAttributes, opened
from towpath.steps.outcomes import GONE, all_failed, already, missing, processed, skipped
from towpath.steps.protocol import Context, Item
from towpath.storage.protocol import StorageError

PREFIX: Final = "user.tag."
LONGEST_VALUE: Final = 1024
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Tag:
    """Sets the extended attribute `user.tag.NAME` of files and directories, of stubs too.

    An attribute, rather than an entry of the record at the target: every other program sees it (`getfattr`, `find`),
    it goes where the file goes, by rename and by `rsync -X`, it comes into the record with the next migrate and back
    with a recall, and needs no second place that would have to be kept in step.

    - `tag`: the name: letters, digits, '_', '.' and '-'.
    - `value`: at most 1,024 bytes.
    - `remove`: take the tag away.
    - `abort_missing`: a path that is not there counts as aborted rather than failed.

    A file keeps its standing: a premigrated one stays premigrated, a stub a stub.
    """

    spec: ClassVar[StepSpec] = TAG

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Tag the paths; see the class."""
        name, value = context.arguments["tag"] or "", context.arguments["value"].encode()
        if not _NAME.fullmatch(name):
            wrong = f"tag: expected a name of 1 to 64 letters, digits, '_', '.' or '-', found '{name}'"
        elif len(value) > LONGEST_VALUE:
            wrong = f"value: expected at most {LONGEST_VALUE} bytes, found {len(value)}"
        else:
            wanted = None if context.arguments["remove"] else value

            def work(item: Item) -> PathOutcome:
                return _tag(context, item, PREFIX + name, wanted)

            return context.each(work, context.items)
        return all_failed(context, StorageError(wrong, ErrorClass.PERMANENT))


def _tag(context: Context, item: Item, name: str, wanted: bytes | None) -> PathOutcome:
    try:
        with opened(context.root, item.path, context.site.key) as thing:
            if thing.attribute(name) == wanted:
                return already(item)
            context.confirm()
            thing.set_attribute(name, wanted)
            return processed(item)
    except NoAttributes as error:
        return skipped(item, f"{error}, and can have no tag")
    except GONE:
        return missing(item, abort=context.arguments["abort_missing"])
