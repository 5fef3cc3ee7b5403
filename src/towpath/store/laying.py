"""Lays the tables of a new database in one go, as all migrations together would make them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.store.tables import conductor, event_cursors, ids, metadata
from towpath.store.tables.work import KINDS

FORM = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Where Alembic keeps which form a database has, as it makes it."""

FIRST_ROWS: Mapping[sa.Table, Sequence[Mapping[str, Any]]] = MappingProxyType(
    {
        ids: [{"name": kind, "last": 0} for kind in KINDS],
        conductor: [{"epoch": 0, "holder": "", "beats": 0, "since": 0}],
        event_cursors: [{"name": name, "number": 0} for name in ("last", "log", "rights")],
    }
)
"""What stands in a database before anything is written to it."""


def form_of(conn: Connection) -> str | None:
    """The form that a database has; None where it has no tables yet."""
    if not sa.inspect(conn).has_table(FORM.name):
        return None
    return conn.execute(sa.select(FORM.c.version_num)).scalar()


def lay(conn: Connection, form: str) -> None:
    """Make all tables, of that form, which is the newest, and what stands in them before anything is written."""
    metadata.create_all(conn)
    for table, rows in FIRST_ROWS.items():
        conn.execute(sa.insert(table), list(rows))
    FORM.create(conn, checkfirst=True)
    conn.execute(sa.insert(FORM).values(version_num=form))
