"""What lies in a space, as a walk counts it."""

import struct
from dataclasses import asdict, dataclass, fields
from typing import Final, Self, TypeAlias

from towpath.domain.errors import Mistake

USAGE: Final = "usage"
"""The discovery that counts, and finds nothing."""

WORKFLOW: Final = "space-usage"
"""The name of its jobs' plan, which no workflow can have."""

LEAST_EVERY: Final = 3600
MOST_EVERY: Final = 366 * 24 * 3600
"""Seconds between two counts that nobody asks for."""

MOST: Final = 2**53 - 1
"""The largest number that every reader of JSON keeps exact."""

PRIORITY: Final = -100
"""Of its jobs: whatever people have started goes before."""


Packed: TypeAlias = bytes
"""A cursor; named, since `bytes` is a field of `Usage`."""


@dataclass(slots=True)
class Usage:
    """Each name of a file counts, and sizes are bytes; what spaces leave out, and Towpath's own files, do not count.

    A file is *dehydrated* where its mark says that some of its data is at a target only.
    """

    folders: int = 0
    files: int = 0
    others: int = 0
    """Symbolic links, and what is neither a file nor a folder."""
    bytes: int = 0
    """What the files hold, their data being here or not."""
    allocated: int = 0
    """What they take on disk."""
    dehydrated_files: int = 0
    dehydrated_bytes: int = 0
    unreadable: int = 0
    """Paths that could not be looked at; what lies beneath them was not counted."""

    @property
    def numbers(self) -> list[int]:
        """Its numbers, in the order in which they are named here."""
        return [getattr(self, field.name) for field in fields(self)]

    def pack(self) -> Packed:
        """Its numbers, as a cursor of the walk begins."""
        return _NUMBERS.pack(*(min(number, MOST) for number in self.numbers))

    @classmethod
    def unpack(cls, cursor: Packed) -> tuple[Self, Packed]:
        """What was counted up to a cursor (b"" = its beginning), and the place in the walk behind which it goes on.

        Raises `Mistake` for a cursor that is none of its own.
        """
        if not cursor:
            return cls(), b""
        if len(cursor) < _NUMBERS.size:
            raise Mistake("discovery usage: expected a cursor of its own, found another")
        numbers = _NUMBERS.unpack_from(cursor)
        return cls(*(min(number, MOST) for number in numbers)), cursor[_NUMBERS.size :]

    @property
    def document(self) -> dict[str, int]:
        """Its numbers by their names."""
        return asdict(self)


_NUMBERS: Final = struct.Struct(f">{len(fields(Usage))}Q")
