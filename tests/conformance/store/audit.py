"""The audit: everything that the database says of a job, counted anew from its tasks, batches and notes."""

from collections import Counter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.paths import OUTCOME_OF, Code
from towpath.domain.states import JobState, TaskState, Wanted, job_state
from towpath.store import batches, tables
from towpath.store import jobs as job_rows
from towpath.store.jobs import TOTALS
from towpath.store.tasks import DISCOVERY, READY

OPEN = (TaskState.PENDING, TaskState.STARTED)


def audit(conn: Connection) -> None:
    """Raise AssertionError where anything that was kept differs from what is counted anew."""
    for job in conn.execute(sa.select(tables.jobs)).all():
        tasks = conn.execute(sa.select(tables.tasks).where(tables.tasks.c.job_id == job.id)).all()
        _census(conn, job, tasks)
        _lanes(conn, job, tasks)
        _paths(conn, job, tasks)


def _census(conn: Connection, job: Any, tasks: Any) -> None:
    counted = Counter((t.rule, t.position, t.stage, t.state, t.cause) for t in tasks)
    kept = {
        (row.rule, row.position, row.stage, row.state, row.cause): row.tasks
        for row in conn.execute(sa.select(tables.tallies).where(tables.tallies.c.job_id == job.id))
        if row.tasks
    }
    assert kept == dict(counted), f"job {job.id}: tallies"
    census = job_rows.load(conn, [job.id])[job.id].census()
    assert job.state == job_state(Wanted(job.wanted), census), f"job {job.id}: state"
    assert (job.ended_at is not None) == census.over
    assert job.begun or not any(t.started_at for t in tasks if t.position != DISCOVERY)


def _lanes(conn: Connection, job: Any, tasks: Any) -> None:
    ready = Counter(
        (t.site, t.queue, t.function, t.stage)
        for t in tasks
        if t.state == TaskState.PENDING and t.blocked == READY
    )
    lanes = conn.execute(sa.select(tables.lanes).where(tables.lanes.c.job_id == job.id)).all()
    kept = {(row.site, row.queue, row.function, row.stage): row.ready for row in lanes if row.ready}
    assert kept == dict(ready), f"job {job.id}: lanes"
    assert all(row.open == (row.stage <= job.open_stage) for row in lanes)
    if job.wanted != Wanted.RUN:
        assert not any(row.open for row in lanes)


def _paths(conn: Connection, job: Any, tasks: Any) -> None:
    sizes = {row[0]: row[1] for row in conn.execute(sa.select(tables.batches.c.id, tables.batches.c.count))}
    noted = conn.execute(sa.select(tables.notes).where(tables.notes.c.job_id == job.id)).all()
    reasons = {(row.task_id, row[1]): row.outcome for row in noted}
    totals: Counter[str] = Counter()
    seen: set[tuple[int, int, int, int]] = set()
    last = {t.chain_id: 0 for t in tasks}
    for t in tasks:
        last[t.chain_id] = max(last[t.chain_id], t.position)
    for t in tasks:
        if t.position == DISCOVERY:
            problems = sum(1 for task_id, _ in reasons if task_id == t.id)
            totals["failed"] += problems
            continue
        totals += _of_task(t, sizes[t.batch_id], reasons, seen, is_last=t.position == last[t.chain_id])
    for name in TOTALS[1:]:
        assert getattr(job, name) == totals[name], f"job {job.id}: {name}"
    if JobState(job.state) in (JobState.SUCCESS, JobState.FAILURE, JobState.CANCELLED):
        assert job.discovered == sum(getattr(job, name) for name in TOTALS[1:]), f"job {job.id}: discovered"


def _of_task(
    t: Any,
    size: int,
    reasons: dict[tuple[int, int], str],
    seen: set[tuple[int, int, int, int]],
    is_last: bool,
) -> "Counter[str]":
    """What became of the paths of one task, which must be its own and nobody else's at that step."""
    totals: Counter[str] = Counter()
    if not t.paths:
        return totals
    codes = batches.unpack_bytes(t.codes, size) if t.codes else None
    if t.state in (TaskState.SUCCESS, TaskState.ERROR):
        assert codes is not None
        mask = batches.unpack_bytes(t.mask, size)
        assert batches.done_mask(codes) == mask
        counted = Counter(str(OUTCOME_OF[Code(code)]) for code in codes if code)
        kept = {"processed": t.processed, "failed": t.failed, "skipped": t.skipped, "aborted": t.aborted}
        assert {k: v for k, v in kept.items() if v} == dict(counted)
        assert (t.failed > 0) == (t.state == TaskState.ERROR)
        for index, code in enumerate(codes):
            assert ((t.id, index) in reasons) == (code > Code.ALREADY)
            if mask[index]:
                place = (t.batch_id, t.rule, t.position, index)
                assert place not in seen, f"task {t.id}: a path twice at one step"
                seen.add(place)
        totals.update({k: v for k, v in counted.items() if k != "processed"})
        if is_last:
            totals["done"] += counted["processed"]
    elif t.state not in OPEN:
        which = "unknown" if t.state == TaskState.FAILURE else "not_run"
        assert getattr(t, which) == t.paths
        totals[which] += t.paths
    return totals
