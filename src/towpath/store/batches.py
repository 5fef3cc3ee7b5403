"""Batches in the database: immutable lists of paths, and the masks by which tasks refer to them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.paths import Code
from towpath.store.many import insert_many
from towpath.store.tables import batches
from towpath.wire import compress, decompress

LARGEST = 1_000_000
"""More paths than any batch has: nothing longer is ever unpacked."""

_ONES = bytes([0] + [1] * 255)
_PROCESSED = bytes(1 if code in (Code.PROCESSED, Code.ALREADY) else 0 for code in range(256))


_IDS = batches.c.id.in_(sa.bindparam("ids", expanding=True))
_SIZES = sa.select(batches.c.id, batches.c.count).where(_IDS)
_LENGTHS = sa.select(batches.c.id, sa.func.length(batches.c.paths)).where(_IDS)
_PACKED = sa.select(batches.c.id, batches.c.paths).where(_IDS)


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A new batch: `count` paths of together `bytes` bytes, packed as `paths`."""

    id: int
    job_id: int
    count: int
    paths: bytes
    bytes: int


_COLUMNS = tuple(f.name for f in fields(BatchRow))
_values = attrgetter(*_COLUMNS)


def insert(conn: Connection, rows: Sequence[BatchRow]) -> None:
    """Write new batches."""
    if rows:
        insert_many(conn, batches, _COLUMNS, [_values(row) for row in rows])


def sizes(conn: Connection, batch_ids: Collection[int]) -> dict[int, int]:
    """How many paths each of these batches has."""
    return _by_id(conn, _SIZES, batch_ids)


def lengths(conn: Connection, batch_ids: Collection[int]) -> dict[int, int]:
    """How many bytes each of these batches takes, packed."""
    return _by_id(conn, _LENGTHS, batch_ids)


def packed(conn: Connection, batch_ids: Collection[int]) -> dict[int, bytes]:
    """Each of these batches as it came over the wire."""
    return _by_id(conn, _PACKED, batch_ids)


def _by_id(conn: Connection, query: sa.Select[Any], batch_ids: Collection[int]) -> dict[int, Any]:
    wanted = sorted(set(batch_ids))
    return {row[0]: row[1] for row in conn.execute(query, {"ids": wanted}).all()} if wanted else {}


# Masks and codes: one byte a path, compressed ----------------------------------------------------------------


def pack_bytes(plain: bytes) -> bytes:
    """A mask or codes as they are kept and sent."""
    return compress(plain)


def unpack_bytes(kept: bytes | None, count: int) -> bytes:
    """A mask of `count` bytes; nothing kept means all ones."""
    return b"\x01" * count if not kept else decompress(kept, LARGEST)


def done_mask(codes: bytes) -> bytes:
    """1 for each path that has an outcome."""
    return codes.translate(_ONES)


def processed_mask(codes: bytes) -> bytes:
    """1 for each path that was processed: these go on down the chain."""
    return codes.translate(_PROCESSED)


def is_within(inner: bytes, outer: bytes) -> bool:
    """Whether every 1 of a mask stands in the other too."""
    return len(inner) == len(outer) and not int.from_bytes(inner) & ~int.from_bytes(outer)


def without(mask: bytes, taken: bytes) -> bytes:
    """The mask less what was taken from it."""
    left = int.from_bytes(mask) & ~int.from_bytes(taken)
    return left.to_bytes(len(mask))
