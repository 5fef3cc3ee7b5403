"""What the hub does unasked: it empties queues, runs its own discoveries, and repairs what a crash left."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.states import PENDING, TERMINAL, TaskEvent, Wanted
from towpath.engine import chains, control, holds, retry, sweeps
from towpath.engine.losing import lose
from towpath.engine.sweep_jobs import HAND_OUT
from towpath.store import tasks, throughput
from towpath.store.database import Tx
from towpath.store.ledger import Ledger
from towpath.store.tables import IS_PENDING, idempotency, jobs, streams
from towpath.store.tables import tasks as task_rows
from towpath.store.tasks import HUB, WAITS_FOR_CHAIN

SWEEP = 20_000
"""Tasks cancelled in one transaction: others get their turn in between."""

DAY = 24 * 3600 * 1_000_000
KEEP_THROUGHPUT = 2 * DAY


# The constant stands in the text: a parameter might be the state that an index is about, so that SQLite would plan the
# statement anew each time that it is run.
_IS_CANCELLED = jobs.c.state == sa.literal_column("'DEQUEUING'")
_CANCELLED = sa.select(jobs.c.id).where(_IS_CANCELLED).order_by(jobs.c.id)
_ANY_CANCELLED = _CANCELLED.limit(1)
_WAITED = (
    sa.select(jobs.c.id, jobs.c.beats_waited)
    .where(_IS_CANCELLED)
    .order_by(jobs.c.id)
    .with_for_update(key_share=True)
)
_WANTED = sa.select(jobs.c.id).where(jobs.c.wanted == Wanted.RUN, jobs.c.ended_at.is_(None))
_OWN = (
    sa.select(task_rows.c.id)
    .where(task_rows.c.function == HUB, IS_PENDING, task_rows.c.job_id.in_(_WANTED))
    .order_by(task_rows.c.id)
)


@dataclass(frozen=True, slots=True)
class Due:
    """What was found due at one look."""

    cancelled: list[int]
    """Jobs whose pending tasks are to be taken from the queue."""
    discoveries: list[int]
    """The hub's own discovery tasks that may go on."""
    more: bool
    """More jobs than these have to be resumed: look again."""


def look(tx: Tx) -> Due:
    """Resume what was paused until a time that has come, and find what else is due: one look, for there are many."""
    more = not resume_due(tx)
    return Due(cancelled_jobs(tx), own_discoveries(tx), more)


def cancelled_jobs(tx: Tx) -> list[int]:
    """Jobs whose pending tasks are to be taken from the queue."""
    return list(tx.conn.scalars(_CANCELLED))


def is_cancelling(conn: Connection) -> bool:
    """Whether any job is cancelled and not over."""
    return conn.execute(_ANY_CANCELLED).first() is not None


def dequeue(tx: Tx, job_id: int) -> bool:
    """Cancel some of a cancelled job's pending tasks; True once none is left."""
    with Ledger(tx) as ledger:
        ledger.lock_jobs([job_id])
        job = ledger.jobs[job_id]
        if job.wanted is not Wanted.CANCEL:
            return True
        swept = tasks.cancel_some(tx.conn, job_id, tx.now, SWEEP)
        ledger.sweep(job, swept)
    return sum(kind.tasks for kind in swept) < SWEEP


def fence_beats(lease_beats: int) -> int:
    """Heartbeats within which the fence of a node closes that is not told any more that a run is its own."""
    return lease_beats // 2 + 2


def take_back(tx: Tx, beats: int) -> list[int]:
    """One more heartbeat's time has passed: take what nodes still hold of jobs that have waited so long as cancelled.

    A node that is dead, or whose step hangs while its heart beats, holds up no cancel; what it reports later is
    refused. Counted here and not on a clock, and kept, so that no restart begins anew. Returns the tasks' ids.

    For a lease of `beats` heartbeats the node is asked to give them back; then no answer to it says any more that
    they are its own (`nodes.beat`), so that its fence closes within half a lease, whatever it hears; only then are
    they taken. So nothing touches a file for a task that has ended.
    """
    rows = tx.conn.execute(_WAITED).all()
    if not rows:
        return []
    mine = jobs.c.id.in_([row.id for row in rows])
    tx.conn.execute(sa.update(jobs).where(mine).values(beats_waited=jobs.c.beats_waited + 1))
    overdue = [row.id for row in rows if row.beats_waited + 1 >= beats + fence_beats(beats)]
    taken = [task for job_id in overdue for task in tasks.load_held(tx.conn, job_id)]
    lose(tx, taken, TaskEvent.LOSE_LEASE)
    return [task.id for task in taken]


def resume_due(tx: Tx) -> bool:
    """Resume what was paused until a time that has come: sites, queues and jobs; True once nothing is left."""
    holds.resume_due(tx)
    return control.resume_due(tx)


def own_discoveries(tx: Tx) -> list[int]:
    """The hub's own discovery tasks that may go on."""
    return list(tx.conn.scalars(_OWN))


def discover(tx: Tx, task_id: int) -> bool:
    """Do the next piece of one of the hub's own discoveries; True once it is over or may not go on."""
    step = tx.conn.execute(sa.select(task_rows.c.step).where(task_rows.c.id == task_id)).scalar()
    return sweeps.hand_out(tx, task_id) if step == HAND_OUT else retry.advance(tx, task_id)


_BEHIND = (
    sa.select(jobs.c.id)
    .where(jobs.c.ended_at.is_(None), jobs.c.id > sa.bindparam("after"))
    .order_by(jobs.c.id)
    .limit(sa.bindparam("most"))
)


def repair(tx: Tx, after: int = 0, limit: int = 200) -> int | None:
    """Settle jobs that are not over, and their chains, from how they stand: the same calls as after an event.

    Looks at jobs behind the id `after`; returns the last one looked at, None at the end. It finds nothing to do
    unless the database was written to by something else than this code.
    """
    found = list(tx.conn.scalars(_BEHIND, {"after": after, "most": limit}))
    if not found:
        return None
    with Ledger(tx) as ledger:
        ledger.lock_jobs(found)
        chains.follow(ledger, ledger.load(_overlooked(tx, found)).values(), {})
    return int(found[-1])


def _overlooked(tx: Tx, job_ids: list[int]) -> list[int]:
    """Tasks that are over while the one after them in the chain still waits for them."""
    before, after = task_rows.alias("before"), task_rows.alias("after")
    pair = sa.and_(after.c.chain_id == before.c.chain_id, after.c.position == before.c.position + 1)
    query = (
        sa.select(before.c.id)
        .select_from(before.join(after, pair))
        .where(after.c.job_id.in_(job_ids), after.c.state == PENDING, after.c.blocked == WAITS_FOR_CHAIN)
        .where(before.c.state.in_(TERMINAL))
        .limit(1000)
    )
    return list(tx.conn.scalars(query))


def forget(tx: Tx) -> None:
    """Remove what is no longer of use: old idempotency keys, streams of gone lives of nodes, old throughput."""
    tx.conn.execute(sa.delete(idempotency).where(idempotency.c.created_at < tx.now - DAY))
    throughput.forget(tx.conn, (tx.now - KEEP_THROUGHPUT) // throughput.MINUTE)
    tx.conn.execute(sa.delete(streams).where(streams.c.touched_at < tx.now - 30 * DAY))
