"""Many rows written by one statement, without the work that SQLAlchemy does for each of them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

Row = tuple[Any, ...]

CHUNK = 500
"""Rows of one statement: a value of PostgreSQL's has less than a gigabyte, and a batch of paths may have a megabyte."""


def insert_many(conn: Connection, table: sa.Table, names: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Write new rows, whose values are those of the columns `names`, in their order.

    Values go to the driver as they are: for columns of text, numbers and bytes that is what SQLAlchemy gives it.
    """
    _run(conn, _inserting(table, names, conn.dialect), rows)


def update_many(
    conn: Connection, table: sa.Table, names: tuple[str, ...], guards: tuple[str, ...], rows: Sequence[Row]
) -> int:
    """Write the columns `names` of the rows whose columns `guards` have the values that each row ends with.

    How many rows that were, -1 where the driver cannot say. Values go to the driver as they are, as in `insert_many`.
    """
    return _run(conn, _updating(table, names, guards, conn.dialect), rows)


def _run(conn: Connection, text: str, rows: Sequence[Row]) -> int:
    if not _takes_arrays(conn.dialect):
        return int(conn.exec_driver_sql(text, list(rows)).rowcount)
    written = 0
    for start in range(0, len(rows), CHUNK):
        columns = zip(*rows[start : start + CHUNK], strict=True)
        written += conn.exec_driver_sql(text, tuple(list(column) for column in columns)).rowcount
    return written


# PostgreSQL takes all rows as one array for each column: a fifth of the CPU that a statement for each row takes.


def _takes_arrays(dialect: Dialect) -> bool:
    return dialect.name == "postgresql"


@lru_cache(maxsize=64)
def _inserting(table: sa.Table, names: tuple[str, ...], dialect: Dialect) -> str:
    quoted = dialect.identifier_preparer.quote
    into = f"INSERT INTO {quoted(table.name)} ({', '.join(quoted(name) for name in names)})"
    if _takes_arrays(dialect):
        return f"{into} SELECT * FROM {_unnested(table, names, dialect)}"  # noqa: S608  names of ours
    return f"{into} VALUES ({', '.join('?' * len(names))})"


@lru_cache(maxsize=64)
def _updating(table: sa.Table, names: tuple[str, ...], guards: tuple[str, ...], dialect: Dialect) -> str:
    quoted = dialect.identifier_preparer.quote
    target = quoted(table.name)
    if not _takes_arrays(dialect):
        # Not numbered (`?1`): Python 3.12.1 takes such a parameter for a named one, and warns of each row.
        changes = ", ".join(f"{quoted(name)} = ?" for name in names)
        held = " AND ".join(f"{quoted(name)} = ?" for name in guards)
        return f"UPDATE {target} SET {changes} WHERE {held}"  # noqa: S608
    every = (*names, *guards)
    given = [f"given_{n}" for n in range(len(every))]
    pairs = list(zip(every, given, strict=True))
    changes = ", ".join(f"{quoted(name)} = {value}" for name, value in pairs[: len(names)])
    held = " AND ".join(f"{target}.{quoted(name)} = {value}" for name, value in pairs[len(names) :])
    source = f"{_unnested(table, every, dialect)} AS given ({', '.join(given)})"
    return f"UPDATE {target} SET {changes} FROM {source} WHERE {held}"  # noqa: S608


def _unnested(table: sa.Table, names: tuple[str, ...], dialect: Dialect) -> str:
    """Arrays as a table: each a parameter in binary form, of the type of its column."""
    return f"unnest({', '.join(f'%b::{_kind(table.c[name].type, dialect)}[]' for name in names)})"


def _kind(kind: sa.types.TypeEngine[Any], dialect: Dialect) -> str:
    """The type of a column; text has no length here, since a cast would cut off what is too long, and say nothing."""
    return "text" if isinstance(kind, sa.String) else kind.compile(dialect=dialect)
