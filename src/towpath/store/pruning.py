"""Old jobs in the database: which families of them are over long enough, and their rows taken away a few at a time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.states import JobState
from towpath.store.counters import add_jobs
from towpath.store.jobs import DAY, JobKind
from towpath.store.tables import batches, job_inputs, jobs, metadata, tasks

HEAVY = frozenset({batches.name, job_inputs.name})
"""Tables whose rows are long: fewer of them are taken away at once."""

HEAVIER = 10
"""How many other rows one of those counts for."""

OWNED = tuple(table for table in reversed(metadata.sorted_tables) if "job_id" in table.c)
"""The tables whose rows each belong to a job, none before another that refers to it."""

OF_TASKS = tuple(
    table
    for table in metadata.sorted_tables
    if "job_id" not in table.c and any(key.column is tasks.c.id for key in table.foreign_keys)
)
"""The tables whose rows each belong to a task, and do not say to which job."""

Place = tuple[int, int]
"""Where a search for old families has come to: when the last one ended, and its first job's id."""


@dataclass(frozen=True, slots=True)
class Family:
    """A job that is no retry, and all the retries that came of it."""

    place: Place
    members: tuple[int, ...]
    ended_at: int | None
    """When the last of them ended; None while one has not."""


def families(conn: Connection, ended_before: int, behind: Place, limit: int) -> list[Family]:
    """The next families whose first job ended before then, that job locked, so that no retry of it comes between."""
    key = (jobs.c.ended_at, jobs.c.id)
    query = sa.select(*key).where(jobs.c.retry_of.is_(None), sa.not_(jobs.c.pruned))
    query = query.where(jobs.c.ended_at < ended_before, sa.tuple_(*key) > sa.tuple_(*behind))
    firsts = conn.execute(query.order_by(*key).limit(limit).with_for_update()).all()
    members = _members(conn, [first.id for first in firsts])
    return [_family((first.ended_at, first.id), members[first.id]) for first in firsts]


def _family(place: Place, members: Sequence[tuple[int, int | None]]) -> Family:
    ends = [ended_at for _, ended_at in members if ended_at is not None]
    ended_at = max(ends) if len(ends) == len(members) else None
    return Family(place, tuple(job_id for job_id, _ in members), ended_at)


def _members(conn: Connection, firsts: Collection[int]) -> dict[int, list[tuple[int, int | None]]]:
    """Each member's id and end, by the family's first job."""
    family = sa.select(jobs.c.id.label("first"), jobs.c.id.label("member")).where(jobs.c.id.in_(firsts))
    tree = family.cte("family", recursive=True)
    tree = tree.union_all(sa.select(tree.c.first, jobs.c.id).where(jobs.c.retry_of == tree.c.member))
    query = sa.select(tree.c.first, jobs.c.id, jobs.c.ended_at).join(jobs, jobs.c.id == tree.c.member)
    found: dict[int, list[tuple[int, int | None]]] = {}
    for first, job_id, ended_at in conn.execute(query).all() if firsts else ():
        found.setdefault(first, []).append((job_id, ended_at))
    return found


def hide(conn: Connection, job_ids: Collection[int]) -> None:
    """Show these jobs to nobody any more."""
    day = jobs.c.created_at // DAY
    kind = (
        jobs.c.workflow, jobs.c.site, jobs.c.state, jobs.c.discovered == 0, jobs.c.queue, jobs.c.owner, day,
        jobs.c.space,
    )  # fmt: skip
    mine = jobs.c.id.in_(sorted(job_ids))
    counted = conn.execute(sa.select(*kind, sa.func.count()).where(mine).group_by(*kind)).all()
    gone: dict[JobKind, int] = {}
    for workflow, site, state, found_nothing, queue, owner, of_day, space, number in counted:
        noop = state == JobState.SUCCESS and bool(found_nothing)
        one = JobKind(workflow, site, JobState(state), noop, queue, owner, of_day, space)
        gone[one] = gone.get(one, 0) - number
    conn.execute(sa.update(jobs).where(mine).values(pruned=True))
    add_jobs(conn, gone)


# As the index has it: `pruned = 1`, which SQLAlchemy makes of the column, would not be found by it in SQLite.
_NEWEST = sa.select(sa.func.max(jobs.c.id)).where(sa.text("jobs.pruned"))


def newest_hidden(conn: Connection) -> int | None:
    """The last of the hidden jobs: retries come before what they refer to."""
    newest: int | None = conn.scalar(_NEWEST)
    return newest


def _some_of(table: sa.Table) -> sa.Select[Any]:
    """The keys of the first `most` rows of job `of_job`."""
    key = table.primary_key.columns
    mine = table.c.job_id == sa.bindparam("of_job", type_=sa.BigInteger)
    return sa.select(*key).where(mine).order_by(*key).limit(sa.bindparam("most", type_=sa.Integer))


# Chosen by statements within them: with keys in their place SQLite would look at all rows of the table.
_TAKE = [
    (table, sa.delete(table).where(sa.tuple_(*table.primary_key.columns).in_(_some_of(table))))
    for table in OWNED
]
_TAKE_OF_TASKS = [sa.delete(table).where(table.c.task_id.in_(_some_of(tasks))) for table in OF_TASKS]
_TAKE_JOB = sa.delete(jobs).where(jobs.c.id == sa.bindparam("of_job"))


def take_rows(conn: Connection, job_id: int, limit: int) -> int:
    """Take away up to `limit` of a hidden job's rows, those first to which none other refers; how many that were."""
    for table, take in _TAKE:
        most = max(1, limit // HEAVIER) if table.name in HEAVY else limit
        some = {"of_job": job_id, "most": most}
        if table is tasks:
            # What belongs to tasks alone: few of them have any such row, and none has many.
            for take_first in _TAKE_OF_TASKS:
                conn.execute(take_first, some)
        if taken := conn.execute(take, some).rowcount:
            return taken
    conn.execute(_TAKE_JOB, {"of_job": job_id})
    return 1
