"""What people say of a job's turn: its priority, and how many tasks may run at once, its own and all its owner's."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, NotFound, did_you_mean
from towpath.domain.fairness import check_max_tasks, check_priority
from towpath.domain.states import JOB_OVER
from towpath.store.counters import sites_of_owners
from towpath.store.database import Tx
from towpath.store.jobs import Job
from towpath.store.ledger import Ledger
from towpath.store.running import RUNNING
from towpath.store.tables import jobs, lanes, limits, users


def set_priority(tx: Tx, job_id: int, priority: int) -> None:
    """Let a job go before those of a lower priority from now on.

    Raises `Mistake`, `NotFound`, or `Conflict` for a job that is over.
    """
    check_priority(priority)
    with Ledger(tx) as ledger:
        _open_job(ledger, job_id).priority = priority
        for table, of_job in ((jobs, jobs.c.id), (lanes, lanes.c.job_id)):
            tx.conn.execute(sa.update(table).where(of_job == job_id).values(priority=priority))


def set_max_tasks(tx: Tx, job_id: int, max_tasks: int | None) -> None:
    """Let a job run so many tasks at once from now on, None = any number; raises as `set_priority`.

    What runs beyond that ends in its own time.
    """
    check_max_tasks(max_tasks)
    with Ledger(tx) as ledger:
        _open_job(ledger, job_id).max_tasks = max_tasks
        tx.conn.execute(sa.update(jobs).where(jobs.c.id == job_id).values(max_tasks=max_tasks))


def _open_job(ledger: Ledger, job_id: int) -> Job:
    ledger.lock_jobs([job_id])
    job = ledger.jobs.get(job_id)
    if job is None:
        raise NotFound(f"no job {job_id}")
    if job.state in JOB_OVER:
        raise Conflict(f"job {job_id} is {job.state}: only a job that is not over has a turn to change")
    return job


@dataclass(frozen=True, slots=True)
class TurnView:
    """What was said of a job's turn."""

    priority: int
    max_tasks: int | None


def get_turn(conn: Connection, job_id: int) -> TurnView:
    """What was said of a job's turn; raises `NotFound`."""
    query = sa.select(jobs.c.priority, jobs.c.max_tasks).where(jobs.c.id == job_id, sa.not_(jobs.c.pruned))
    row = conn.execute(query).first()
    if row is None:
        raise NotFound(f"no job {job_id}")
    return TurnView(*row)


# Owners -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LimitView:
    """How many tasks of all jobs of an owner may run at once, and how many do, discoveries apart."""

    owner: str
    max_tasks: int
    running: int
    set_by: str
    set_at: int


_LIMITS = sa.select(limits.c.owner, limits.c.max_tasks, RUNNING, limits.c.set_by, limits.c.set_at)


def list_limits(conn: Connection) -> list[LimitView]:
    """All limits, by owner."""
    return [LimitView(*row) for row in conn.execute(_LIMITS.order_by(limits.c.owner))]


def get_limit(conn: Connection, owner: str) -> LimitView:
    """The limit of an owner; raises `NotFound` where there is none."""
    row = conn.execute(_LIMITS.where(limits.c.owner == owner)).first()
    if row is None:
        known = conn.scalars(sa.select(limits.c.owner))
        raise NotFound(f"no limit of user '{owner}'{did_you_mean(owner, known)}")
    return LimitView(*row)


def set_limit(tx: Tx, owner: str, max_tasks: int, by: str) -> None:
    """Let all jobs of an owner run so many tasks at once; raises `NotFound` where nobody bears that name."""
    check_max_tasks(max_tasks)
    known = set(tx.conn.scalars(sa.select(users.c.name)))
    if owner not in known:
        raise NotFound(f"no user '{owner}'{did_you_mean(owner, known)}")
    said = {"max_tasks": max_tasks, "set_by": by, "set_at": tx.now}
    if tx.conn.execute(sa.update(limits).where(limits.c.owner == owner).values(said)).rowcount == 0:
        tx.conn.execute(sa.insert(limits).values(said | {"owner": owner}))
    tx.wakes |= sites_of_owners(tx.conn, {owner})


def lift_limit(tx: Tx, owner: str) -> None:
    """Let all jobs of an owner run any number of tasks at once; raises `NotFound` where that was so."""
    if tx.conn.execute(sa.delete(limits).where(limits.c.owner == owner)).rowcount == 0:
        known = tx.conn.scalars(sa.select(limits.c.owner))
        raise NotFound(f"no limit of user '{owner}'{did_you_mean(owner, known)}")
    tx.wakes |= sites_of_owners(tx.conn, {owner})
