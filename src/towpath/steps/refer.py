"""The step that notes at a target which of its records the marks at a site refer to."""

import errno
import io
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import ClassVar, Final

from towpath.domain.catalogue import StepSpec
from towpath.domain.lives import REFER
from towpath.domain.paths import ErrorClass, Kind, PathOutcome
from towpath.hsm import mark as marks
from towpath.hsm.look import WINDOWS, Look, NotRegular, look
from towpath.hsm.mark import Malformed, Reference
from towpath.hsm.sweeps import ENTRY_LENGTH, entry_of, references_key
from towpath.steps.outcomes import GONE, all_failed, already, failed, processed, refused
from towpath.steps.protocol import Context, Item
from towpath.storage.protocol import StorageError

HOLLOW: Final = "it looks like a stub that has lost its mark, or whose mark this worker may not see"
EMPTY: Final = "it is not there, and its root is empty, or not there: is it mounted at this node?"
BLIND: Final = (
    "this worker may not see the marks that others have set at this site: it needs CAP_SYS_ADMIN, as they had"
)
KEPT: Final = 10_000
"""Answers that are remembered: one for each sweep and target."""

Places = dict[tuple[str, bytes], bool]
"""(Sweep, tag of a target) → whether that target is the place that is swept."""


class Refer:
    """Reads the marks of files, and writes to the target what they refer to, before it says a word of them.

    Any mark counts, whoever set it, also one that is not trusted: a copied or restored stub has nothing else. It
    counts for the place that is swept, under whichever of the hub's targets that place goes. A file that cannot be
    read, a mark that cannot be, one of a target that the hub does not know, and what looks like a stub without a mark
    all fail: then nobody may say what is not referred to.

    - `trusted`: marks may stand here where only privileged workers see them; one that does not fails all.

    The bytes of an outcome are those of its references.
    """

    spec: ClassVar[StepSpec] = REFER

    def __init__(self) -> None:
        self._places: Places = {}

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Read the marks; see the class."""
        if context.arguments["trusted"] and not marks.SETS_TRUSTED:
            return all_failed(context, StorageError(BLIND, ErrorClass.PERMANENT))
        if len(self._places) > KEPT:
            self._places.clear()
        return _Run(context, self._places).outcomes()


class _Run:
    """One task."""

    def __init__(self, context: Context, places: Places) -> None:
        self._context, self._places = context, places
        self._sweep = str(context.arguments["sweep"])
        self._marker = str(context.arguments["marker"])
        self._found: defaultdict[bytes, list[bytes]] = defaultdict(list)
        self._lock = threading.Lock()

    def outcomes(self) -> Iterator[PathOutcome]:
        """All that were found are kept at the target before any outcome is told."""
        told = list(self._context.each(self._work, self._context.items))
        try:
            for tag, entries in self._found.items():
                self._keep(tag, b"".join(sorted(entries)))
        except StorageError as error:
            items = {item.index: item for item in self._context.items}
            told = [o if not o.bytes else refused(items[o.index], error, "note") for o in told]
        yield from told

    def _keep(self, tag: bytes, entries: bytes) -> None:
        key = references_key(self._sweep, self._context.site.name, self._context.task, entries)
        self._context.target_of(tag).storage.put(key, io.BytesIO(entries), len(entries))

    def _work(self, item: Item) -> PathOutcome:
        if item.kind not in (Kind.FILE, Kind.MISSING):
            return already(item)
        try:
            with look(self._context.root, item.path, self._context.site.key) as found:
                return self._read(item, found)
        except (NotRegular, *GONE):
            return self._gone(item)
        except OSError as error:
            if (
                error.errno == errno.ELOOP
            ):  # A symbolic link has taken its place, or that of a directory above it.
                return already(item)
            raise

    def _gone(self, item: Item) -> PathOutcome:
        """A file that was found a moment ago may have been deleted, or not be mounted at this node."""
        root = self._context.root
        try:
            mounted = bool(item.path) and bool(os.listdir(root.path))
        except OSError:
            mounted = False
        return already(item) if mounted else failed(item, EMPTY)

    def _read(self, item: Item, found: Look) -> PathOutcome:
        referred: set[tuple[bytes, bytes]] = set()
        try:
            for packed in found.marks:
                reference = marks.unpack_untrusted(packed).reference
                if self._is_here(reference):
                    referred.add((reference.tag, entry_of(reference)))
        except Malformed as error:
            return failed(item, f"its mark cannot be read: {error}")
        if not found.marks and is_hollow(found):
            return failed(item, HOLLOW)
        with self._lock:
            for tag, entry in referred:
                self._found[tag].append(entry)
        return processed(item, ENTRY_LENGTH * len(referred)) if referred else already(item)

    def _is_here(self, reference: Reference) -> bool:
        """Whether a mark's target is the place that is swept: what the sweep has put there is seen through it."""
        known = self._places.get((self._sweep, reference.tag))
        if known is None:
            storage = self._context.target_of(reference.tag).storage
            known = storage.look(self._marker) is not None
            self._places[self._sweep, reference.tag] = known
        return known


def is_hollow(found: Look) -> bool:
    """Whether a file shows neither data nor rights, as a stub does."""
    return found.mode in (0, *WINDOWS) and found.stat.st_blocks * 512 < found.stat.st_size
