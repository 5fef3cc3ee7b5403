"""Counters kept beside the tasks, so that no list, page or claim ever counts rows."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from towpath.domain.fairness import Bulk, is_small
from towpath.domain.states import DISCOVERY_STAGE
from towpath.store.jobs import Job, JobKind, TallyKey
from towpath.store.tables import IS_DUE, job_counts, jobs, lanes, path_tallies, tallies, tasks

LaneKey = tuple[int, str, str, str, int]
"""Job, site, queue, function, stage."""

PathKey = tuple[int, int, int]
"""Job, rule, position."""

PATH_COUNTS = ("reached", "processed", "failed", "skipped", "aborted", "unknown", "not_run", "bytes")


@lru_cache
def adding(table: sa.Table, counts: tuple[str, ...], dialect: str) -> Any:
    """Insert a row of counts, or add them to the row that stands under the same key."""
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    key = [column.name for column in table.primary_key.columns]
    added = {name: table.c[name] + insert.excluded[name] for name in counts}
    return insert.on_conflict_do_update(index_elements=key, set_=added)


def add_tallies(conn: Connection, changes: Mapping[tuple[int, TallyKey], int]) -> None:
    """Add to the census of jobs."""
    names = ("rule", "position", "stage", "state", "cause")
    rows = [
        {"job_id": job_id, **dict(zip(names, key, strict=True)), "tasks": number}
        for (job_id, key), number in sorted(changes.items())
        if number
    ]
    if rows:
        conn.execute(adding(tallies, ("tasks",), conn.dialect.name), rows)


def add_jobs(conn: Connection, changes: Mapping[JobKind, int]) -> None:
    """Add to how many jobs there are of each kind."""
    rows = [{**kind._asdict(), "jobs": number} for kind, number in sorted(changes.items()) if number]
    if rows:
        conn.execute(adding(job_counts, ("jobs",), conn.dialect.name), rows)


def add_paths(conn: Connection, changes: Mapping[PathKey, Mapping[str, int]]) -> None:
    """Add to what became of the paths that reached each step."""
    rows = [
        {"job_id": job_id, "rule": rule, "position": position}
        | {name: cell.get(name, 0) for name in PATH_COUNTS}
        for (job_id, rule, position), cell in sorted(changes.items())
        if any(cell.values())
    ]
    if rows:
        conn.execute(adding(path_tallies, PATH_COUNTS, conn.dialect.name), rows)


def add_lanes(conn: Connection, changes: Mapping[LaneKey, int], of: Mapping[int, Job]) -> None:
    """Add to the tasks that could be granted; a new lane is closed, and last in turn, until its job is settled."""
    rows = [
        {"job_id": job_id, "site": site, "queue": queue, "function": function, "stage": stage}
        | {"priority": of[job_id].priority, "ready": change, "open": False, "turn": 0}
        | {"owner": of[job_id].owner, "small": False}
        for (job_id, site, queue, function, stage), change in sorted(changes.items())
        if change
    ]
    if rows:
        conn.execute(adding(lanes, ("ready",), conn.dialect.name), rows)


def _opening() -> Any:
    """Open and close the lanes of a job, and write those only that change."""
    is_open = lanes.c.stage <= sa.bindparam("open_stage", type_=sa.Integer)
    walks, others = (sa.bindparam(name, type_=sa.Boolean) for name in ("walks", "others"))
    small = sa.case((lanes.c.stage == DISCOVERY_STAGE, walks), else_=others)
    differs = sa.or_(lanes.c.open != is_open, lanes.c.small != small)
    mine = lanes.c.job_id == sa.bindparam("of_job")
    changing = sa.update(lanes).where(mine, differs).values(open=is_open, small=small)
    return changing.returning(lanes.c.site, lanes.c.open, lanes.c.ready)


_OPENING = _opening()


def open_lanes(conn: Connection, job_id: int, open_stage: int, size: Bulk) -> set[str]:
    """Open the lanes of a job up to a stage, and close the others; and to each the slots kept for small jobs, or not.

    Returns the sites that have work which may be granted now and perhaps could not before.
    """
    walks, others = is_small(size, True), is_small(size, False)
    standing = {"of_job": job_id, "open_stage": open_stage, "walks": walks, "others": others}
    changed = conn.execute(_OPENING, standing)
    return {row.site for row in changed if row.open and row.ready > 0}


def sites_of_owners(conn: Connection, owners: Collection[str]) -> set[str]:
    """The sites where jobs of these owners have work that may be granted."""
    theirs = sa.select(jobs.c.id).where(jobs.c.owner.in_(owners), jobs.c.ended_at.is_(None))
    found = sa.select(lanes.c.site).where(lanes.c.job_id.in_(theirs), IS_DUE)
    return set(conn.scalars(found.distinct()))


_JOBS_OF = sa.select(tasks.c.job_id).where(tasks.c.id.in_(sa.bindparam("ids", expanding=True))).distinct()


def jobs_of(conn: Connection, task_ids: Collection[int]) -> list[int]:
    """The jobs that these tasks belong to."""
    found: set[int] = set()
    wanted = sorted(task_ids)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        found.update(conn.scalars(_JOBS_OF, {"ids": part}))
    return sorted(found)
