"""Orphans as the hub keeps them: noted from a sweep's comparison, listed, and taken off the list."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.catalogue import REVERSE_STUB, UNDELETE
from towpath.domain.errors import Conflict, NotFound
from towpath.domain.lives import COLLECT, GRACE, OWN_WORKFLOWS, Stage
from towpath.domain.paths import Code, is_clean
from towpath.domain.plan import Plan
from towpath.store import batches
from towpath.store.database import Tx
from towpath.store.ledger import Ledger
from towpath.store.tables import orphan_counts, orphans, referrers, sweep_jobs, sweeps, targets, uses
from towpath.store.tasks import Task
from towpath.wire import Batch, Orphan, unpack

LONGEST_KEY = 1024
ENTRY = 12
"""Bytes of a reference to a record, as sweeps keep it."""
TELLING = (COLLECT.name, UNDELETE.name)
DONE = (Code.PROCESSED, Code.ALREADY)


@dataclass(frozen=True, slots=True)
class OrphanView:
    """An orphan as people see it."""

    id: int
    target: str
    site: str
    key: str
    size: int
    modified_at: int
    root: str
    path: bytes
    entry: bytes
    first_seen_at: int
    due_at: int
    """When it may be collected."""


def note(tx: Tx, job_id: int, found: Collection[Orphan]) -> int:
    """Keep what a comparison found; what was known keeps the time it was first seen. Returns how many there were.

    Nothing is kept but of the job's own site and of a sweep that is open, whatever a node says.
    """
    if not found:
        return 0
    query = sa.select(sweep_jobs.c.site, sweeps.c.target, sweeps.c.id, sweeps.c.begun_at)
    query = query.join(sweeps, sweeps.c.id == sweep_jobs.c.sweep_id)
    this = (sweep_jobs.c.job == job_id, sweep_jobs.c.stage == Stage.COMPARE, sweeps.c.ended_at.is_(None))
    of = tx.conn.execute(query.where(*this)).first()
    if of is None:
        return 0
    own = {orphan.key: orphan for orphan in found if _may_be(orphan, of.site)}
    c = orphans.c
    mine = (c.target == of.target, c.key.in_(sorted(own)))
    known = set(tx.conn.scalars(sa.select(c.key).where(*mine)))
    tx.conn.execute(sa.update(orphans).where(*mine).values(sweep_id=of.id))
    new = [_row(of, orphan) for key, orphan in own.items() if key not in known]
    if new:
        tx.conn.execute(sa.insert(orphans), new)
        _count(tx, of.target, of.site, len(new), sum(row["size"] for row in new))
    return len(own)


def _may_be(orphan: Orphan, site: str) -> bool:
    beneath = orphan.key.startswith(f"{site}/") and len(orphan.key) <= LONGEST_KEY
    return beneath and is_clean(orphan.path) and len(orphan.entry) in (0, ENTRY)


def _row(of: Any, orphan: Orphan) -> dict[str, Any]:
    return {
        "target": of.target,
        "site": of.site,
        "key": orphan.key,
        "size": max(0, orphan.size),
        "modified_at": orphan.modified,
        "root": orphan.root[:64],
        "path": orphan.path,
        "entry": orphan.entry,
        "first_seen_at": of.begun_at,
        "sweep_id": of.id,
    }


def _count(tx: Tx, target: str, site: str, number: int, size: int) -> None:
    c = orphan_counts.c
    more = {"orphans": c.orphans + number, "bytes": c.bytes + size}
    done = tx.conn.execute(sa.update(orphan_counts).where(c.target == target, c.site == site).values(more))
    if done.rowcount == 0:
        row = {"target": target, "site": site, "orphans": number, "bytes": size}
        tx.conn.execute(sa.insert(orphan_counts).values(row))


def take_off(tx: Tx, *which: sa.ColumnElement[bool], limit: int = 1000) -> int:
    """Take orphans off the list, up to so many; how many that were. What is one still comes back with the next sweep,
    as seen for the first time."""
    c = orphans.c
    rows = tx.conn.execute(sa.select(c.id, c.target, c.site, c.size).where(*which).limit(limit)).all()
    if not rows:
        return 0
    tx.conn.execute(sa.delete(orphans).where(c.id.in_([row.id for row in rows])))
    for target, site in {(row.target, row.site) for row in rows}:
        sizes = [row.size for row in rows if (row.target, row.site) == (target, site)]
        _count(tx, target, site, -len(sizes), -sum(sizes))
    return len(rows)


def came_back(tx: Tx, site: str, root: str, paths: Collection[bytes]) -> None:
    """Files at and beneath these paths were brought back: their objects are taken off the list."""
    c = orphans.c
    for path in paths:
        beneath = sa.and_(c.path >= path + b"/", c.path < path + b"0")
        here = sa.true() if not path else sa.or_(c.path == path, beneath)
        while take_off(tx, c.site == site, c.root == root, here):
            pass


def forget_target(tx: Tx, name: str) -> None:
    """Forget what refers to a target's objects, and what does not; raises `Conflict` while it is swept."""
    running = sa.select(sweeps.c.id).where(sweeps.c.target == name, sweeps.c.ended_at.is_(None))
    if (number := tx.conn.execute(running).scalar()) is not None:
        raise Conflict(f"target '{name}' is being swept: stop sweep {number} first")
    for table in (orphans, orphan_counts, referrers, uses):
        tx.conn.execute(sa.delete(table).where(table.c.target == name))


def heard(ledger: Ledger, task: Task, codes: bytes) -> None:
    """A task has told what became of its paths: what was deleted, or has come back, is taken off the list."""
    if task.step not in TELLING or task.batch_id is None or not task.processed:
        return
    tx, call = ledger.tx, ledger.jobs[task.job_id].plan.branches[task.rule].chain[task.position]
    batch = unpack(batches.packed(tx.conn, [task.batch_id])[task.batch_id], Batch)
    done = [path for path, code in zip(batch.paths, codes, strict=True) if code in DONE]
    if task.step == UNDELETE.name:
        came_back(tx, task.site, batch.root, done)
    else:
        keys = [os.fsdecode(path) for path in done]
        take_off(tx, orphans.c.target == call.endpoint, orphans.c.key.in_(keys), limit=len(keys))


# Reading ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """Which orphans: of a target, of a site; None = of all."""

    target: str | None = None
    site: str | None = None

    def on(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        """The conditions, on a table with these columns."""
        asked = {"target": self.target, "site": self.site}
        return [table.c[name] == value for name, value in asked.items() if value is not None]


def _shown() -> sa.Select[Any]:
    c, grace = orphans.c, sa.func.coalesce(targets.c.grace, GRACE)
    due = (c.first_seen_at + grace).label("due_at")
    where = (c.id, c.target, c.site, c.key, c.size, c.modified_at, c.root, c.path, c.entry, c.first_seen_at)
    return sa.select(*where, due).select_from(orphans.outerjoin(targets, targets.c.name == c.target))


def list_orphans(
    conn: Connection, which: Filter, after: int | None, limit: int, skip: int
) -> Sequence[OrphanView]:
    """Orphans by their number, behind one."""
    query = _shown().where(*which.on(orphans), orphans.c.id > (after or 0))
    return [OrphanView(*row) for row in conn.execute(query.order_by(orphans.c.id).offset(skip).limit(limit))]


def get_orphan(conn: Connection, number: int) -> OrphanView:
    """One of them; raises `NotFound`."""
    row = conn.execute(_shown().where(orphans.c.id == number)).first()
    if row is None:
        raise NotFound(f"no orphan {number}: what is deleted, or referred to again, is none any more")
    return OrphanView(*row)


def count_orphans(conn: Connection, which: Filter) -> tuple[int, int]:
    """How many there are, and of how many bytes."""
    c = orphan_counts.c
    query = sa.select(sa.func.sum(c.orphans), sa.func.sum(c.bytes)).where(*which.on(orphan_counts))
    number, size = conn.execute(query).one()
    return int(number or 0), int(size or 0)


# What may not run meanwhile -----------------------------------------------------------------------------------


def refuse_undelete(conn: Connection, plan: Plan) -> None:
    """Raise `Conflict` for a job that would bring files back while objects are deleted: both look at the same places,
    and one would not see what the other does there."""
    if any(call.step == UNDELETE.name for branch in plan.branches for call in branch.chain):
        _refuse(conn, "bring files back", sweeps.c.stage == Stage.COLLECT)


def refuse_retry(conn: Connection, plan: Plan) -> None:
    """Raise `Conflict` for a retry of a sweep's own job, and for one whose paths may carry what refers to objects since
    before a sweep that deletes began."""
    if plan.workflow in OWN_WORKFLOWS:
        raise Conflict(f"{plan.workflow} is a part of a sweep, and is not retried: begin another sweep")
    if any(call.step == REVERSE_STUB.name for branch in plan.branches for call in branch.chain):
        _refuse(conn, "retry what makes stubs", sa.true())
    refuse_undelete(conn, plan)


def _refuse(conn: Connection, what: str, stage: sa.ColumnElement[bool]) -> None:
    query = sa.select(sweeps.c.id, sweeps.c.target).where(
        sweeps.c.collects, sweeps.c.ended_at.is_(None), stage
    )
    row = conn.execute(query.limit(1)).first()
    if row is not None:
        raise Conflict(f"sweep {row.id} collects orphans of target '{row.target}': {what} once it is over")
