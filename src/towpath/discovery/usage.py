"""The discovery of what lies in a directory: it tells of no paths, and counts them."""

import os
import stat as modes
from collections.abc import Generator, Mapping, Sequence
from typing import Any, ClassVar, Final

from towpath.discovery.protocol import Discovery, Piece, Start, Unreadable
from towpath.discovery.recursive import Recursive
from towpath.domain.errors import Mistake
from towpath.domain.paths import ErrorClass, Kind
from towpath.domain.usage import USAGE, Usage
from towpath.hsm.glance import judged_by
from towpath.hsm.look import look
from towpath.hsm.mark import Standing
from towpath.storage.roots import Root

_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_AWAY: Final = frozenset({Standing.OFFLINE, Standing.EDITED, Standing.INTERRUPTED})
"""How a file stands some of whose data is not here."""


class Counting:
    """A discovery whose cursor is how far it has come, and behind that what it has counted up to there.

    So the hub's own record of the walk has the count, each entry once, whatever dies in between: the cursor of a walk
    that has ended is its result. Memory is that of the walk.
    """

    name: ClassVar[str] = USAGE

    def __init__(self, walk: Discovery | None = None, key: bytes = b"") -> None:
        self._walking: Discovery = walk or Recursive()
        self._key = key

    def of(self, _site: str, key: bytes) -> "Counting":
        """The same, of that site."""
        return Counting(self._walking, key)

    def walk(
        self, starts: Sequence[Start], options: Mapping[str, Any], cursor: bytes
    ) -> Generator[Piece, None, None]:
        """Yield pieces with no paths in them; raises `Mistake` for a cursor that is none of its own."""
        counted, behind = Usage.unpack(cursor)
        return self._walk(starts, self._walking.walk(starts, options, behind), counted)

    def cursor(self, start: int, path: bytes) -> bytes:
        """It finds no entries, so there is no place behind one."""
        raise Mistake("discovery usage: it has no entries")

    def _walk(
        self, starts: Sequence[Start], pieces: Generator[Piece, None, None], counted: Usage
    ) -> Generator[Piece, None, None]:
        try:
            for piece in pieces:
                start = starts[piece.start]
                missing = [
                    Unreadable(path, ErrorClass.PERMANENT, "nothing is there")
                    for path, kind in zip(piece.paths, piece.kinds, strict=True)
                    if kind == Kind.MISSING
                ]
                for path, kind in zip(piece.paths, piece.kinds, strict=True):
                    if kind != Kind.MISSING and not (start.left_out and start.left_out(path)):
                        self._count(counted, start.root, path, kind)
                bad = [*piece.unreadable, *missing]
                counted.unreadable += len(bad)
                cursor = counted.pack() + piece.cursor
                yield Piece(piece.start, cursor, (), b"", (), bad, passed=len(piece.paths))
        finally:
            pieces.close()

    def _count(self, counted: Usage, root: Root, path: bytes, kind: int) -> None:
        if kind == Kind.DIRECTORY:
            counted.folders += 1
        elif kind != Kind.FILE:
            counted.others += 1
        else:
            self._count_file(counted, root, path)

    def _count_file(self, counted: Usage, root: Root, path: bytes) -> None:
        try:
            handle = root.open(path, _LOOK)
        except (FileNotFoundError, NotADirectoryError):
            return  # It is gone since it was found.
        except OSError:
            counted.unreadable += 1
            return
        try:
            found = os.fstat(handle)
            if not modes.S_ISREG(found.st_mode):
                return
            is_away = self._is_away(root, path, handle, found)
        except OSError:
            counted.unreadable += 1
            return
        finally:
            os.close(handle)
        counted.files += 1
        counted.bytes += found.st_size
        counted.allocated += found.st_blocks * 512
        if is_away:
            counted.dehydrated_files += 1
            counted.dehydrated_bytes += found.st_size

    def _is_away(self, root: Root, path: bytes, handle: int, found: os.stat_result) -> bool:
        """Whether some of a file's data is not here; raises OSError where that cannot be seen."""
        if found.st_blocks * 512 >= found.st_size:
            return False  # All of it is here: what was taken away takes no room.
        judged = judged_by(handle, found, self._key)
        if judged is None:
            # A stub of an ordinary user, which is closed to its owner too, has to be opened for its mark.
            with look(root, path, self._key) as opened:
                judged = opened.judged
        return judged.standing in _AWAY
