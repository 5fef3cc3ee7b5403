"""Reports as Parquet, written by pyarrow as they are streamed."""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from towpath.api.paths import Path
from towpath.api.reports import HEADS, cells

SCHEMA: Final = pa.schema(
    [
        ("task", pa.int64()),
        ("step", pa.string()),
        ("site", pa.string()),
        ("path", pa.string()),
        ("path_b64", pa.string()),
        ("outcome", pa.string()),
        ("already", pa.bool_()),
        ("error_class", pa.string()),
        ("reason", pa.string()),
    ],
    {"created_by": "towpath"},
)
GROUP: Final = 20_000
"""Rows of one row group: so many are held."""


class Parquet:
    """A report under way."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, mode="w"), SCHEMA, compression="zstd")
        self._rows: list[list[object]] = []

    def add(self, rows: Sequence[Path]) -> bytes:
        """Rows that follow; bytes come once a row group is full."""
        self._rows += map(cells, rows)
        if len(self._rows) >= GROUP:
            self._write()
        return self._sink.take()

    def end(self) -> bytes:
        """The last row group, and the table of contents, which stands last."""
        self._write()
        self._writer.close()
        return self._sink.take()

    def _write(self) -> None:
        columns = {head: [row[number] for row in self._rows] for number, head in enumerate(HEADS)}
        self._writer.write_table(pa.table(columns, schema=SCHEMA))
        self._rows = []


class _Sink:
    """What was written and not taken yet, as a file that only grows."""

    closed = False

    def __init__(self) -> None:
        self._written, self._taken = bytearray(), 0

    def write(self, content: bytes) -> int:
        """More bytes."""
        self._written += content
        return len(content)

    def tell(self) -> int:
        """How many there are in all."""
        return self._taken + len(self._written)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """What was written stays."""
        self.closed = True

    def take(self) -> bytes:
        """What has come since the last time."""
        taken = bytes(self._written)
        self._taken += len(taken)
        self._written.clear()
        return taken
