"""What a sweep keeps at a target while it runs: when it began, and which records the marks at the sites refer to."""

import struct
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

from towpath.domain.lives import SWEEPS
from towpath.hsm.mark import GROUP_LENGTH, Reference

ENTRY_LENGTH: Final = GROUP_LENGTH + 2
"""Bytes of one reference: the group of its record, and which of the group it is."""

_ENTRY: Final = struct.Struct(f">{GROUP_LENGTH}sH")


def sweep_prefix(sweep: str) -> str:
    """Beneath it lies all that a sweep keeps."""
    return f"{SWEEPS}/{sweep}"


def references_prefix(sweep: str) -> str:
    """Beneath it lie the references that were found, whatever the site."""
    return f"{sweep_prefix(sweep)}/references"


def references_key(sweep: str, site: str, task: int, entries: bytes) -> str:
    """Where the references go that one run of a task found.

    A run that comes late, of a task that was taken from a node, may have found fewer: it writes beside the others,
    never over them. More than once does no harm.
    """
    found = blake2b(entries, digest_size=8).hexdigest()
    return f"{references_prefix(sweep)}/{site}/{task}-{found}"


def entry_of(reference: Reference) -> bytes:
    """A reference as a sweep keeps it: without the target's tag, for a target may have had several names."""
    return _ENTRY.pack(reference.group, reference.index)


def reference_of(entry: bytes, tag: bytes) -> Reference:
    """The reference that an entry stands for, at the target of that tag; raises ValueError."""
    if len(entry) != ENTRY_LENGTH:
        raise ValueError(f"expected {ENTRY_LENGTH} bytes of a reference, found {len(entry)}")
    return Reference(tag, *_ENTRY.unpack(entry))


def entries_in(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The entries in what was written one behind the other, as it comes in pieces."""
    left = b""
    for piece in pieces:
        left += piece
        whole = len(left) - len(left) % ENTRY_LENGTH
        for at in range(0, whole, ENTRY_LENGTH):
            yield left[at : at + ENTRY_LENGTH]
        left = left[whole:]
