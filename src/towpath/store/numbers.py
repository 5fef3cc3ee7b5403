"""The last numbers that were given out, in whichever way a back end keeps them: none is given twice after a restore."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.store.tables import SEQUENCES, ids, metadata

_OWNED = sa.text("SELECT pg_get_serial_sequence(:table, :column)")
_KEPT = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :table")
_KEEP = sa.text("UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = :table")
_ADD = sa.text(
    "INSERT INTO sqlite_sequence (name, seq) SELECT :table, :last"
    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :table)"
)
_SET = sa.text("SELECT setval(CAST(:name AS regclass), :last)")


def read(conn: Connection) -> dict[str, int]:
    """The last number of each kind of `ids`, and of each table that numbers its rows itself."""
    numbered = {str(table.name): _last(conn, table) for table in _numbering()}
    if conn.dialect.name == "postgresql":
        kinds = {kind: _given(conn, sequence.name) for kind, sequence in SEQUENCES.items()}
    else:
        kinds = {row.name: row.last for row in conn.execute(sa.select(ids.c.name, ids.c.last))}
    return {**{f"ids {kind}": last for kind, last in kinds.items()}, **numbered}


def write(conn: Connection, numbers: Mapping[str, int]) -> None:
    """Go on behind these numbers."""
    for kind, sequence in SEQUENCES.items():
        last = numbers.get(f"ids {kind}", 0)
        if conn.dialect.name == "postgresql":
            _go_on(conn, sequence.name, last)
        else:
            conn.execute(sa.update(ids).where(ids.c.name == kind).values(last=last))
    for table in _numbering():
        last = numbers.get(table.name, 0)
        if conn.dialect.name == "postgresql":
            if owned := _owned(conn, table):
                _go_on(conn, owned, last)
        elif table.dialect_options["sqlite"]["autoincrement"] and last:
            conn.execute(_ADD, {"table": table.name, "last": last})
            conn.execute(_KEEP, {"table": table.name, "last": last})


def _numbering() -> list[sa.Table]:
    return [table for table in metadata.sorted_tables if _column(table) is not None]


def _column(table: sa.Table) -> sa.Column[int] | None:
    [column, *more] = table.primary_key.columns
    return column if not more and column.autoincrement is True else None


def _last(conn: Connection, table: sa.Table) -> int:
    """The last number of a table's rows; that of one which is gone, where the back end knows it."""
    column = _column(table)
    assert column is not None
    highest = conn.execute(sa.select(sa.func.max(column))).scalar() or 0
    if conn.dialect.name == "postgresql":
        owned = _owned(conn, table)
        return max(highest, _given(conn, owned) if owned else 0)
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return highest
    return max(highest, conn.execute(_KEPT, {"table": table.name}).scalar() or 0)


def _owned(conn: Connection, table: sa.Table) -> str | None:
    column = _column(table)
    assert column is not None
    found: str | None = conn.execute(_OWNED, {"table": table.name, "column": column.name}).scalar()
    return found


def _given(conn: Connection, sequence: str) -> int:
    """The last number of a sequence; 0 where it has given none."""
    row = conn.execute(sa.text(f"SELECT last_value, is_called FROM {sequence}")).one()  # noqa: S608  a name of ours
    return int(row.last_value) if row.is_called else 0


def _go_on(conn: Connection, sequence: str, last: int) -> None:
    if last:
        conn.execute(_SET, {"name": sequence, "last": last})
