"""Large databases in little time: what the hub itself wrote of one job is multiplied by the database."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.states import PENDING
from towpath.engine import control
from towpath.engine.inputs import Asked
from towpath.store import tasks as task_store
from towpath.store.database import Database
from towpath.store.jobs import DAY
from towpath.store.tables import job_counts, jobs, lanes, path_tallies, tallies, tasks

COUNTS = ("reached", "processed", "failed", "skipped", "aborted", "unknown", "not_run", "bytes")
TOTALS = ("discovered", "done", "failed", "skipped", "aborted", "not_run", "unknown")
CHUNK = 100_000


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The database, past the hub: for a hub that is down, or to look at only."""
    database = Database(url, lambda: time.time_ns() // 1000)
    try:
        yield database
    finally:
        database.stop()


def pending_job(database: Database, path: str, count: int) -> int:
    """A job of `count` no-op tasks of one path each, all of them ready; the hub must be down."""
    order = control.Submission("noop", "oslo", "default", (Asked(path.encode()),), {}, "bench", None, 1)
    with database.writing() as tx:
        job_id = control.submit(tx, order).job_id
    done = 1
    while done < count:
        some = min(CHUNK, count - done)
        with database.writing() as tx:
            _more_tasks(tx.conn, job_id, some)
        done += some
    with database.writing() as tx:
        # It is no small job any more.
        tx.conn.execute(sa.update(lanes).where(lanes.c.job_id == job_id).values(small=False))
    return job_id


def _more_tasks(conn: Connection, job_id: int, count: int) -> None:
    """Copy a job's pending task that often, and count the copies."""
    template = conn.scalar(
        sa.select(sa.func.min(tasks.c.id)).where(tasks.c.job_id == job_id, tasks.c.state == PENDING)
    )
    first = task_store.next_ids(conn, "tasks", count)
    number = numbers(count)
    new = {"id": number.c.i + first, "chain_id": number.c.i + first}
    _copy(conn, tasks, number, tasks.c.id == template, new)
    mine = (tallies.c.job_id == job_id, tallies.c.position >= 0)
    conn.execute(sa.update(tallies).where(*mine).values(tasks=tallies.c.tasks + count))
    mine = (path_tallies.c.job_id == job_id, path_tallies.c.position >= 0)
    conn.execute(sa.update(path_tallies).where(*mine).values(reached=path_tallies.c.reached + count))
    mine = (lanes.c.job_id == job_id, lanes.c.ready > 0)
    conn.execute(sa.update(lanes).where(*mine).values(ready=lanes.c.ready + count))
    conn.execute(sa.update(jobs).where(jobs.c.id == job_id).values(discovered=jobs.c.discovered + count))


def numbers(count: int) -> sa.CTE:
    """The numbers from 0 to below `count`, as a table `i`."""
    table = sa.select(sa.literal(0).label("i")).cte("numbers", recursive=True)
    return table.union_all(sa.select(table.c.i + 1).where(table.c.i < count - 1))


def copies_of(conn: Connection, job_id: int, copies: int, tasks_each: int, before: int = 0) -> None:
    """Copy a job that is over, or paused, that often, each with so many copies of its task.

    Each ended a second before the one before it, the first of them `before` seconds earlier than the job itself.
    For SQLite, whose jobs may be given their numbers.
    """
    first = int(conn.scalar(sa.select(sa.func.max(jobs.c.id))) or 0) + 1
    number = numbers(copies)
    each = {
        "id": number.c.i + first,
        "job_id": number.c.i + first,
        "ended_at": jobs.c.ended_at - (number.c.i + before) * 1_000_000,
    }
    each |= {name: jobs.c[name] * tasks_each for name in TOTALS}
    _copy(conn, jobs, number, jobs.c.id == job_id, each)
    for table, counted in ((tallies, ("tasks",)), (path_tallies, COUNTS), (lanes, ("ready",))):
        worth = sa.case((table.c.position >= 0, tasks_each), else_=1) if table is not lanes else tasks_each
        values = {"job_id": number.c.i + first} | {name: table.c[name] * worth for name in counted}
        _copy(conn, table, number, table.c.job_id == job_id, values)
    row = conn.execute(sa.select(jobs).where(jobs.c.id == job_id)).one()
    kind = (
        job_counts.c.workflow == row.workflow,
        job_counts.c.site == row.site,
        job_counts.c.state == row.state,
        job_counts.c.queue == row.queue,
        job_counts.c.owner == row.owner,
        job_counts.c.day == row.created_at // DAY,
    )
    noop = job_counts.c.noop == (row.state == "SUCCESS" and row.discovered == 0)
    conn.execute(sa.update(job_counts).where(*kind, noop).values(jobs=job_counts.c.jobs + copies))
    _copy_tasks(conn, job_id, first, copies * tasks_each, tasks_each)


def _copy_tasks(conn: Connection, job_id: int, first_job: int, count: int, each: int) -> None:
    template = conn.scalar(
        sa.select(sa.func.min(tasks.c.id)).where(tasks.c.job_id == job_id, tasks.c.position >= 0)
    )
    first, number = task_store.next_ids(conn, "tasks", count), numbers(count)
    place = {
        "id": number.c.i + first,
        "chain_id": number.c.i + first,
        "job_id": number.c.i // each + first_job,
    }
    _copy(conn, tasks, number, tasks.c.id == template, place)


def _copy(
    conn: Connection,
    table: sa.Table,
    number: sa.CTE,
    which: sa.ColumnElement[bool],
    new: Mapping[str, sa.ColumnElement[Any]],
) -> None:
    """Insert one row for each number and each row of the table that is meant, with these columns made new."""
    names = [column.name for column in table.columns]
    row = sa.select(*(new.get(name, table.c[name]).label(name) for name in names))
    row = row.select_from(table.join(number, sa.true())).where(which)
    conn.execute(sa.insert(table).from_select(names, row))
