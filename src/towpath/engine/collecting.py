"""Collections: which orphans are due, why one stops and asks, and how those that are due become paths of a job."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict
from towpath.domain.lives import guard, root_guard
from towpath.domain.paths import Kind
from towpath.domain.states import TaskEvent, TaskState, Wanted
from towpath.domain.targets import place_of
from towpath.engine.found import add_batches
from towpath.store import walks
from towpath.store.database import Tx
from towpath.store.ledger import Ledger
from towpath.store.tables import orphans, sweeps, targets
from towpath.wire import Batch, Group, pack, unpack

CHUNK = 200
"""Orphans of one task: their keys fit a message, and each is looked at by itself."""


@dataclass(frozen=True, slots=True)
class Due:
    """How many orphans of a root of a site are due, and their bytes."""

    site: str
    root: str
    orphans: int
    bytes: int


def is_due(sweep: Any, grace: int) -> sa.ColumnElement[bool]:
    """The condition by which orphans are due: seen by this sweep, and first so long ago, by another one.

    A job that had put an object, and not yet marked its file, when it was first seen, is over by now: a sweep that
    deletes waits for all jobs that were there before it.
    """
    c = orphans.c
    before = sweep.begun_at - max(grace, 1)
    old = sa.and_(c.target == sweep.target, c.sweep_id == sweep.id, c.first_seen_at <= before)
    return old if sweep.unrecorded else sa.and_(old, sa.func.length(c.entry) > 0)


def count_due(conn: Connection, condition: sa.ColumnElement[bool]) -> list[Due]:
    """What is due, by site and root."""
    c = orphans.c
    query = sa.select(c.site, c.root, sa.func.count(), sa.func.sum(c.size)).where(condition)
    rows = conn.execute(query.group_by(c.site, c.root).order_by(c.site, c.root))
    return [Due(site, root, int(number), int(size)) for site, root, number, size in rows]


def what_asks(due: Collection[Due], objects: int, files: Mapping[tuple[str, str], int]) -> str | None:
    """Why a collection stops and asks, if it does; `files` refer to objects, by site and root."""
    for one in due:
        if not files.get((one.site, one.root)):
            return root_guard(one.site, one.root, one.orphans)
    return guard(sum(one.orphans for one in due), objects)


def check_alone(conn: Connection, target: str) -> None:
    """Raise `Conflict` where another target lies beneath this one: what no record here names may have one there."""
    rows = conn.execute(sa.select(targets.c.name, targets.c.url))
    places = {row.name: place_of(row.url) for row in rows}
    place, prefix = places.pop(target)
    for name, (other, beneath) in places.items():
        within = other.startswith(f"{place.rstrip('/')}/") or (
            other == place and (not prefix or beneath.startswith(f"{prefix}/"))
        )
        if within:
            raise Conflict(
                f"target '{name}' lies within '{target}': what no record names there cannot be told apart"
            )


def hand_out(tx: Tx, task_id: int, grace: int) -> bool:
    """Give the next orphans that are due to the job whose discovery this is; True once there is no more.

    The task is started and handed back, or ended, in this one transaction, so that it never runs while nobody does.
    """
    with Ledger(tx) as ledger:
        task = ledger.load([task_id])[task_id]
        job = ledger.jobs[task.job_id]
        if task.state is not TaskState.PENDING or job.wanted is not Wanted.RUN:
            return True
        ledger.move(task, TaskEvent.START)
        walk = walks.load(tx.conn, task_id)
        sweep = tx.conn.execute(sa.select(sweeps).where(sweeps.c.id == walk.options["sweep"])).one()
        last = unpack(walk.cursor, int) if walk.cursor else 0
        c = orphans.c
        mine = (is_due(sweep, grace), c.site == job.site, c.id > last)
        rows = tx.conn.execute(
            sa.select(c.id, c.key, c.size, c.entry).where(*mine).order_by(c.id).limit(CHUNK)
        ).all()
        if rows and sweep.ended_at is None:
            add_batches(ledger, job, [_batch(str(walk.options["root"]), rows)])
            walk.cursor = pack(rows[-1].id)
            walks.advance(tx.conn, walk)
        over = len(rows) < CHUNK or sweep.ended_at is not None
        ledger.move(task, TaskEvent.SUCCEED if over else TaskEvent.HAND_BACK)
    return over


def _batch(root: str, rows: Collection[Any]) -> tuple[Group, Batch]:
    """Orphans as a batch: each path is a key, its state the record that names it."""
    batch = Batch(
        root,
        [row.key.encode() for row in rows],
        bytes([Kind.FILE] * len(rows)),
        [row.size for row in rows],
        [row.entry.hex() for row in rows],
    )
    return Group(0, pack(batch), len(rows), sum(batch.sizes)), batch
