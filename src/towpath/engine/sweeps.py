"""Sweeps of targets: each looks at how its jobs stand, and says what is due, stage by stage."""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.catalogue import UNDELETE
from towpath.domain.errors import Conflict, NotFound
from towpath.domain.lives import (
    ASKING,
    FRESH,
    GRACE,
    WALKS,
    Stage,
    SweepState,
    begun_key,
    gone_root_guard,
)
from towpath.domain.states import JobState, Wanted
from towpath.domain.targets import PLAIN_TEMPLATE
from towpath.domain.wishes import Wish
from towpath.engine import collecting, control, orphans, sweep_jobs
from towpath.engine.buckets import find_target
from towpath.engine.collecting import Due
from towpath.engine.orphans import ENTRY
from towpath.engine.sweep_jobs import Done, Part
from towpath.store.database import Tx
from towpath.store.tables import jobs, referrers, sites, sweeps, targets, uses
from towpath.store.tables import orphans as orphan_rows
from towpath.store.tables import sweep_jobs as job_rows
from towpath.store.tables import tasks as task_rows

CHUNK = 1000
"""Rows that are taken off the list in one transaction."""


@dataclass(frozen=True, slots=True)
class Order:
    """A wish to sweep a target: only to see what nothing refers to, or to delete what is due (`collects`)."""

    target: str
    owner: str
    collects: bool = False
    unrecorded: bool = False
    force: bool = False


def start(tx: Tx, order: Order) -> int:
    """Begin a sweep; raises `NotFound`, or `Conflict` while one of the same target is under way."""
    find_target(tx.conn, order.target)
    if order.unrecorded:
        collecting.check_alone(tx.conn, order.target)
    c = sweeps.c
    running = tx.conn.execute(sa.select(c.id).where(c.target == order.target, c.ended_at.is_(None))).scalar()
    if running is not None:
        raise Conflict(f"target '{order.target}' is being swept already, as sweep {running}")
    row = {
        "name": secrets.token_hex(12),
        "target": order.target,
        "state": SweepState.OPEN,
        "stage": Stage.BEGIN,
        "collects": order.collects,
        "unrecorded": order.unrecorded,
        "force": order.force,
        "owner": order.owner,
        "created_at": tx.now,
    }
    tx.due = True
    return int(tx.conn.execute(sa.insert(sweeps).values(row).returning(c.id)).scalar_one())


def stop(tx: Tx, sweep_id: int, by: str) -> None:
    """Cancel what a sweep runs; it ends once that is over, so that nothing is deleted after it has."""
    row = tx.conn.execute(sa.select(sweeps).where(sweeps.c.id == sweep_id).with_for_update()).first()
    if row is None:
        raise NotFound(f"no sweep {sweep_id}")
    if row.ended_at is not None:
        raise Conflict(f"sweep {sweep_id} is over: {row.state}")
    parts = sweep_jobs.list_parts(tx.conn, row.id, Stage(row.stage), row.round)
    if not parts:
        _end(tx, row, SweepState.BLOCKED, f"stopped by {by}")
    for part in parts:
        if not part.over and part.state != JobState.DEQUEUING:
            control.wish(tx, part.job, Wish(Wanted.CANCEL, by, f"sweep {sweep_id} is stopped"))


_OPEN = sa.select(sweeps.c.id).where(sweeps.c.ended_at.is_(None)).order_by(sweeps.c.id)


def list_open(conn: Connection) -> list[int]:
    """The sweeps that are not over."""
    return list(conn.scalars(_OPEN))


def advance(tx: Tx, sweep_id: int) -> bool:
    """Do what is due for a sweep, given how its jobs stand; True where more is due at once."""
    row = tx.conn.execute(sa.select(sweeps).where(sweeps.c.id == sweep_id).with_for_update()).first()
    if row is None or row.ended_at is not None:
        return False
    begin, end = _STAGES[Stage(row.stage)]
    parts = sweep_jobs.list_parts(tx.conn, row.id, Stage(row.stage), row.round)
    if not parts:
        return begin(tx, row)
    waiting = next((part for part in parts if not part.over), None)
    if waiting is not None:
        where = f"job {waiting.job} at site {waiting.part.site}, which is {waiting.state}"
        _set(tx, row, why=f"it waits for {where}")
        return False
    return end(tx, row, parts)


def _set(tx: Tx, row: Any, **values: object) -> None:
    if any(getattr(row, name) != value for name, value in values.items()):
        tx.conn.execute(sa.update(sweeps).where(sweeps.c.id == row.id).values(**values))


def _end(tx: Tx, row: Any, state: SweepState, why: str = "", **values: object) -> bool:
    _set(tx, row, state=state, why=why, ended_at=tx.now, **values)
    return False


def _next(tx: Tx, row: Any, stage: Stage, number: int = 1) -> bool:
    _set(tx, row, stage=stage, round=number, why="")
    return True


# Begin --------------------------------------------------------------------------------------------------------


def _begin(tx: Tx, row: Any) -> bool:
    roots = _roots(tx.conn)
    mute = sorted(site for site, names in roots.items() if not names)
    if mute:
        why = f"site {mute[0]}: no node of it has said yet which roots it has; start one, and begin again"
        return _end(tx, row, SweepState.BLOCKED, why)
    # Where no site is known to have used it, all look: the database that knew may have been lost.
    using = sorted(set(_users(tx.conn, row.target)) & set(roots)) or sorted(roots)
    if not using:
        return _end(tx, row, SweepState.BLOCKED, "there are no sites")
    if row.collects and (older := _unfinished(tx.conn, row)) is not None:
        _set(tx, row, why=f"it waits for {older}, which was there before and may hold what refers to objects")
        return False
    for site in using:
        part = Part(row.id, Stage.BEGIN, 1, site, min(roots[site]))
        sweep_jobs.tell_orphans(tx, part, row.owner, row.target, {"sweep": row.name})
    _set(tx, row, begun_at=tx.now)
    return False


def _begun(tx: Tx, row: Any, parts: Sequence[Done]) -> bool:
    if not any(part.well for part in parts):
        return _end(tx, row, SweepState.BLOCKED, _what_failed("the target could not be reached", parts))
    return _next(tx, row, Stage.WALK)


def _roots(conn: Connection) -> dict[str, list[str]]:
    """Every site, with the roots that its nodes have."""
    return {row.name: sorted(row.roots) for row in conn.execute(sa.select(sites.c.name, sites.c.roots))}


def _users(conn: Connection, target: str) -> Sequence[str]:
    return conn.scalars(sa.select(uses.c.site).where(uses.c.target == target)).all()


def _unfinished(conn: Connection, row: Any, *steps: str) -> str | None:
    """A job of others that is not over, in words: one that began before the sweep, or has one of these steps."""
    j = jobs.c
    own = sa.select(job_rows.c.job)
    query = sa.select(j.id, j.workflow, j.site, j.state, j.plan).where(j.ended_at.is_(None), j.id.not_in(own))
    if not steps:
        query = query.where(j.created_at <= (row.begun_at or row.created_at))
    for job in conn.execute(query.order_by(j.id)):
        named = {call["step"] for branch in job.plan["branches"] for call in branch["chain"]}
        if not steps or named & set(steps):
            return f"job {job.id} ({job.workflow} at {job.site}, {job.state})"
    return None


# Walk ---------------------------------------------------------------------------------------------------------


def _walk(tx: Tx, row: Any) -> bool:
    first = next(part for part in sweep_jobs.list_parts(tx.conn, row.id, Stage.BEGIN, 1) if part.well)
    marker = begun_key(row.name, first.part.site)
    trusted = set(tx.conn.scalars(sa.select(sites.c.name).where(sites.c.trusted)))
    for site, roots in sorted(_roots(tx.conn).items()):
        for root in roots:
            part = Part(row.id, Stage.WALK, row.round, site, root)
            arguments = {"sweep": row.name, "marker": marker, "trusted": site in trusted}
            sweep_jobs.walk_references(tx, part, row.owner, row.target, arguments)
    return False


def _walked(tx: Tx, row: Any, parts: Sequence[Done]) -> bool:
    if not all(part.well for part in parts):
        what = "not everything could be read, so nothing can be said of what is not referred to"
        return _end(tx, row, SweepState.BLOCKED, _what_failed(what, parts))
    if row.collects and row.round < WALKS:
        return _next(tx, row, Stage.WALK, row.round + 1)
    r = referrers.c
    walked = sa.tuple_(r.site, r.root).in_([(p.part.site, p.part.root) for p in parts])
    forgotten = sa.true() if row.force else walked
    tx.conn.execute(sa.delete(referrers).where(r.target == row.target, forgotten))
    counted = [
        {"target": row.target, "site": p.part.site, "root": p.part.root, "files": p.bytes // ENTRY}
        | {"counted_at": tx.now}
        for p in parts
    ]
    tx.conn.execute(sa.insert(referrers), counted)
    return _next(tx, row, Stage.COMPARE)


# Compare ------------------------------------------------------------------------------------------------------


def _compare(tx: Tx, row: Any) -> bool:
    walked = [
        part
        for number in range(1, WALKS + 1)
        for part in sweep_jobs.list_parts(tx.conn, row.id, Stage.WALK, number)
    ]
    template = tx.conn.execute(sa.select(targets.c.template).where(targets.c.name == row.target)).scalar()
    known: dict[str, object] = {
        "sweep": row.name,
        "sites": sorted({part.part.site for part in walked}),
        "expected": sum(part.bytes // ENTRY for part in walked),
        "plain": template in ("", PLAIN_TEMPLATE),
    }
    for done in sweep_jobs.list_parts(tx.conn, row.id, Stage.BEGIN, 1):
        if done.well:
            site = done.part.site
            roots = sorted({part.part.root for part in walked if part.part.site == site})
            part = Part(row.id, Stage.COMPARE, 1, site, done.part.root)
            sweep_jobs.tell_orphans(tx, part, row.owner, row.target, {**known, "roots": roots})
    return False


def _compared(tx: Tx, row: Any, parts: Sequence[Done]) -> bool:
    well = [part for part in parts if part.well]
    if not well:
        return _end(tx, row, SweepState.BLOCKED, _what_failed("its objects could not be compared", parts))
    c = orphan_rows.c
    here = (c.target == row.target, c.site.in_([part.part.site for part in well]))
    if orphans.take_off(tx, *here, c.sweep_id != row.id, limit=CHUNK) == CHUNK:
        return True
    grace = grace_of(tx.conn, row.target)
    due = collecting.count_due(tx.conn, collecting.is_due(row, grace))
    found = {
        "objects": sum(part.passed for part in well),
        "orphans": tx.conn.execute(sa.select(sa.func.count()).where(*here)).scalar_one(),
        "due": sum(one.orphans for one in due),
        "due_bytes": sum(one.bytes for one in due),
    }
    _set(tx, row, **found)
    if not row.collects or not due:
        return _end(tx, row, SweepState.DONE, _passed_over(tx, row, parts))
    asks = None if row.force else _what_asks(tx, row, due, found["objects"])
    if asks is not None:
        return _end(tx, row, SweepState.ASKS, f"{asks}; {ASKING}")
    return _next(tx, row, Stage.COLLECT)


def _what_asks(tx: Tx, row: Any, due: Collection[Due], objects: int) -> str | None:
    r = referrers.c
    counted = tx.conn.execute(sa.select(r.site, r.root, r.files).where(r.target == row.target))
    files = {(site, root): number for site, root, number in counted}
    now = {(p.part.site, p.part.root) for p in sweep_jobs.list_parts(tx.conn, row.id, Stage.WALK, WALKS)}
    for (site, root), number in sorted(files.items()):
        if number and (site, root) not in now:
            return gone_root_guard(site, root, number)
    return collecting.what_asks(due, objects, files)


def _passed_over(tx: Tx, row: Any, parts: Sequence[Done]) -> str:
    begun = sweep_jobs.list_parts(tx.conn, row.id, Stage.BEGIN, 1)
    left = [part for part in (*begun, *parts) if not part.well]
    return _what_failed("not all sites' objects were looked at", left) if left else ""


# Collect ------------------------------------------------------------------------------------------------------


def _collect(tx: Tx, row: Any) -> bool:
    if (making := _unfinished(tx.conn, row, UNDELETE.name)) is not None:
        _set(tx, row, why=f"it waits for {making}, which brings files back")
        return False
    due = collecting.count_due(tx.conn, collecting.is_due(row, grace_of(tx.conn, row.target)))
    roots = _roots(tx.conn)
    until = tx.now // 1_000_000 + FRESH
    for site in sorted({one.site for one in due}):
        part = Part(row.id, Stage.COLLECT, 1, site, min(roots[site]))
        arguments = {"sweep": row.name, "until": until}
        sweep_jobs.collect(tx, part, row.owner, row.target, arguments)
    return False if due else _end(tx, row, SweepState.DONE)


def _collected(tx: Tx, row: Any, parts: Sequence[Done]) -> bool:
    failed = [part for part in parts if not part.well]
    why = _what_failed("not all that was due could be deleted", failed) if failed else ""
    return _end(tx, row, SweepState.DONE, why, deleted=sum(part.done for part in parts))


_STAGES: Mapping[Stage, tuple[Callable[[Tx, Any], bool], Callable[[Tx, Any, Sequence[Done]], bool]]] = (
    MappingProxyType(
        {
            Stage.BEGIN: (_begin, _begun),
            Stage.WALK: (_walk, _walked),
            Stage.COMPARE: (_compare, _compared),
            Stage.COLLECT: (_collect, _collected),
        }
    )
)
"""What each stage begins with, and what is done once all of its jobs are over."""


def _what_failed(what: str, parts: Collection[Done]) -> str:
    bad = [part for part in parts if not part.well]
    told = [
        f"job {part.job} at site {part.part.site} is {part.state or 'gone'}"
        + (f" ({part.failed} failed; see towpath job report {part.job})" if part.failed else "")
        for part in bad[:3]
    ]
    more = f", and {len(bad) - 3} more" if len(bad) > 3 else ""
    return f"{what}: {'; '.join(told)}{more}"


# Reading ------------------------------------------------------------------------------------------------------


def grace_of(conn: Connection, target: str) -> int:
    """For how long an object of a target stays an orphan before it may be collected, in microseconds."""
    own = conn.execute(sa.select(targets.c.grace).where(targets.c.name == target)).scalar()
    return GRACE if own is None else int(own)


def set_grace(tx: Tx, target: str, grace: int | None) -> None:
    """Say for how long, in microseconds; None: as usual."""
    find_target(tx.conn, target)
    tx.conn.execute(sa.update(targets).where(targets.c.name == target).values(grace=grace))


def hand_out(tx: Tx, task_id: int) -> bool:
    """The hub's own discovery of a collection; True once there is no more."""
    query = sa.select(sweeps.c.target).join(job_rows, job_rows.c.sweep_id == sweeps.c.id)
    of = sa.select(task_rows.c.job_id).where(task_rows.c.id == task_id).scalar_subquery()
    target = tx.conn.execute(query.where(job_rows.c.job == of)).scalar_one()
    return collecting.hand_out(tx, task_id, grace_of(tx.conn, target))
