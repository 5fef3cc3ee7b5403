"""What lists and pages show of jobs, tasks and paths: readers that return frozen rows, and never count."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.plan import Plan, plan_from_document
from towpath.domain.states import JobState
from towpath.domain.waiting import Waiting
from towpath.store.jobs import DAY, TOTALS
from towpath.store.tables import job_counts, jobs, nodes, path_tallies, tallies, tasks, wishes
from towpath.store.tasks import DISCOVERY, LARGEST_ID
from towpath.store.waiting import explain_jobs, explain_tasks


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of one rule of a job: its tasks by state, and what became of the paths that reached it."""

    rule: int
    position: int
    """Place in the chain; -1 is discovery."""
    step: str
    site: str
    tasks: Mapping[str, int]
    reached: int = 0
    processed: int = 0
    failed: int = 0
    skipped: int = 0
    aborted: int = 0
    unknown: int = 0
    not_run: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it; times are microseconds since 1970, UTC."""

    id: int
    workflow: str
    workflow_version: int
    site: str
    queue: str
    owner: str
    priority: int
    max_tasks: int | None
    state: str
    wanted: str
    wish_by: str | None
    wish_why: str | None
    wish_at: int | None
    resume_at: int | None
    fields: Mapping[str, object]
    discovery: str | None
    retry_of: int | None
    noop: bool
    space: str
    """The deepest space that all its inputs lie in; "" = none."""
    dry_run: bool
    totals: Mapping[str, int]
    """Distinct paths: discovered, done, failed, skipped, aborted, not_run, unknown."""
    unmatched: int
    bytes_found: int
    bytes_done: int
    created_at: int
    started_at: int | None
    ended_at: int | None
    why: Waiting | None
    """Why nothing moves; None where something does or the job is over."""

    @property
    def waiting(self) -> str | None:
        """Why nothing moves, in one sentence."""
        return self.why.sentence if self.why else None


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as people see it."""

    id: int
    job: int
    rule: int
    position: int
    step: str
    site: str
    queue: str
    state: str
    node: str | None
    attempts: int
    paths: int
    processed: int
    failed: int
    skipped: int
    aborted: int
    unknown: int
    not_run: int
    bytes: int
    created_at: int
    started_at: int | None
    ended_at: int | None
    error: str | None
    why: Waiting | None = None
    """Why it does not run; None where it does, or is over."""

    @property
    def waiting(self) -> str | None:
        """Why it does not run, in one sentence."""
        return self.why.sentence if self.why else None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list: None takes all."""

    state: str | None = None
    site: str | None = None
    workflow: str | None = None
    hide_noop: bool = False
    queue: str | None = None
    owner: str | None = None
    first_day: int | None = None
    """Submitted on that UTC day (days since 1970) or later."""
    last_day: int | None = None
    """Submitted on that day or earlier."""
    ids: tuple[int, ...] = ()
    """These alone, if any are given: few enough to be looked at one by one."""
    space: str | None = None
    places: tuple[tuple[str, str], ...] | None = None
    """Those alone that work in one of these spaces, each with its site before it."""


def find_job(conn: Connection, job_id: int) -> JobView | None:
    """The job of that id."""
    row = conn.execute(sa.select(jobs).where(jobs.c.id == job_id, sa.not_(jobs.c.pruned))).first()
    return None if row is None else _jobs(conn, [row])[0]


def list_jobs(
    conn: Connection, wanted: JobFilter, limit: int, before: int | None, skip: int = 0
) -> list[JobView]:
    """The newest jobs whose id is below `before`, newest first, at most `limit` behind the first `skip`."""
    query = sa.select(jobs).where(*_shown(conn, wanted)).order_by(jobs.c.id.desc()).limit(limit).offset(skip)
    if before is not None:
        query = query.where(jobs.c.id < before)
    return _jobs(conn, conn.execute(query).all())


OUT_OF_ORDER = 1_000
"""Ids by which jobs of hubs whose clocks differ may be out of the order of their times."""


def _shown(conn: Connection, wanted: JobFilter) -> Iterator[sa.ColumnElement[bool]]:
    yield sa.not_(jobs.c.pruned)
    yield from _conditions(wanted, jobs)
    yield from _submitted(conn, wanted)
    if wanted.hide_noop:
        yield sa.not_(sa.and_(jobs.c.state == JobState.SUCCESS, jobs.c.discovered == 0))
    if wanted.ids:
        yield jobs.c.id.in_(wanted.ids)


def _submitted(conn: Connection, wanted: JobFilter) -> Iterator[sa.ColumnElement[bool]]:
    """The days as conditions on `created_at`, and on ids too, since a list goes by these: they rise together.

    Hubs whose clocks differ hand out some ids out of order, so that many beyond either end are looked at as well.
    """
    if wanted.first_day is not None:
        begin = wanted.first_day * DAY
        yield jobs.c.created_at >= begin
        later = sa.select(jobs.c.id).where(jobs.c.created_at >= begin).order_by(jobs.c.created_at).limit(1)
        yield jobs.c.id >= (conn.scalar(later) or 0) - OUT_OF_ORDER
    if wanted.last_day is not None:
        end = (wanted.last_day + 1) * DAY
        yield jobs.c.created_at < end
        newest = jobs.c.created_at.desc()
        earlier = sa.select(jobs.c.id).where(jobs.c.created_at < end).order_by(newest).limit(1)
        yield jobs.c.id <= (conn.scalar(earlier) or 0) + OUT_OF_ORDER


def count_jobs(conn: Connection, wanted: JobFilter) -> int:
    """How many jobs there are: from kept counts, never counted, but for those that are asked for by their ids."""
    if wanted.ids:
        few = sa.select(sa.func.count()).select_from(jobs).where(*_shown(conn, wanted))
        return int(conn.execute(few).scalar_one())
    number = sa.func.coalesce(sa.func.sum(job_counts.c.jobs), 0)
    query = sa.select(number).where(*_conditions(wanted, job_counts))
    return int(conn.execute(query.where(*_counted_days(wanted))).scalar_one())


FACETS = ("state", "workflow", "site", "queue", "owner", "day", "space")
"""By what the jobs of a list are told apart, each with its number."""


def job_facets(conn: Connection, wanted: JobFilter) -> dict[str, dict[Any, int]]:
    """For each of `FACETS`, how many of the wanted jobs there are of each value: from kept counts."""
    found: dict[str, dict[Any, int]] = {}
    for name in FACETS:
        column, number = job_counts.c[name], sa.func.sum(job_counts.c.jobs)
        query = sa.select(column, number).where(*_conditions(wanted, job_counts), *_counted_days(wanted))
        rows = conn.execute(query.group_by(column).having(number > 0).order_by(column))
        found[name] = {value: int(jobs_of_it) for value, jobs_of_it in rows}
    return found


def _counted_days(wanted: JobFilter) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.hide_noop:
        yield sa.not_(job_counts.c.noop)
    if wanted.first_day is not None:
        yield job_counts.c.day >= wanted.first_day
    if wanted.last_day is not None:
        yield job_counts.c.day <= wanted.last_day


def _conditions(wanted: JobFilter, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    asked = ("state", "site", "workflow", "queue", "owner", "space")
    values = {name: getattr(wanted, name) for name in asked}
    found = [table.c[name] == value for name, value in values.items() if value is not None]
    if wanted.places is not None:
        found.append(sa.tuple_(table.c.site, table.c.space).in_(wanted.places))
        found.append(table.c.space != "")
    return found


def _jobs(conn: Connection, rows: Sequence[Any]) -> list[JobView]:
    why = explain_jobs(conn, rows)
    return [_job(row, why.get(row.id)) for row in rows]


def _job(row: Any, why: Waiting | None) -> JobView:
    return JobView(
        id=row.id,
        workflow=row.workflow,
        workflow_version=row.workflow_version,
        site=row.site,
        queue=row.queue,
        owner=row.owner,
        priority=row.priority,
        max_tasks=row.max_tasks,
        state=row.state,
        wanted=row.wanted,
        wish_by=row.wish_by,
        wish_why=row.wish_why or None,
        wish_at=row.wish_at,
        resume_at=row.resume_at,
        fields=row.fields,
        discovery=row.plan["discovery"],
        retry_of=row.retry_of,
        noop=row.state == JobState.SUCCESS and row.discovered == 0,
        space=row.space,
        dry_run=row.plan.get("dry", False),
        totals={name: getattr(row, name) for name in TOTALS},
        unmatched=row.unmatched,
        bytes_found=row.bytes_found,
        bytes_done=row.bytes_done,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        why=why,
    )


def list_steps(conn: Connection, job_id: int) -> list[StepView]:
    """The steps of a job with their counts: discovery first, then by rule and position."""
    row = conn.execute(sa.select(jobs.c.plan, jobs.c.site).where(jobs.c.id == job_id)).first()
    if row is None:
        return []
    plan = plan_from_document(row.plan)
    states: dict[tuple[int, int], dict[str, int]] = {}
    for tally in conn.execute(sa.select(tallies).where(tallies.c.job_id == job_id, tallies.c.tasks != 0)):
        cell = states.setdefault((tally.rule, tally.position), {})
        cell[tally.state] = cell.get(tally.state, 0) + tally.tasks
    counts = {
        (tally.rule, tally.position): tally
        for tally in conn.execute(sa.select(path_tallies).where(path_tallies.c.job_id == job_id))
    }
    return [_step(plan, place, states[place], counts.get(place)) for place in sorted(states)]


def _step(plan: Plan, place: tuple[int, int], states: Mapping[str, int], counts: Any | None) -> StepView:
    rule, position = place
    call = None if position == DISCOVERY else plan.branches[rule].chain[position]
    name, site = (call.step, call.site) if call else (plan.discovery or "as given", plan.site)
    if counts is None:
        return StepView(rule, position, name, site, states)
    return StepView(
        rule, position, name, site, states,
        counts.reached, counts.processed, counts.failed, counts.skipped,
        counts.aborted, counts.unknown, counts.not_run, counts.bytes,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class WishView:
    """A wish that was made of a job; times are microseconds since 1970, UTC."""

    wanted: str
    by: str
    why: str
    at: int
    resume_at: int | None


def list_wishes(conn: Connection, job_id: int) -> list[WishView]:
    """What was wished of a job, the oldest first: as many as people made."""
    w = wishes.c
    query = sa.select(w.wanted, w.by, w.why, w.at, w.resume_at).where(w.job_id == job_id).order_by(w.id)
    return [WishView(*row) for row in conn.execute(query)]


_TASK = (
    tasks.c.id, tasks.c.job_id, tasks.c.rule, tasks.c.position, tasks.c.step, tasks.c.site, tasks.c.queue,
    tasks.c.state, nodes.c.name.label("node"), tasks.c.attempts, tasks.c.paths, tasks.c.processed, tasks.c.failed,
    tasks.c.skipped, tasks.c.aborted, tasks.c.unknown, tasks.c.not_run, tasks.c.bytes, tasks.c.created_at,
    tasks.c.started_at, tasks.c.ended_at, tasks.c.error,
)  # fmt: skip
_WAITS = (
    tasks.c.stage, tasks.c.blocked, tasks.c.chain_id, tasks.c.function, tasks.c.not_before, tasks.c.parked,
    tasks.c.parked_why, tasks.c.parked_at,
)  # fmt: skip
_TASKS = sa.select(*_TASK, *_WAITS).select_from(tasks.outerjoin(nodes, nodes.c.id == tasks.c.node_id))


_JOBS_OF = sa.select(tasks.c.id, tasks.c.job_id).where(tasks.c.id.in_(sa.bindparam("those", expanding=True)))


def list_tasks(
    conn: Connection, job_id: int, state: str | None, limit: int, after: int | None, skip: int = 0
) -> list[TaskView]:
    """The tasks of a job whose id is above `after`, in order of id, at most `limit` behind the first `skip`."""
    query = _TASKS.where(tasks.c.job_id == job_id, tasks.c.id > (after or 0))
    if state is not None:
        query = query.where(tasks.c.state == state)
    return _tasks(conn, conn.execute(query.order_by(tasks.c.id).limit(limit).offset(skip)).all())


def jobs_of(conn: Connection, task_ids: Collection[int]) -> dict[int, int]:
    """The job of each of these tasks; a number that no task has is left out."""
    known = [number for number in task_ids if 0 < number <= LARGEST_ID]
    return {row.id: row.job_id for row in conn.execute(_JOBS_OF, {"those": known})}


def find_task(conn: Connection, task_id: int) -> TaskView | None:
    """The task of that id."""
    row = conn.execute(_TASKS.where(tasks.c.id == task_id)).first()
    return None if row is None else _tasks(conn, [row])[0]


def _tasks(conn: Connection, rows: Sequence[Any]) -> list[TaskView]:
    why = explain_tasks(conn, rows)
    return [replace(TaskView(*row[: len(_TASK)]), why=why.get(row.id)) for row in rows]
