"""The walk of directory trees: every entry of each start, in a fixed order, from any place in it."""

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from towpath.discovery.cursor import Place
from towpath.discovery.descent import MOST_NAMES, SCOUTED_FROM, Descent, Means
from towpath.discovery.protocol import Piece, Start
from towpath.discovery.scout import Scout
from towpath.domain.errors import Mistake, did_you_mean
from towpath.domain.paths import is_beneath, printable
from towpath.storage.roots import Root

SKIP_MISSING: Final = "skip_missing"
SCOUTED_HERE_FROM: Final = SCOUTED_FROM if len(os.sched_getaffinity(0)) > 1 else None


class Recursive:
    """A discovery that finds each start and all that lies beneath it.

    The order: each start in turn; of a directory first itself, then its entries by name (as bytes), each
    directory among them followed by all it holds. So paths ascend by `cursor.order`. Other file systems mounted
    beneath a start belong to it. Left out: Towpath's own files, `.towpath` in a root and `.towpath-*.part`.
    `skip_missing` leaves out starts that are not there; else they come as `Kind.MISSING`.

    `spill` is the directory for the names of directories that are too large for memory (more than
    `most_names`), None for the system's own for temporary files. A start that has shown `scouted_from` entries is
    from there on walked by two processes (None: never), which on one processor would gain nothing.
    """

    name: ClassVar[str] = "recursive"

    def __init__(
        self,
        spill: str | None = None,
        most_names: int = MOST_NAMES,
        clock: Callable[[], float] = time.monotonic,
        scouted_from: int | None = SCOUTED_HERE_FROM,
        scout: Callable[[Root], Scout] = Scout,
    ) -> None:
        self._means = Means(spill, most_names, clock, scouted_from, scout)

    def walk(
        self, starts: Sequence[Start], options: Mapping[str, Any], cursor: bytes
    ) -> Generator[Piece, None, None]:
        """Yield what lies at and beneath the starts, behind the cursor; may raise `SpillFailed`."""
        skip_missing = _skip_missing(options)
        place = Place.unpack(cursor) if cursor else None
        if place is not None and not _is_within(place, starts):
            raise Mistake(
                f"expected a cursor beneath one of the {len(starts)} starts of this walk, "
                f"found '{printable(place.path)}' of start {place.start}"
            )
        return self._walk(starts, skip_missing, place)

    def cursor(self, start: int, path: bytes) -> bytes:
        """The cursor just behind that entry of that start."""
        return Place(start, path).pack()

    def _walk(
        self, starts: Sequence[Start], skip_missing: bool, place: Place | None
    ) -> Generator[Piece, None, None]:
        covered, repeated = _covered(starts)
        for index in range(place.start if place else 0, len(starts)):
            if index in repeated:
                continue
            descent = Descent(index, starts[index], self._means)
            try:
                if place is not None and place.start == index:
                    descent.resume(place)
                else:
                    descent.begin(missing=not skip_missing, there=index not in covered)
                yield from descent.pieces()
            finally:
                descent.close()


def _skip_missing(options: Mapping[str, Any]) -> bool:
    """The one option, read; raises `Mistake` for what is none."""
    for name, value in options.items():
        if name != SKIP_MISSING:
            raise Mistake(f"discovery recursive: unknown option '{name}'{did_you_mean(name, [SKIP_MISSING])}")
        if not isinstance(value, bool):
            raise Mistake(f"discovery recursive: expected true or false for '{name}', found {value!r}")
    return bool(options.get(SKIP_MISSING, False))


def _is_within(place: Place, starts: Sequence[Start]) -> bool:
    return place.start < len(starts) and is_beneath(place.path, starts[place.start].path)


def _covered(starts: Sequence[Start]) -> tuple[set[int], set[int]]:
    """The starts that lie beneath another one of the same state, and those that are the same as an earlier one.

    Where one of the first is there, the walk of the other start finds it.
    """
    known = {_key(start, start.path) for start in starts}
    covered = {i for i, s in enumerate(starts) if any(_key(s, above) in known for above in _above(s.path))}
    seen: set[tuple[bytes, str, bytes]] = set()
    repeated = set()
    for index, start in enumerate(starts):
        key = _key(start, start.path)
        if key in seen:
            repeated.add(index)
        seen.add(key)
    return covered, repeated


def _key(start: Start, path: bytes) -> tuple[bytes, str, bytes]:
    return start.root.path, start.state, path


def _above(path: bytes) -> Iterator[bytes]:
    """The ancestors of a path, nearest first, down to the root."""
    while path:
        path = path.rpartition(b"/")[0]
        yield path
