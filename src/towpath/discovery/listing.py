"""The discovery of what others wrote at a target: its objects, as paths that a site may make of them."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Final

from towpath.discovery.cursor import Place
from towpath.discovery.protocol import Piece, Start
from towpath.domain.errors import Mistake
from towpath.domain.paths import Kind, is_beneath, printable
from towpath.storage.foreign import Shelving
from towpath.storage.protocol import ObjectFound, Storage

MOST: Final = 500
"""Entries of one piece."""


class Listing:
    """A discovery that finds the objects beneath `prefix` as files beneath `to_path`, those that lie beneath a start.

    The order is the target's own. What Towpath keeps there for itself is left out, and so are objects whose keys
    are none that every place keeps as they are (`towpath.storage.protocol.is_safe_key`).
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
        if place is not None and (place.start >= len(starts) or shelving.key_of(place.path) is None):
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
            while piece := list(islice(found, MOST)):
                paths = [path for path, _ in piece]
                yield Piece(
                    index,
                    self.cursor(index, paths[-1]),
                    paths,
                    bytes([Kind.FILE]) * len(paths),
                    [size for _, size in piece],
                    state=starts[index].state or "processed",
                )


def _beneath(
    storage: Storage, start: bytes, shelving: Shelving, after: bytes | None
) -> Iterator[tuple[bytes, int]]:
    """The path and the size of each object at and beneath a start, behind a path."""
    own = shelving.key_of(start)
    if is_beneath(shelving.to_path, start):
        prefix = shelving.prefix
    elif own is None:
        return
    else:
        prefix = own
        there = storage.look(own) if after is None else None
        if there is not None:
            yield start, there.size
    behind = "" if after is None or after == start else shelving.key_of(after) or ""
    listed: Iterator[ObjectFound] = storage.listing(prefix, behind)
    for found in listed:
        path = shelving.path_of(found.key)
        if path is not None:
            yield path, found.size
