"""The step that writes records for objects which others have put at a target."""

import os
from collections.abc import Iterator
from typing import ClassVar

from towpath.domain.catalogue import RECORD, StepSpec
from towpath.domain.errors import Mistake
from towpath.domain.paths import ErrorClass, PathOutcome
from towpath.hsm.record import Kind, Record, sign
from towpath.steps.commit import Committer, Copied, Ending
from towpath.steps.groups import Groups
from towpath.steps.outcomes import all_failed, failed, missing
from towpath.steps.protocol import Context, Item, Target
from towpath.steps.set_metadata import Wrong, mode_of
from towpath.storage.foreign import Shelving
from towpath.storage.protocol import ObjectFound, StorageError

NO_KEY = "no object can have this path: it lies elsewhere, or its name has bytes that keys do not have"


class RecordObjects:
    """Looks at the object of each path, and writes the record that `reverse_stub`, the next step, makes a file of.

    The object stays where it is, and as it is; nothing is copied. Its size and time are the file's. Nobody has told
    its checksum, so data that is brought from it is compared by its length alone.

    - `prefix`, `to_path`: the object of a path is the one beneath `prefix` whose key ends as the path does beneath
      `to_path`: as the discovery `listing` has them.
    - `mode`: the permission bits of the files, in octal.
    - `default_uid`, `default_gid`: whose they are; the worker's own user's where left out.
    - `abort_missing`: a path without an object counts as aborted rather than failed.
    """

    spec: ClassVar[StepSpec] = RECORD

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Write the records in commit groups; see the class."""
        try:
            target = context.target()
            run = _Run(context, target)
        except (Mistake, Wrong) as error:
            return all_failed(context, StorageError(str(error), ErrorClass.PERMANENT))
        except StorageError as error:
            return all_failed(context, error)
        return run.outcomes()


class _Run:
    """One task."""

    def __init__(self, context: Context, target: Target) -> None:
        arguments = context.arguments
        self._context, self._target = context, target
        self._shelving = Shelving.of(arguments)
        self._mode = mode_of(arguments["mode"]) or 0
        self._uid = os.geteuid() if arguments["default_uid"] is None else arguments["default_uid"]
        self._gid = os.getegid() if arguments["default_gid"] is None else arguments["default_gid"]
        self._groups = Groups(Committer(context, target, Ending(True, 0, False)).commit)

    def outcomes(self) -> Iterator[PathOutcome]:
        return self._groups.outcomes(self._context, self._work)

    def _work(self, item: Item) -> PathOutcome:
        key = self._shelving.key_of(item.path)
        if key is None:
            return failed(item, NO_KEY)
        found = self._target.storage.look(key)
        if found is None:
            return missing(item, abort=self._context.arguments["abort_missing"])
        return self._groups.join(item, Copied(item, self._record(item.path, found)))

    def _record(self, path: bytes, found: ObjectFound) -> Record:
        time_ns = int(found.modified_at.timestamp() * 1e6) * 1000
        record = Record(
            path,
            Kind.FILE,
            self._mode,
            self._uid,
            self._gid,
            "",
            "",
            time_ns,
            time_ns,
            found.size,
            key=found.key,
        )
        return sign(record, self._context.site.key)
