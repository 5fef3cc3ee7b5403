"""The steps of the last phase: each runs once for its job, when all else is over, and is told how the job went."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from towpath.domain.paths import Kind
from towpath.domain.plan import FINISH_TYPE
from towpath.domain.states import TaskState
from towpath.engine.chains import NewChain, create
from towpath.store import batches, tasks
from towpath.store.jobs import COUNTERS, Job
from towpath.store.ledger import Ledger
from towpath.store.tables import jobs
from towpath.store.tasks import Task
from towpath.wire import Batch, Input, pack

GOES_ON = "goes_on"
"""The state of the path where the job only takes up what an earlier one left."""


def add(ledger: Ledger, job: Job, inputs: Sequence[Input], *, goes_on: bool = False) -> None:
    """Give a new job its tasks of the last phase, which wait for all others.

    Each has one path, the first that the job was asked for: it counts in none of the job's totals.
    """
    numbers = [number for number, branch in enumerate(job.plan.branches) if branch.type == FINISH_TYPE]
    if not numbers:
        return
    batch_id = tasks.next_ids(ledger.tx.conn, "batches", 1)
    first, state = inputs[0], GOES_ON if goes_on else ""
    packed = pack(Batch(first.root, [first.path], bytes([Kind.DIRECTORY]), [0], [state]))
    batches.insert(ledger.tx.conn, [batches.BatchRow(batch_id, job.id, 1, packed, 0)])
    create(ledger, job, [NewChain(number, batch_id, 1, later=place) for place, number in enumerate(numbers)])


_FACTS = sa.select(
    jobs.c.owner, jobs.c.created_at, jobs.c.retry_of, *(jobs.c[name] for name in COUNTERS)
).where(jobs.c.id == sa.bindparam("row_id"))


def facts_of(ledger: Ledger, task: Task) -> dict[str, Any]:
    """What a step of the last phase is told of its job; times are in microseconds since 1970, as in the database.

    `ending` is how the job ends unless a step of the last phase fails: SUCCESS or FAILURE.
    """
    job = ledger.jobs[task.job_id]
    row = ledger.tx.conn.execute(_FACTS, {"row_id": job.id}).one()
    census = job.census()
    bad = census[TaskState.FAILURE] or census[TaskState.ERROR]
    return {
        "job": job.id,
        "workflow": job.workflow,
        "site": job.site,
        "owner": row.owner,
        "retry_of": row.retry_of,
        "ending": "FAILURE" if bad else "SUCCESS",
        "created_at": row.created_at,
        "totals": {name: getattr(row, name) for name in COUNTERS},
    }
