"""Where a walk has come: the order of its entries, and a place in it as bytes."""

import struct
from typing import Final, NamedTuple, Self

from towpath.domain.errors import Mistake
from towpath.domain.paths import is_clean, printable

_HEAD: Final = struct.Struct(">BI")
_VERSION: Final = 0x10
_BENEATH: Final = 0x01


class Place(NamedTuple):
    """A place just behind the entry `path` of a start or, where `beneath`, behind all that lies beneath it too."""

    start: int
    path: bytes
    beneath: bool = False

    def pack(self) -> bytes:
        """The place as a cursor: five bytes and the path."""
        return _HEAD.pack(_VERSION | self.beneath, self.start) + self.path

    @classmethod
    def unpack(cls, cursor: bytes) -> Self:
        """The place of a cursor; raises `Mistake` for bytes that are none."""
        path = cursor[_HEAD.size :]
        if len(cursor) < _HEAD.size or cursor[0] & ~_BENEATH != _VERSION or not is_clean(path):
            raise Mistake(f"expected a cursor of a recursive walk, found '{printable(cursor[:80])}'")
        flags, start = _HEAD.unpack_from(cursor)
        return cls(start, path, bool(flags & _BENEATH))


def order(path: bytes) -> list[bytes]:
    """The key by which a walk's paths ascend: by component, so a directory is followed by all that it holds."""
    return path.split(b"/") if path else []
