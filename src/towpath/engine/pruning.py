"""Pruning: families of jobs that ended long ago are hidden at once, then taken away piece by piece."""

from dataclasses import dataclass

from towpath.store import pruning
from towpath.store.database import Tx
from towpath.store.pruning import Place

FAMILIES = 200
"""Families that are looked at in one transaction."""

ROWS = 50
"""Rows that are taken away in one transaction: claims and reports wait no longer than for one of their own kind."""

BEGINNING: Place = (0, 0)
"""Before the first family."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """How many jobs were hidden, and where to go on; None at the end."""

    jobs: int
    behind: Place | None


def hide(tx: Tx, ended_before: int, behind: Place = BEGINNING, limit: int = FAMILIES) -> Hidden:
    """Hide the next families all of whose jobs ended before then: from now on nobody is shown them.

    A family goes whole or not at all, since a retry refers to the paths of the jobs before it.
    """
    found = pruning.families(tx.conn, ended_before, behind, limit)
    old = [one for one in found if one.ended_at is not None and one.ended_at < ended_before]
    members = [member for one in old for member in one.members]
    if members:
        pruning.hide(tx.conn, members)
        tx.due = True
    return Hidden(len(members), found[-1].place if len(found) == limit else None)


def take_away(tx: Tx, limit: int = ROWS) -> bool:
    """Take away up to `limit` rows of hidden jobs; True once nothing is left of them."""
    left = limit
    while left > 0:
        job_id = pruning.newest_hidden(tx.conn)
        if job_id is None:
            return True
        left -= pruning.take_rows(tx.conn, job_id, left)
    return False
