"""A retry is a new job, linked to the old one: each path starts again at the step where it failed."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from towpath.domain.confines import check_confined
from towpath.domain.errors import Conflict, NotFound
from towpath.domain.fairness import Turn
from towpath.domain.paths import Code
from towpath.domain.plan import plan_from_document
from towpath.domain.states import JOB_OVER, JobState, TaskEvent, TaskState, Wanted, depth_of
from towpath.domain.usage import USAGE
from towpath.engine import finish, orphans
from towpath.engine.chains import NewChain, create
from towpath.engine.control import NewJob, add_walk, insert_job
from towpath.store import batches, tasks, walks
from towpath.store.database import Tx
from towpath.store.jobs import Job
from towpath.store.ledger import Ledger
from towpath.store.tables import job_inputs, jobs, notes
from towpath.store.tables import tasks as task_rows
from towpath.store.tasks import DISCOVERY, HUB, Task
from towpath.store.walks import WalkRow
from towpath.wire import Input, pack, unpack

RETRY = "retry"
"""The hub's own discovery of a retry: the paths of the old job's tasks."""

CHUNK = 100
"""Tasks of the old job that are looked at in one transaction."""


class Retry(StrEnum):
    """Which paths to try again."""

    FAILED = "failed"
    """Those that failed, and those of tasks that ended FAILURE."""
    UNFINISHED = "unfinished"
    """Those too that were not run, and what a discovery had not yet found."""
    ALL = "all"
    """The whole job anew, discovery and all; of a retry, the job that was retried first."""


def retry(tx: Tx, job_id: int, which: Retry, by: str, confined: bool = False) -> int:
    """Start the retry of a job that is over, and return the new job's id.

    Raises `Conflict` where there is nothing to retry, or where an earlier retry has taken it over: that one is to be
    retried then, so that no path is in two jobs at once, and none in no job. `confined`: by somebody whose rights end
    at the job's space, who may retry only what they might have started.
    """
    row = _of_a_kept_family(tx, job_id)
    if row is None:
        raise NotFound(f"no job {job_id}")
    if JobState(row.state) not in JOB_OVER:
        raise Conflict(f"job {job_id} is {row.state}: only a job that is over can be retried")
    _check_there_is_something(row, which)
    but = _taken_before(tx, row, which)
    plan = plan_from_document(row.plan)
    orphans.refuse_retry(tx.conn, plan)
    if plan.discovery == USAGE:
        raise Conflict(
            f"{plan.workflow} counts what lies in a space, and is not retried: have it counted again"
        )
    if confined:
        check_confined(plan, Turn(row.priority))
    inputs = tuple(unpack(_inputs(tx, job_id), list[Input]))
    source = _first_of(tx, row) if which is Retry.ALL else job_id
    turn = Turn(row.priority, row.max_tasks)
    new_id = insert_job(tx, NewJob(plan, row.workflow_version, by, inputs, job_id, turn, row.space))
    with Ledger(tx) as ledger:
        ledger.lock_jobs([new_id])
        finish.add(ledger, ledger.jobs[new_id], inputs, goes_on=which is not Retry.ALL)
        if which is not Retry.ALL or plan.discovery is None:
            options = {"job": source, "which": which.value, "but": but.value if but else ""}
            add_walk(ledger, new_id, plan, WalkRow(0, (), RETRY, options, b"", 0), HUB)
        for walk in _walks_again(tx, source, which, but):
            add_walk(ledger, new_id, plan, walk, HUB if walk.discovery == RETRY else "discovery")
    return new_id


def _of_a_kept_family(tx: Tx, job_id: int) -> Any | None:
    """The job, and its family's first job locked: pruning hides families whole, and none comes to one meanwhile."""
    query = sa.select(jobs).where(jobs.c.id == job_id)
    row = tx.conn.execute(query).first()
    if row is None:
        return None
    first = sa.select(jobs.c.pruned).where(jobs.c.id == _first_of(tx, row)).with_for_update()
    return None if tx.conn.scalar(first) is not False else row


def _inputs(tx: Tx, job_id: int) -> bytes:
    query = sa.select(job_inputs.c.inputs).where(job_inputs.c.job_id == job_id)
    return bytes(tx.conn.execute(query).scalar_one())


def _first_of(tx: Tx, row: Any) -> int:
    """The job that a chain of retries began with: only it has all the paths."""
    job_id, before = row.id, row.retry_of
    while before is not None:
        job_id = before
        before = tx.conn.execute(sa.select(jobs.c.retry_of).where(jobs.c.id == job_id)).scalar_one()
    return int(job_id)


def _check_there_is_something(row: Any, which: Retry) -> None:
    counted = row.failed + row.unknown
    if which is Retry.FAILED and not counted and row.state != JobState.FAILURE:
        raise Conflict(f"job {row.id} is {row.state}: no path of it failed, so there is nothing to retry")
    if which is Retry.UNFINISHED and not counted + row.not_run and row.state == JobState.SUCCESS:
        raise Conflict(f"job {row.id} is {row.state}: all its paths are done, so there is nothing to retry")


def _taken_before(tx: Tx, row: Any, which: Retry) -> Retry | None:
    """What an earlier retry took of what is asked for, if it left something; raises `Conflict` where it did not."""
    earlier = _earlier(tx, row.id)
    for job_id, state, _ in earlier:
        if JobState(state) not in JOB_OVER:
            raise Conflict(
                f"job {row.id} is being retried as job {job_id}, which is {state}: expected that one to be over first"
            )
    taken = [(job_id, took) for job_id, _, took in earlier if took in (Retry.FAILED, Retry.UNFINISHED)]
    if which is Retry.ALL or not taken:
        return None
    only_failed = all(took is Retry.FAILED for _, took in taken)
    if which is Retry.UNFINISHED and only_failed and (row.not_run or row.state == JobState.CANCELLED):
        return Retry.FAILED
    raise Conflict(f"job {row.id} was retried as job {taken[-1][0]}, which took that over: retry that one")


def _earlier(tx: Tx, job_id: int) -> list[tuple[int, str, Retry | None]]:
    """The retries of a job itself, oldest first: id, state, and what each took of the job's own tasks."""
    rows = tx.conn.execute(
        sa.select(jobs.c.id, jobs.c.state).where(jobs.c.retry_of == job_id).order_by(jobs.c.id)
    )
    found: list[tuple[int, str, Retry | None]] = []
    for row in rows.all():
        mine = (task_rows.c.job_id == row.id, task_rows.c.position == DISCOVERY, task_rows.c.function == HUB)
        taken = [walks.load(tx.conn, task.id).options for task in tasks.find_where(tx.conn, *mine)]
        which = next((Retry(str(said["which"])) for said in taken if said.get("job") == job_id), None)
        found.append((row.id, row.state, which))
    return found


def _walks_again(tx: Tx, job_id: int, which: Retry, but: Retry | None) -> Iterator[WalkRow]:
    """The walks of the new job: for places that could not be looked at, and, unless only what failed is retried, on
    from where a walk that did not end had come. `but`: what an earlier retry has taken is left out."""
    t = task_rows.c
    for task in tasks.find_where(tx.conn, t.job_id == job_id, t.position == DISCOVERY):
        walk = walks.load(tx.conn, task.id)
        if which is Retry.ALL:
            if task.function != HUB:
                yield replace(walk, task_id=0, cursor=b"", problems=0)
            continue
        failed, broke_off = _problems(tx, task.id), task.state is TaskState.FAILURE
        if failed and not but:
            yield replace(walk, task_id=0, inputs=tuple(failed), cursor=b"", problems=0)
        not_run = which is Retry.UNFINISHED and task.state is TaskState.CANCELLED
        if not_run or (broke_off and not but):
            yield replace(walk, task_id=0, problems=0)


def _problems(tx: Tx, task_id: int) -> list[Input]:
    query = sa.select(notes.c.root, notes.c.path).where(notes.c.task_id == task_id, notes.c.path.is_not(None))
    return [Input(row.root, row.path) for row in tx.conn.execute(query.order_by(notes.c.index))]


# The hub's own discovery --------------------------------------------------------------------------------------


def advance(tx: Tx, task_id: int) -> bool:
    """Take the next chunk of the old job's tasks into the new job; True once there is no more.

    The task is started and handed back, or ended, in this one transaction, so that it never runs while nobody does.
    """
    with Ledger(tx) as ledger:
        task = ledger.load([task_id])[task_id]
        job = ledger.jobs[task.job_id]
        if task.state is not TaskState.PENDING or job.wanted is not Wanted.RUN:
            return True
        ledger.move(task, TaskEvent.START)
        walk = walks.load(tx.conn, task_id)
        last = unpack(walk.cursor, int) if walk.cursor else 0
        t = task_rows.c
        mine = (t.job_id == walk.options["job"], t.id > last, t.position > DISCOVERY)
        old = tasks.find_where(tx.conn, *mine, limit=CHUNK)
        _take_over(ledger, job, old, walk.options)
        if old:
            walk.cursor = pack(old[-1].id)
            walks.advance(tx.conn, walk)
        over = len(old) < CHUNK
        ledger.move(task, TaskEvent.SUCCEED if over else TaskEvent.HAND_BACK)
    return over


def _take_over(ledger: Ledger, job: Job, old: list[Task], options: Mapping[str, object]) -> None:
    which, but = Retry(str(options["which"])), bool(options.get("but"))
    held = [task.batch_id for task in old if task.batch_id is not None]
    sizes = batches.sizes(ledger.tx.conn, held)
    depths = _depths(ledger, old)
    chains = []
    for task in old:
        if task.is_finish:  # The new job has its own.
            continue
        # What an earlier retry has taken are the paths that failed; it has left those that were not run.
        if but and task.state is not TaskState.CANCELLED:
            continue
        mask = _again(task, sizes.get(task.batch_id or 0, 0), which)
        count = mask.count(1)
        if count and task.batch_id is not None:
            place = (task.carry, task.position, depths.get(task.chain_id))
            chains.append(NewChain(task.rule, task.batch_id, count, batches.pack_bytes(mask), *place))
            job.add("discovered", count)
    create(ledger, job, chains)


def _depths(ledger: Ledger, old: list[Task]) -> dict[int, int]:
    """The depth of the directories that a chain deletes, by chain: its stages tell, whichever step failed."""
    t = task_rows.c
    chains = {task.chain_id for task in old}
    stages = sa.select(t.chain_id, t.stage).where(t.chain_id.in_(chains)).distinct()
    found = ((chain, depth_of(number)) for chain, number in ledger.tx.conn.execute(stages))
    return {chain: depth for chain, depth in found if depth is not None}


def _again(task: Task, count: int, which: Retry) -> bytes:
    """Which paths of an old task are to be tried again, a byte each."""
    if which is Retry.ALL:
        # What was split off began at the first step too, unless it had come through it before.
        is_first = task.position == 0 and task.id == task.chain_id
        return batches.unpack_bytes(task.mask, count) if is_first else b""
    if task.codes is not None:
        return bytes(1 if code == Code.FAILED else 0 for code in batches.unpack_bytes(task.codes, count))
    unknown = task.state is TaskState.FAILURE
    not_run = which is Retry.UNFINISHED and task.state is TaskState.CANCELLED
    if task.paths and (unknown or not_run):
        return batches.unpack_bytes(task.mask, count)
    return b""
