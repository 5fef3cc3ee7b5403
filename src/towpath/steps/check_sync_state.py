"""The step that lets only those paths on which the destination is to get."""

import os
import stat as modes
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from towpath.domain.catalogue import CHECK_SYNC_STATE, StepSpec
from towpath.domain.paths import Code, Kind, PathOutcome
from towpath.steps.outcomes import GONE, all_failed, failed, missing, processed, skipped
from towpath.steps.placing import Placing, placing_of
from towpath.steps.protocol import Context, Item
from towpath.storage.protocol import StorageError

_TOLD: Final = struct.Struct(">BQq")


class Preference(StrEnum):
    """Which of two different files wins."""

    NEWEST = "newest"
    LOCAL = "local"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Told:
    """What one site tells another of a path: its type (of `st_mode`), its size (files), its modification time."""

    type: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> "Told":
        """What there is to tell of a path."""
        kind = modes.S_IFMT(found.st_mode)
        return cls(kind, found.st_size if kind == modes.S_IFREG else 0, found.st_mtime_ns)

    def pack(self) -> bytes:
        """17 bytes, which go along the chain."""
        return _TOLD.pack(self.type >> 12, self.size, self.mtime_ns)

    @classmethod
    def unpack(cls, packed: bytes) -> "Told | None":
        """What was told; None for bytes that are something else."""
        if len(packed) != _TOLD.size:
            return None
        kind, size, mtime_ns = _TOLD.unpack(packed)
        return cls(kind << 12, size, mtime_ns)


class CheckSyncState:
    """Stands twice in a chain, before what sends: at the sender's site, where it tells what stands there, and then
    at the destination (`site`), where it compares and lets only those paths on that are to be sent.

    A path that is not at the destination goes on. One that is the same there (type, size and modification time; a
    directory is the same as a directory) is skipped. Where they differ, `sync_preference` decides:

    - `newest`: it goes on if it is newer at the sender's site.
    - `local`: the sender's wins: it goes on.
    - `ignore`: neither is touched: it is aborted.

    `to_root`, `to_path`, `from_path` say where at the destination a path is looked for, as for `reverse_stub`.
    """

    spec: ClassVar[StepSpec] = CHECK_SYNC_STATE

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Tell, where nothing was told before; else compare."""
        preference = Preference(context.arguments["sync_preference"])
        if not context.carried:
            return context.each(lambda item: _tell(context, item), context.items)
        try:
            placing = placing_of(context)
        except StorageError as error:
            return all_failed(context, error)
        return context.each(lambda item: _compare(context, item, placing, preference), context.items)

    def foresee(self, context: Context) -> Iterator[PathOutcome]:
        """It changes nothing anyway."""
        return self.run(context)


def _tell(context: Context, item: Item) -> PathOutcome:
    try:
        return processed(item, carry=Told.of(context.root.stat(item.path)).pack())
    except GONE:
        return missing(item, abort=False)


def _compare(context: Context, item: Item, placing: Placing, preference: Preference) -> PathOutcome:
    told = Told.unpack(context.carried.get(item.index, b""))
    if told is None:
        return failed(
            item, "the step before told nothing of it (check_sync_state stands twice: here and there)"
        )
    try:
        here = Told.of(placing.root.stat(placing.of(item.path)))
    except GONE:
        return processed(item)
    if here == told or (item.kind is Kind.DIRECTORY and here.type == told.type):
        return skipped(item, "the same stands at the destination already")
    match preference:
        case Preference.LOCAL:
            return processed(item)
        case Preference.NEWEST if told.mtime_ns > here.mtime_ns:
            return processed(item)
        case Preference.NEWEST:
            return skipped(item, "a different one stands at the destination, and is newer; it stays")
        case Preference.IGNORE:
            return PathOutcome(
                item.index, Code.ABORTED, "a different one stands at the destination; both stay"
            )
