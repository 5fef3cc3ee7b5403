"""Why paths did not succeed: one row for each, and none for those that did."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.paths import ErrorClass
from towpath.store.tables import notes

LONGEST = 1000
"""Characters of a reason that are kept."""

KNOWN = frozenset(ErrorClass) | {""}
"""The classes that are kept as they were said; what a path was skipped for has none."""


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


_INSERT = sa.insert(notes)


def insert(conn: Connection, rows: Sequence[NoteRow]) -> None:
    """Write new notes."""
    if rows:
        conn.execute(_INSERT, [asdict(row) | _kept(row) for row in rows])


def _kept(row: NoteRow) -> dict[str, str]:
    known = row.error_class in KNOWN
    return {
        "reason": kept_text(row.reason, LONGEST),
        "error_class": row.error_class if known else ErrorClass.PERMANENT,
    }


def kept_text(said: str, longest: int) -> str:
    """What a node said, as it is kept: cut, and without the NUL that PostgreSQL takes in no text."""
    return said[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}")
