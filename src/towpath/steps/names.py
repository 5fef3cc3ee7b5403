"""Files with several names: each is worked on once, under one of them, and the others are made links to it again."""

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from towpath.domain.paths import PathOutcome
from towpath.hsm import private
from towpath.hsm.fill import Filling, NotFilled, share
from towpath.hsm.look import Look, NotRegular, look
from towpath.hsm.mark import Reference, Standing
from towpath.hsm.shelf import Shelf
from towpath.steps.files import bring, not_filled
from towpath.steps.outcomes import GONE
from towpath.steps.protocol import Context, Item
from towpath.storage.roots import Root

MOST: Final = 20_000
"""So many files are remembered; the names of one file mostly lie close to each other in a job."""
_NO_LINKS: Final = (errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP)
_STUB: Final = (Standing.OFFLINE, Standing.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Named:
    """A file that was made: where, which inode it got, and which record it is of."""

    path: bytes
    inode: int
    reference: Reference | None
    """None for one that bears no mark."""


@dataclass
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    wanted: int = 0


class Names:
    """The files that were made lately, each by what stands for it; for any number of threads and tasks."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._turns: dict[Hashable, _Turn] = {}
        self._made: OrderedDict[Hashable, Named] = OrderedDict()

    @contextmanager
    def turn(self, file: Hashable) -> Iterator[None]:
        """Work on a file alone: who comes under another of its names waits."""
        with self._lock:
            turn = self._turns.setdefault(file, _Turn())
            turn.wanted += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.wanted -= 1
                if not turn.wanted:
                    del self._turns[file]

    def is_alone(self, file: Hashable) -> bool:
        """Whether nobody works on that file, and it is not remembered: then a file with one name has but one."""
        with self._lock:
            return file not in self._turns and file not in self._made

    def find(self, file: Hashable) -> Named | None:
        """What was made of that file, if it is remembered."""
        with self._lock:
            return self._made.get(file)

    def tell(self, file: Hashable, root: Root, path: bytes, reference: Reference | None = None) -> None:
        """Remember that the file now stands at `path`."""
        try:
            made = Named(path, root.stat(path).st_ino, reference)
        except GONE:
            return
        with self._lock:
            self._made[file] = made
            while len(self._made) > self._most:
                self._made.popitem(last=False)


def link_to(context: Context, root: Root, named: Named, path: bytes) -> bool:
    """Give a file that was made one more name, where nothing stands; False where it cannot have one, or is no longer
    what was made.

    Raises FileExistsError, and FileNotFoundError where a directory above `path` is missing.
    """
    source = _find(context, root, named)
    if source is None:
        return False
    with source:
        context.confirm()
        try:
            private.name_again(root, path, source.fd)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return False
    return True


def link_beside(context: Context, root: Root, named: Named, path: bytes) -> int | None:
    """Let the private name beside `path` be one more name of a file that was made: a descriptor of it, or None.

    Raises what `private.create` does.
    """
    source = _find(context, root, named)
    if source is None:
        return None
    with source:
        try:
            private.link(root, path, source.fd, context.site.key)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return None
        return os.dup(source.fd)


def bring_together(
    context: Context, item: Item, found: Look, shelf: Shelf, how: Filling, names: Names, root: Root
) -> PathOutcome | None:
    """Fill a stub as `bring` does; one whose other name was filled becomes a name of that file again.

    A file that is forgotten (`how.forget`) is filled by itself under each name: nothing would tell a link under
    way to an unmarked file from somebody else's file.
    """
    file = (root.name, found.stat.st_dev, found.stat.st_ino)
    with names.turn(file):
        known = None if how.forget else names.find(file)
        if known is None and found.stat.st_nlink == 1:
            return bring(context, item, found, shelf, how, root)
        with look(root, item.path, context.site.key) as now:
            if now.stat.st_ino != found.stat.st_ino or now.judged.standing not in _STUB:
                return not_filled(item, NotFilled.CHANGED)
            reference = now.judged.ours.reference
            if known is not None and known.reference != reference:
                known = None
            source = None if known is None else _find(context, root, known)
            if source is not None:
                with source:
                    why = share(root, item.path, now, source, how)
                return None if why is None else not_filled(item, why)
            refused = bring(context, item, now, shelf, how, root)
            if refused is None:
                names.tell(file, root, item.path, reference)
            return refused


def _find(context: Context, root: Root, named: Named) -> Look | None:
    """The file that was made, opened, if it still is that."""
    try:
        found = look(root, named.path, context.site.key)
    except (*GONE, NotRegular):
        return None
    mark = found.judged.mark
    reference = None if mark is None else mark.reference
    if found.stat.st_ino == named.inode and reference == named.reference:
        return found
    found.close()
    return None
