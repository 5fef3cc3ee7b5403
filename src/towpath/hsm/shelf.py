"""The records that were read lately, kept in memory by group within a bound."""

import threading
from collections import OrderedDict
from typing import Final

from towpath.domain.paths import ErrorClass
from towpath.hsm.keys import record_key
from towpath.hsm.mark import Reference
from towpath.hsm.record import Group, Malformed, Record, unpack_group, unpacked_size
from towpath.storage.protocol import Corrupt, Storage, StorageError

LIMIT: Final = 32 * 1024 * 1024
IN_MEMORY: Final = 4
"""How much larger a group is as objects than unpacked, about."""
LARGEST_PACKED: Final = 128 * 1024 * 1024


class Shelf:
    """Groups of records, the least lately used of which go first; for any number of threads and targets."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._held = 0
        self._groups: OrderedDict[bytes, tuple[Group, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._reading: dict[bytes, threading.Lock] = {}

    def find(self, storage: Storage, reference: Reference) -> Record:
        """The record that a mark, or the step before, refers to.

        Raises `StorageError` where its group cannot be had, and `Corrupt` where it is not what was written.
        """
        group = self.group(storage, reference)
        if reference.index >= len(group.records):
            raise StorageError(
                f"{_named(reference.group)} has {len(group.records)} entries, and not number {reference.index}",
                ErrorClass.PERMANENT,
            )
        return group.records[reference.index]

    def group(self, storage: Storage, reference: Reference) -> Group:
        """The group that a record is in; raises as `find` does."""
        return self._known(reference.group) or self._read(storage, reference.group)

    def _known(self, name: bytes) -> Group | None:
        with self._lock:
            found = self._groups.get(name)
            if found is None:
                return None
            self._groups.move_to_end(name)
            return found[0]

    def _read(self, storage: Storage, name: bytes) -> Group:
        """Read it once, however many threads ask for it at the same time."""
        with self._lock:
            turn = self._reading.setdefault(name, threading.Lock())
        with turn:
            try:
                return self._known(name) or self._fetch(storage, name)
            finally:
                with self._lock:
                    self._reading.pop(name, None)

    def _fetch(self, storage: Storage, name: bytes) -> Group:
        packed = content_of(storage, record_key(name))
        try:
            group = unpack_group(packed, name)
        except Malformed as error:
            raise Corrupt(f"{_named(name)}: {error}") from error
        self._keep(name, group, unpacked_size(packed) * IN_MEMORY)
        return group

    def _keep(self, name: bytes, group: Group, size: int) -> None:
        with self._lock:
            self._groups[name] = (group, size)
            self._held += size
            while self._held > self._limit and len(self._groups) > 1:
                _, (_, freed) = self._groups.popitem(last=False)
                self._held -= freed


def content_of(storage: Storage, key: str) -> bytes:
    """The bytes of a group of records; raises `Corrupt` for what is too large to be one."""
    packed = bytearray()
    for piece in storage.get(key):
        packed += piece
        if len(packed) > LARGEST_PACKED:
            raise Corrupt(f"the records '{key}': expected at most {LARGEST_PACKED} bytes")
    return bytes(packed)


def _named(group: bytes) -> str:
    return f"the records '{record_key(group)}'"
