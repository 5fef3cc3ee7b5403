"""Why paths did not succeed: one row for each, and none for those that did."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.store.tables import notes

LONGEST = 1000
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class NoteRow:
    """Why one path of a task did not succeed; `root` and `path` only for what a discovery could not look at."""

    task_id: int
    index: int
    job_id: int
    outcome: str
    error_class: str
    reason: str
    root: str | None = None
    path: bytes | None = None


def insert(conn: Connection, rows: Sequence[NoteRow]) -> None:
    """Write new notes."""
    if rows:
        conn.execute(sa.insert(notes), [asdict(row) | {"reason": row.reason[:LONGEST]} for row in rows])
