"""What is told of jobs: that one has come to another state, and which of its tasks failed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from towpath.domain.events import JOB_KINDS, TASKS_TOLD, Event, place_of
from towpath.domain.states import JOB_OVER, JobState, TaskState
from towpath.store import events
from towpath.store.database import Tx
from towpath.store.jobs import COUNTERS, Job, JobKind
from towpath.store.tables import jobs
from towpath.store.tasks import Task

BAD: Final = frozenset({TaskState.ERROR, TaskState.FAILURE})
"""States of tasks that are told."""

_WISH = ("wish_by", "wish_why")
_MORE = (jobs.c.retry_of, *(jobs.c[name] for name in (*_WISH, *COUNTERS)))
_LOOK = sa.select(*_MORE).where(jobs.c.id == sa.bindparam("row_id"))


def report_path(job_id: int) -> str:
    """Where the report of a job is, at its hub."""
    return f"/api/jobs/{job_id}/report/"


def record(tx: Tx, changed: Mapping[int, Job], failed: Sequence[Task]) -> None:
    """Write what is to be told of jobs that stand as they are now, whose rows were written already."""
    happened: list[Event] = []
    if failed:
        happened += _failed(tx, changed, failed)
    for job in changed.values():
        if job.kept_kind is not None and job.state is not job.kept_kind.state:
            happened.append(_state(tx, job, job.kept_kind.state))
    events.record(tx, happened)


def submitted(tx: Tx, job_id: int, kind: JobKind, details: Mapping[str, Any]) -> None:
    """Write that a job is new."""
    told = {"state": JobState.PENDING, "owner": kind.owner, "queue": kind.queue, **details}
    place = place_of(kind.site, kind.space)
    events.record(tx, [Event(0, "job.pending", tx.now, job_id, kind.site, "", kind.workflow, told, place)])


def _state(tx: Tx, job: Job, before: JobState) -> Event:
    row = tx.conn.execute(_LOOK, {"row_id": job.id}).one()._asdict()
    told: dict[str, Any] = {"state": job.state, "before": before, "owner": job.owner, "queue": job.queue}
    told |= {name: row[name] for name in ("retry_of", *_WISH) if row[name]}
    if job.state in JOB_OVER:
        told["totals"] = {name: row[name] for name in COUNTERS}
        told["report"] = report_path(job.id)
    return Event(0, JOB_KINDS[job.state], tx.now, job.id, job.site, "", job.workflow, told, _place(job))


def _place(job: Job) -> str:
    """Where a job works, which need not be where a task of it does."""
    return place_of(job.site, job.space)


def _failed(tx: Tx, changed: Mapping[int, Job], failed: Sequence[Task]) -> list[Event]:
    """Of each job no more than `TASKS_TOLD` in all: a job of a million bad paths is no reason for a million events."""
    happened = []
    for job in changed.values():
        mine = [task for task in failed if task.job_id == job.id]
        bad = sum(number for key, number in job.tallies.items() if key[3] in BAD)
        room = TASKS_TOLD - (bad - len(mine))
        for place, task in enumerate(mine[: max(0, room)]):
            told = {"task": task.id, "step": task.step, "state": task.state, "failed": task.failed}
            told |= {"queue": task.queue} | ({"error": task.error} if task.error else {})
            told |= {"last_told": True} if room == place + 1 else {}
            where = (task.site, "", job.workflow)
            happened.append(Event(0, "task.failed", tx.now, job.id, *where, told, _place(job)))
    return happened
