"""The discovery of what others wrote at a target: its objects, as paths that a site may make of them."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from towpath.discovery.cursor import Place
from towpath.discovery.protocol import MOST_UNREADABLE, Piece, Start, Unreadable
from towpath.domain.errors import Mistake
from towpath.domain.paths import ErrorClass, Kind, is_beneath, printable
from towpath.storage.foreign import Shelving
from towpath.storage.protocol import Storage, is_safe_key

MOST: Final = 500
"""Entries of one piece."""


STRANGE: Final = (
    "the object's key holds what not every place keeps as it is (letters that are not ASCII, control characters,"
    " a dot or a space at the end of a name, …): give it another key at the target"
)


class Listing:
    """A discovery that finds the objects beneath `prefix` as files beneath `to_path`, those that lie beneath a start.

    The order is the target's own. What Towpath keeps there for itself is left out. Objects whose keys are none that
    every place keeps as they are (`towpath.storage.protocol.is_safe_key`) come as `Unreadable`: they fail.
    """

    name: ClassVar[str] = "listing"

    def __init__(self, storage: Storage | None = None) -> None:
        self._storage = storage

    def at(self, storage: Storage) -> "Listing":
        """The same, of that target."""
        return Listing(storage)

    def walk(
        self, starts: Sequence[Start], options: Mapping[str, Any], cursor: bytes
    ) -> Generator[Piece, None, None]:
        """Yield the objects of each start in turn, behind the cursor; raises `StorageError`."""
        if self._storage is None:
            raise Mistake("discovery listing: expected a target to list")
        shelving = Shelving.of(options)
        place = Place.unpack(cursor) if cursor else None
        if place is not None and (place.start >= len(starts) or shelving.place_of(place.path) is None):
            raise Mistake(f"expected a cursor of this listing, found '{printable(place.path)}'")
        return self._walk(self._storage, starts, shelving, place)

    def cursor(self, start: int, path: bytes) -> bytes:
        """The cursor just behind that object."""
        return Place(start, path).pack()

    def _walk(
        self, storage: Storage, starts: Sequence[Start], shelving: Shelving, place: Place | None
    ) -> Generator[Piece, None, None]:
        for index in range(place.start if place else 0, len(starts)):
            after = place.path if place is not None and place.start == index else None
            found = _beneath(storage, starts[index].path, shelving, after)
            while piece := _piece(found):
                paths = [path for path, _ in piece.objects]
                yield Piece(
                    index,
                    self.cursor(index, piece.last),
                    paths,
                    bytes([Kind.FILE]) * len(paths),
                    [size for _, size in piece.objects],
                    [Unreadable(path, ErrorClass.PERMANENT, STRANGE) for path in piece.strange],
                    state=starts[index].state or "processed",
                )


@dataclass(slots=True)
class _Found:
    """What goes into a piece: paths with sizes, and those whose keys are no safe keys."""

    last: bytes
    objects: list[tuple[bytes, int]] = field(default_factory=list)
    strange: list[bytes] = field(default_factory=list)


def _piece(found: Iterator["_Object"]) -> _Found | None:
    """The next piece; None at the end."""
    piece: _Found | None = None
    for path, size, is_strange in found:
        piece = piece or _Found(path)
        piece.last = path
        if is_strange:
            piece.strange.append(path)
        else:
            piece.objects.append((path, size))
        if len(piece.objects) >= MOST or len(piece.strange) >= MOST_UNREADABLE:
            break
    return piece


_Object = tuple[bytes, int, bool]
"""Path and size, and whether the key is no safe key."""


def _beneath(storage: Storage, start: bytes, shelving: Shelving, after: bytes | None) -> Iterator[_Object]:
    """Each object at and beneath a start, behind a path."""
    own = shelving.place_of(start)
    if is_beneath(shelving.to_path, start):
        prefix = shelving.prefix
    elif own is None:
        return
    elif not is_safe_key(own):
        if after is None:
            yield start, 0, True
        return
    else:
        prefix = own
        there = storage.look(own) if after is None else None
        if there is not None:
            yield start, there.size, False
    behind = "" if after is None or after == start else shelving.place_of(after) or ""
    for found in storage.everything(prefix, behind):
        path = shelving.path_of(found.key)
        if path is not None:
            yield path, found.size, not is_safe_key(found.key)
