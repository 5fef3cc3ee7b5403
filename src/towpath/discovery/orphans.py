"""The discovery of orphans: the two ends of a sweep at a site, its beginning and its comparison."""

import io
import struct
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from towpath.discovery.protocol import Piece, Start
from towpath.domain.errors import Mistake
from towpath.domain.lives import ORPHANS, SWEEPS, Stage, begun_key
from towpath.hsm.comparing import Comparison, Looked, Terms
from towpath.hsm.sweeps import sweep_prefix
from towpath.storage.protocol import Storage

MOST: Final = 20
"""Orphans of one piece: each may take 5 kB of a message."""
_CURSOR: Final = struct.Struct(">H")
"""The part that comes next."""


class Orphans:
    """A discovery that finds no paths: it tells the hub of objects that nothing refers to.

    Its option `stage` says which end of the sweep it is. `begin` puts a small object of its own, by whose time the
    target's clock says what is older than the sweep, and takes away what sweeps before have left; `compare` compares.
    """

    name: ClassVar[str] = ORPHANS

    def __init__(self, storage: Storage | None = None, site: str = "", key: bytes = b"") -> None:
        self._storage, self._site, self._key = storage, site, key

    def of(self, site: str, key: bytes) -> "Orphans":
        """The same, of that site."""
        return Orphans(self._storage, site, key)

    def at(self, storage: Storage) -> "Orphans":
        """The same, at that target."""
        return Orphans(storage, self._site, self._key)

    def walk(
        self, starts: Sequence[Start], options: Mapping[str, Any], cursor: bytes
    ) -> Generator[Piece, None, None]:
        """Yield pieces with orphans in place of paths; raises `StorageError`, and `Mistake` where references that
        were written are not there."""
        if self._storage is None or not self._site:
            raise Mistake("discovery orphans: expected a target and a site")
        if options["stage"] == Stage.BEGIN:
            return _begin(self._storage, str(options["sweep"]), self._site)
        if len(cursor) not in (0, _CURSOR.size):
            raise Mistake("expected a cursor of this comparison")
        return self._compare(self._storage, self._terms(options), cursor)

    def cursor(self, start: int, path: bytes) -> bytes:
        """It finds no entries, so there is no place behind one."""
        raise Mistake("discovery orphans: it has no entries")

    def _terms(self, options: Mapping[str, Any]) -> Terms:
        return Terms(
            sweep=str(options["sweep"]),
            site=self._site,
            key=self._key,
            sites=frozenset(options["sites"]),
            roots=frozenset(options["roots"]),
            expected=int(options["expected"]),
            plain=bool(options["plain"]),
        )

    @staticmethod
    def _compare(storage: Storage, terms: Terms, cursor: bytes) -> Generator[Piece, None, None]:
        with tempfile.TemporaryDirectory(prefix="towpath-sweep-") as scratch:
            comparison = Comparison(storage, terms, Path(scratch))
            for _ in comparison.gather():
                yield _piece(cursor)
            for looked in comparison.orphans(_CURSOR.unpack(cursor)[0] if cursor else 0):
                yield from _pieces(looked, cursor)
                cursor = _CURSOR.pack(looked.part + 1)


def _pieces(looked: Looked, before: bytes) -> Iterator[Piece]:
    """A part's orphans, behind the cursor of the part before; the last piece is behind the whole part."""
    behind = _CURSOR.pack(looked.part + 1)
    parts = [looked.orphans[at : at + MOST] for at in range(0, len(looked.orphans), MOST)] or [[]]
    for orphans in parts[:-1]:
        yield Piece(0, before, (), b"", (), orphans=orphans)
    yield Piece(0, behind, (), b"", (), orphans=parts[-1], passed=looked.objects)


def _piece(cursor: bytes) -> Piece:
    """Nothing yet: a chance to stop."""
    return Piece(0, cursor, (), b"", ())


def _begin(storage: Storage, sweep: str, site: str) -> Generator[Piece, None, None]:
    for found in storage.listing(SWEEPS):
        if not found.key.startswith(f"{sweep_prefix(sweep)}/"):
            storage.delete(found.key)
            yield _piece(b"")
    # A run that comes late, of a task that was taken from a node, must not make the sweep begin later than it did.
    if storage.look(begun_key(sweep, site)) is None:
        storage.put(begun_key(sweep, site), io.BytesIO(sweep.encode()), len(sweep))
