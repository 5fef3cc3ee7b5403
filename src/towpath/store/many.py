"""One statement for many rows, without the work that SQLAlchemy does for each of them."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

Row = tuple[Any, ...]


@lru_cache(maxsize=64)
def _compiled(
    statement: sa.UpdateBase, names: tuple[str, ...], dialect: Dialect
) -> tuple[str, Callable[[Row], Any]]:
    """The text of a statement, and what makes the driver's parameters of a row whose values have those names."""
    compiled = statement.compile(dialect=dialect)
    order: Sequence[str] | None = getattr(compiled, "positiontup", None)
    if order is None:
        return str(compiled), lambda row: dict(zip(names, row, strict=True))
    return str(compiled), itemgetter(*(names.index(name) for name in order))


def run_many(conn: Connection, statement: sa.UpdateBase, names: tuple[str, ...], rows: Sequence[Row]) -> int:
    """Run a statement for each row; how many rows of the table that concerned, -1 where the driver cannot say.

    `names` are those of the statement's parameters, two at least, in the order in which each row has its values.
    These go to the driver as they are: for columns of text, numbers and bytes that is what SQLAlchemy gives it.
    """
    text, shaped = _compiled(statement, names, conn.dialect)
    return int(conn.exec_driver_sql(text, [shaped(row) for row in rows]).rowcount)
