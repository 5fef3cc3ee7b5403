"""All that the hub knows, as one file that any back end can be filled from.

The file is JSON lines in zstd: a head that says which form of the tables it holds; for each table a line with its
columns and their kinds, and its rows as lists, bytes in base64; at its end how many rows there are of each table, and
the SHA-256 of all that stands before.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import IO, Any, Final

import msgspec
import sqlalchemy as sa
import zstandard
from sqlalchemy.engine import Connection
from sqlalchemy.schema import DropSequence, DropTable

from towpath.domain.errors import Mistake
from towpath.store import numbers, schema
from towpath.store.conductor import Office, look
from towpath.store.engines import is_to_write
from towpath.store.tables import SEQUENCES, ids, jobs, metadata, sites, targets, users

FORMAT: Final = 1
ROWS: Final = 1_000
"""Rows that are read and written at a time."""
LARGEST_LINE: Final = 256 * 1024 * 1024
KINDS: Mapping[str, sa.types.TypeEngine[Any]] = {
    "bytes": sa.LargeBinary(),
    "json": sa.JSON(),
    "json or nothing": sa.JSON(none_as_null=True),
    "flag": sa.Boolean(),
    "real": sa.Float(),
    "number": sa.BigInteger(),
    "text": sa.Text(),
}
"""What a column holds."""


class Head(msgspec.Struct, frozen=True):
    """The first line of a backup."""

    towpath_backup: int
    """The version of the format."""
    software: str
    form: str
    """The newest migration that its tables have seen."""
    made_at: str
    key: str
    """By what the key is known under which its secrets are encrypted."""
    files: dict[str, str] = {}
    """Keys that came with it, in base64: name → content."""


class Table(msgspec.Struct, frozen=True):
    """The line before the rows of a table."""

    table: str
    columns: dict[str, str]


class End(msgspec.Struct, frozen=True):
    """The last line: without it, the file is not whole."""

    rows: dict[str, int]
    numbers: dict[str, int]
    """The last number that was given out: of each kind of `ids`, and of each table that numbers its rows itself."""
    sha256: str


@dataclass(slots=True)
class _Writer:
    """Writes lines, and counts what it has written."""

    stream: IO[bytes]
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, thing: object) -> None:
        line = msgspec.json.encode(thing) + b"\n"
        self.digest.update(line)
        self.stream.write(line)


def write(conn: Connection, head: Callable[[str], Head], file: IO[bytes]) -> dict[str, int]:
    """Write all tables, as one moment sees them, into a file; rows of each. `head` is given the form of the tables."""
    form = schema.form_of(conn)
    if form != schema.newest():
        raise Mistake(
            f"database: expected form {schema.newest()}, found {form}: start the hub once, or run its version"
        )
    with zstandard.ZstdCompressor(level=6, write_checksum=True).stream_writer(file, closefd=False) as stream:
        writer = _Writer(stream)
        writer.add(head(form))
        rows = {
            str(table.name): _write_table(conn, table, writer)
            for table in metadata.sorted_tables
            if table is not ids
        }
        writer.add(End(rows, numbers.read(conn), writer.digest.hexdigest()))
    return rows


def _write_table(conn: Connection, table: sa.Table, writer: _Writer) -> int:
    # SQLAlchemy's names are no plain text.
    writer.add(Table(str(table.name), {str(column.name): _kind(column) for column in table.columns}))
    written = 0
    asked = (
        sa.select(table)
        .order_by(*table.primary_key.columns)
        .execution_options(stream_results=True, yield_per=ROWS)
    )
    for row in conn.execute(asked):
        writer.add(tuple(row))
        written += 1
    return written


def _kind(column: sa.Column[Any]) -> str:
    kind = column.type
    if isinstance(kind, sa.JSON):
        return "json or nothing" if kind.none_as_null else "json"
    if isinstance(kind, sa.LargeBinary):
        return "bytes"
    if isinstance(kind, sa.Boolean):
        return "flag"
    if isinstance(kind, sa.Integer):
        return "number"
    return "real" if isinstance(kind, sa.Numeric | sa.Float) else "text"


class Reader:
    """A backup as it is read: its head at once, its tables one after the other.

    Raises `Mistake` where it is damaged, or none.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._name = name
        self._digest = hashlib.sha256()
        self._lines = self._read(file)
        self._ahead: bytes | None = None
        try:
            self.head = msgspec.json.decode(self._next(), type=Head)
        except msgspec.MsgspecError:
            raise self._wrong("the head of a backup", "something else") from None
        if self.head.towpath_backup != FORMAT:
            raise self._wrong(f"format {FORMAT}", f"{self.head.towpath_backup}, of a newer Towpath")
        self.end: End | None = None
        self.rows: dict[str, int] = {}

    def tables(self) -> Iterator[tuple[Table, Iterator[list[Any]]]]:
        """Each table with its rows, which are to be read before the next one is asked for."""
        while self.end is None:
            line = self._next()
            try:
                found = msgspec.json.decode(line, type=Table)
            except msgspec.MsgspecError:
                self._finish(line)
                return
            yield found, self._rows_of(found)

    def _rows_of(self, table: Table) -> Iterator[list[Any]]:
        places = [place for place, kind in enumerate(table.columns.values()) if kind == "bytes"]
        for number in count(1):
            line = self._next()
            if not line.startswith(b"["):
                self._ahead = line
                self.rows[table.table] = number - 1
                return
            row = msgspec.json.decode(line)
            for place in places:
                if row[place] is not None:
                    row[place] = base64.b64decode(row[place])
            yield row

    def _finish(self, line: bytes) -> None:
        try:
            self.end = msgspec.json.decode(line, type=End)
        except msgspec.MsgspecError:
            raise self._wrong("a table, or the end", "something else") from None
        if self.end.sha256 != self._before_last:
            raise self._wrong(f"the checksum {self.end.sha256}", self._before_last)
        if self.end.rows != self.rows:
            raise self._wrong("as many rows as its end says", "others")

    def _next(self) -> bytes:
        if self._ahead is not None:
            line, self._ahead = self._ahead, None
            return line
        try:
            line = next(self._lines)
        except StopIteration:
            raise self._wrong("its end", "that it was cut off") from None
        except zstandard.ZstdError:
            raise self._wrong("a backup that is whole", "one that is damaged, or none") from None
        self._before_last = self._digest.hexdigest()
        self._digest.update(line)
        return line

    def _read(self, file: IO[bytes]) -> Iterator[bytes]:
        rest = b""
        with zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as stream:
            while piece := stream.read(1 << 20):
                *whole, rest = (rest + piece).split(b"\n")
                yield from (line + b"\n" for line in whole)
                if len(rest) > LARGEST_LINE:
                    raise self._wrong("lines", "none")

    def _wrong(self, expected: str, found: str) -> Mistake:
        return Mistake(f"backup {self._name}: expected {expected}, found {found}; nothing was changed")


def load(conn: Connection, reader: Reader) -> None:
    """Put all rows of a backup into tables of its own form, in place of what is in them."""
    for table in reversed(metadata.sorted_tables):
        if table is not ids and sa.inspect(conn).has_table(table.name):
            conn.execute(sa.delete(table))
    for told, rows in reader.tables():
        _load_table(conn, told, rows)
    assert reader.end is not None
    numbers.write(conn, reader.end.numbers)


def _load_table(conn: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    columns = [sa.column(name, KINDS[kind]) for name, kind in table.columns.items()]
    statement = sa.insert(sa.table(table.table, *columns))
    names = list(table.columns)
    left = iter(rows)
    while some := [dict(zip(names, row, strict=True)) for row in islice(left, ROWS)]:
        conn.execute(statement, some)


def restore(database_url: str, reader: Reader, *, replace: bool) -> None:
    """Fill a database from a backup, all or nothing, and bring it to the newest form.

    Raises `Mistake` where something is in it that is not to be replaced, where it does not answer, or where the
    backup is damaged or of a newer Towpath.
    """
    if reader.head.form not in schema.known():
        raise Mistake(
            f"backup: expected a form up to {schema.newest()}, found {reader.head.form}, which Towpath"
            f" {reader.head.software} wrote; restore it with that version or a newer one"
        )
    engine = schema.opened(database_url)
    try:
        with engine.connect() as conn, is_to_write(conn).begin():
            if not replace and _is_used(conn):
                raise Mistake(
                    f"database {schema.shown(database_url)}: expected an empty one, found one with jobs, sites or"
                    " users in it; --replace puts the backup in their place"
                )
            _drop(conn)
            schema.bring(conn, reader.head.form)
            load(conn, reader)
            schema.bring(conn)
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        found = " ".join(str(error.orig).split())[:200]
        raise Mistake(
            f"backup: expected rows that fit together, found: {found}; nothing was changed"
        ) from None
    except sa.exc.DatabaseError as error:
        raise Mistake(_said(database_url, error)) from None
    finally:
        engine.dispose()


def conducting(database_url: str) -> Office | None:
    """Which hub conducts on a database; None where there is none yet."""
    engine = schema.opened(database_url)
    try:
        with engine.connect() as conn, conn.begin():
            return look(conn) if sa.inspect(conn).has_table("conductor") else None
    except sa.exc.DatabaseError as error:
        raise Mistake(_said(database_url, error)) from None
    finally:
        engine.dispose()


def _said(database_url: str, error: sa.exc.DatabaseError) -> str:
    return f"database {schema.shown(database_url)}: {' '.join(str(error.orig).split())}"


def _is_used(conn: Connection) -> bool:
    found = sa.inspect(conn)
    asked = [table for table in (jobs, sites, users, targets) if found.has_table(table.name)]
    return any(conn.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() for table in asked)


def _drop(conn: Connection) -> None:
    """Take away all tables of ours, and no others that may be there."""
    found = sa.inspect(conn)
    for table in reversed(metadata.sorted_tables):
        if found.has_table(table.name):
            conn.execute(DropTable(table))
    for sequence in SEQUENCES.values():
        if conn.dialect.supports_sequences:
            conn.execute(DropSequence(sequence, if_exists=True))
    conn.execute(sa.text("DROP TABLE IF EXISTS alembic_version"))
