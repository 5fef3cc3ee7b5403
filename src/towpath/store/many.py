"""One statement for many rows, without the work that SQLAlchemy does for each of them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect


@lru_cache(maxsize=64)
def _compiled(statement: sa.UpdateBase, dialect: Dialect) -> tuple[str, Sequence[str] | None]:
    """The text of a statement, and the order of its parameters where they have no names."""
    compiled = statement.compile(dialect=dialect)
    return str(compiled), getattr(compiled, "positiontup", None)


def run_many(conn: Connection, statement: sa.UpdateBase, rows: Sequence[Mapping[str, Any]]) -> int:
    """Run a statement for each row; how many rows of the table that concerned, -1 where the driver cannot say.

    The values go to the driver as they are: for columns of text, numbers and bytes that is what SQLAlchemy gives it.
    """
    text, order = _compiled(statement, conn.dialect)
    values: list[Any] = [tuple(row[name] for name in order) for row in rows] if order else list(rows)
    return int(conn.exec_driver_sql(text, values).rowcount)
