"""One start of a recursive walk: the stack of directories between it and the entry at hand."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from towpath.discovery.cursor import Place, order
from towpath.discovery.level import OPEN, Level, Looked, is_private, kind_of
from towpath.discovery.protocol import Piece, Start, Unreadable
from towpath.discovery.scout import Scout
from towpath.domain.error_table import class_of_errno
from towpath.domain.paths import ErrorClass, Kind, reason_of
from towpath.storage.roots import Root

MOST_NAMES: Final = 100_000
"""Names held in memory, over all directories on the way."""
LEAST_NAMES: Final = 1_000
"""Names that a directory may hold in memory even where those above it hold too many."""
MOSTOPEN: Final = 32
"""Directories held open; those further up are opened anew when the walk comes back to them."""
FIRST_PIECE: Final = 100
PIECE: Final = 1_000
SCOUTED_FROM: Final = 10_000
"""Entries of a start after which a second process is worth its own start."""
SCOUTED_AHEAD: Final = 4
"""Directories of one parent that a scout is asked for at a time."""
SLOW: Final = 0.5
"""Seconds after which a piece goes out however small it is."""

_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""What opening a directory says where it is gone, or something else stands there now."""
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
"""What looking at a path says where there is nothing."""
_DIRECTORY: Final = int(Kind.DIRECTORY)


@dataclass(frozen=True, slots=True)
class Means:
    """What a walk may use: a directory for spilled names, names in memory, a clock in seconds; and after how many
    entries it may have a scout (None: never)."""

    spill: str | None
    most_names: int
    clock: Callable[[], float]
    scouted_from: int | None
    scout: Callable[[Root], Scout]


class Telling:
    """What was found and not yet told, in columns; `place` is just behind it."""

    def __init__(self, start: int, state: str, clock: Callable[[], float]) -> None:
        self._start, self._state, self._clock = start, state or "processed", clock
        self._limit = FIRST_PIECE
        self.count = 0
        """Entries told so far."""
        self._clear()

    def add(self, looked: Looked, end: int) -> None:
        """Take up the entries up to `end`."""
        at = looked.at
        if at == 0 and end == len(looked.paths):
            self._paths += looked.paths
            self._kinds += looked.kinds
            self._sizes += looked.sizes
        else:
            self._paths += looked.paths[at:end]
            self._kinds += looked.kinds[at:end]
            self._sizes += looked.sizes[at:end]
        looked.at = end
        self._place = Place(self._start, looked.paths[end - 1])

    def add_one(self, path: bytes, kind: int, size: int) -> None:
        """Take up one entry."""
        self._paths.append(path)
        self._kinds.append(kind)
        self._sizes.append(size)
        self._place = Place(self._start, path)

    def add_unreadable(self, unreadable: Unreadable) -> None:
        """Take up a path that could not be looked at, or not beneath: nothing may be added before it is told."""
        self._unreadable.append(unreadable)
        self._place = Place(self._start, unreadable.path, beneath=True)

    def due(self) -> bool:
        """Whether it is time to tell it."""
        if self._unreadable or len(self._paths) >= self._limit:
            return True
        return bool(self._paths) and self._clock() - self._since >= SLOW

    def pieces(self) -> Iterator[Piece]:
        """All of it, as one piece, or none."""
        if self._paths or self._unreadable:
            piece = Piece(
                self._start,
                self._place.pack(),
                self._paths,
                bytes(self._kinds),
                self._sizes,
                self._unreadable,
                self._state,
            )
            self.count += len(self._paths)
            self._limit = PIECE
            self._clear()
            yield piece

    def _clear(self) -> None:
        self._paths: list[bytes] = []
        self._kinds = bytearray()
        self._sizes: list[int] = []
        self._unreadable: list[Unreadable] = []
        self._place = Place(self._start, b"")
        self._since = self._clock()


class Descent:
    """The walk of one start: `begin` or `resume`, then `pieces`, then `close`."""

    def __init__(self, index: int, start: Start, means: Means) -> None:
        self._root, self._start, self._left_out = start.root, start.path, start.left_out
        self._means = means
        self._told = Telling(index, start.state, means.clock)
        self._levels: list[Level] = []
        self._held = 0
        self._scout: Scout | None = None
        self._scouted_from = means.scouted_from

    def begin(self, *, missing: bool, there: bool) -> None:
        """Start from the beginning; tell of the start if it is `missing` or `there`, as these say."""
        if is_private(self._start):
            self._told.add_unreadable(Unreadable(self._start, ErrorClass.PERMANENT, "it is Towpath's own"))
            return
        try:
            stat = self._root.stat(self._start)
        except OSError as error:
            if error.errno not in _ABSENT:
                self._told.add_unreadable(_unreadable(self._start, "looking at it", error))
            elif missing:
                self._told.add_one(self._start, Kind.MISSING, 0)
            return
        if there:
            kind = kind_of(stat.st_mode)
            self._told.add_one(self._start, kind, stat.st_size if kind == Kind.FILE else 0)
            if kind == Kind.DIRECTORY:
                self._enter_start(None)

    def resume(self, place: Place) -> None:
        """Start behind a place: only the directories on the way to it are read again, nothing is looked at."""
        parts = order(place.path)[len(order(self._start)) :]
        if place.beneath and not parts:
            return
        way = parts[:-1] if place.beneath else parts
        afters: list[bytes | None] = [*parts, None]
        self._enter_start(afters[0])
        for depth, name in enumerate(way, start=1):
            if len(self._levels) < depth:
                return
            parent = self._levels[-1]
            self._enter(parent, name, parent.prefix + name, afters[depth])

    def pieces(self) -> Iterator[Piece]:
        """What there is, in order."""
        told = self._told
        if told.due():
            yield from told.pieces()
        while self._levels:
            self._advance(self._levels[-1])
            if told.due():
                yield from told.pieces()
                self._may_scout()
        yield from told.pieces()

    def close(self) -> None:
        """Let go of all it holds."""
        while self._levels:
            self._levels.pop().close()
        if self._scout is not None:
            self._scout.close()
            self._scout = None

    def _may_scout(self) -> None:
        """Have a scout once the tree has shown to be large."""
        if self._scouted_from is None or self._told.count < self._scouted_from:
            return
        self._scouted_from = None
        with suppress(OSError):  # no room for another process: the walk does without
            self._scout = self._means.scout(self._root)

    def _advance(self, level: Level) -> None:
        """Tell of entries up to the next directory, and enter it; or leave this one."""
        looked = level.looked
        if looked is None:
            if level.more() and level.fd < 0 and not self._reopened(level):
                return
            looked = level.looked = level.look()
            if looked is None:
                self._leave(level)
                return
        found = looked.kinds.find(_DIRECTORY, looked.at)
        if found >= 0:
            self._told.add(looked, found + 1)
            self._go_into(level, looked, found)
            return
        if looked.at < len(looked.paths):
            self._told.add(looked, len(looked.paths))
        level.looked = None
        if looked.failed is not None:
            name, error = looked.failed
            self._unreadable(level.prefix + name, "looking at it", error)

    def _go_into(self, level: Level, looked: Looked, found: int) -> None:
        """Enter a directory that was found: as the scout knows it, or by reading it."""
        name, path = looked.names[found], looked.paths[found]
        scout = self._scout
        if scout is not None:
            _scout_ahead(scout, looked, found + 1)
            if looked.ahead and looked.ahead[0] == found:
                del looked.ahead[0]
                entries = scout.answer(path)
                if entries is not None:
                    self._go_on_in(Level(-1, path, left_out=self._left_out).given(*entries))
                    return
        if level.fd >= 0 or self._reopened(level):
            self._enter(level, name, path, None)

    def _reopened(self, level: Level) -> bool:
        """Open a directory again that was closed while the walk was far beneath it; False having left it."""
        try:
            level.fd = self._root.open(level.path, OPEN)
        except OSError as error:
            self._leave(level)
            self._unreadable(level.path, "opening the directory again", error)
            return False
        return True

    def _leave(self, level: Level) -> None:
        self._levels.pop()
        self._held -= level.held
        level.close()
        wrong = level.wrong()
        if wrong is not None:
            self._told.add_unreadable(wrong)

    def _enter_start(self, after: bytes | None) -> None:
        try:
            fd = self._root.open(self._start, OPEN)
        except OSError as error:
            self._unreadable(self._start, "opening the directory", error)
            return
        self._push(Level(fd, self._start, after, self._left_out))

    def _enter(self, parent: Level, name: bytes, path: bytes, after: bytes | None) -> None:
        try:
            fd = os.open(name, OPEN, dir_fd=parent.fd)
        except OSError as error:
            self._unreadable(path, "opening the directory", error)
            return
        self._push(Level(fd, path, after, self._left_out))

    def _push(self, level: Level) -> None:
        try:
            level.read(max(LEAST_NAMES, self._means.most_names - self._held), self._means.spill)
        except OSError as error:
            level.close()
            self._unreadable(level.path, "reading the directory", error)
            return
        except BaseException:
            level.close()
            raise
        self._go_on_in(level)

    def _go_on_in(self, level: Level) -> None:
        self._levels.append(level)
        self._held += level.held
        if len(self._levels) > MOSTOPEN:
            self._levels[-1 - MOSTOPEN].release()

    def _unreadable(self, path: bytes, doing: str, error: OSError) -> None:
        """Say that a path that was there a moment ago cannot be read, unless it is gone."""
        if error.errno not in _GONE:
            self._told.add_unreadable(_unreadable(path, doing, error))


def _scout_ahead(scout: Scout, looked: Looked, at: int) -> None:
    """Let the scout read every other one of the next directories; the walk itself reads those between."""
    at = max(looked.scouted, at)
    while len(looked.ahead) < SCOUTED_AHEAD:
        theirs = looked.kinds.find(_DIRECTORY, at)
        if theirs < 0 or not scout.ask(looked.paths[theirs]):
            break
        looked.ahead.append(theirs)
        ours = looked.kinds.find(_DIRECTORY, theirs + 1)
        at = ours + 1 if ours >= 0 else len(looked.kinds)
    looked.scouted = at


def _unreadable(path: bytes, doing: str, error: OSError) -> Unreadable:
    return Unreadable(path, class_of_errno(error.errno), reason_of(error, doing))
