"""The jobs of sweeps: their plans, which no workflow can have, how they are started, and how they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.catalogue import RECURSIVE
from towpath.domain.lives import COLLECT, ORPHANS, REFER, Stage
from towpath.domain.plan import DEFAULT_QUEUE, Branch, Call, Plan
from towpath.domain.states import JobState
from towpath.engine.control import NewJob, add_walk, insert_job
from towpath.store.database import Tx
from towpath.store.ledger import Ledger
from towpath.store.tables import jobs, sweep_jobs
from towpath.store.tasks import HUB
from towpath.store.walks import WalkRow
from towpath.wire import Input

HAND_OUT = "sweep-collect"
"""The hub's own discovery of a collection: the orphans that are due."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one job of a sweep is for."""

    sweep: int
    stage: Stage
    round: int
    site: str
    root: str


@dataclass(frozen=True, slots=True)
class Done:
    """How the job of a part stands; one that was pruned has the state "" and counts nothing."""

    part: Part
    job: int
    state: str
    over: bool
    failed: int
    done: int
    bytes: int
    passed: int

    @property
    def well(self) -> bool:
        """Whether it did all that it was for."""
        return self.state == JobState.SUCCESS


def list_parts(conn: Connection, sweep: int, stage: Stage, number: int) -> list[Done]:
    """The jobs of a stage and a round of a sweep, by their ids."""
    s, j = sweep_jobs.c, jobs.c
    query = sa.select(
        s.job, s.site, s.root, j.state, j.ended_at, j.failed, j.unknown, j.done, j.bytes_done, j.unmatched
    ).select_from(sweep_jobs.outerjoin(jobs, j.id == s.job))
    rows = conn.execute(query.where(s.sweep_id == sweep, s.stage == stage, s.round == number).order_by(s.job))
    return [_done(row, Part(sweep, stage, number, row.site, row.root)) for row in rows]


def _done(row: Any, part: Part) -> Done:
    over = row.state is None or row.ended_at is not None
    counted = (row.failed or 0) + (row.unknown or 0)
    return Done(
        part, row.job, row.state or "", over, counted, row.done or 0, row.bytes_done or 0, row.unmatched or 0
    )


def walk_references(tx: Tx, part: Part, owner: str, target: str, arguments: Mapping[str, str | bool]) -> None:
    """Start the walk of a root: what its marks refer to is written to the target."""
    call = Call(REFER.name, arguments, part.site, DEFAULT_QUEUE, target, REFER.phase)
    plan = _plan("sweep-walk", part.site, RECURSIVE.name, {}, Branch("file", "all", (), (), (call,)))
    _start(tx, part, owner, plan, "discovery")


def tell_orphans(tx: Tx, part: Part, owner: str, target: str, options: Mapping[str, object]) -> None:
    """Start the discovery of orphans at a site: its beginning, or its comparison."""
    # A plan has a chain, though this discovery finds no path that would go down one.
    call = Call(REFER.name, {}, part.site, DEFAULT_QUEUE, target, REFER.phase)
    asked = {**options, "stage": part.stage.value, "endpoint": target}
    branch = Branch("file", "all", (), (), (call,))
    _start(tx, part, owner, _plan(f"sweep-{part.stage}", part.site, ORPHANS, asked, branch), "discovery")


def collect(tx: Tx, part: Part, owner: str, target: str, arguments: Mapping[str, str | int]) -> None:
    """Start the collection of what is due at a site."""
    call = Call(COLLECT.name, arguments, part.site, DEFAULT_QUEUE, target, COLLECT.phase)
    options = {"sweep": part.sweep, "root": part.root}
    plan = _plan(HAND_OUT, part.site, HAND_OUT, options, Branch("file", "all", (), (), (call,)))
    _start(tx, part, owner, plan, HUB)


def _plan(name: str, site: str, discovery: str, options: Mapping[str, object], branch: Branch) -> Plan:
    return Plan(name, discovery, options, site, DEFAULT_QUEUE, {}, (branch,))


def _start(tx: Tx, part: Part, owner: str, plan: Plan, function: str) -> None:
    inputs: Sequence[Input] = (Input(part.root, b""),)
    job_id = insert_job(tx, NewJob(plan, 1, owner, tuple(inputs)))
    row = {"job": job_id, "sweep_id": part.sweep, "stage": part.stage, "round": part.round}
    tx.conn.execute(sa.insert(sweep_jobs).values(row | {"site": part.site, "root": part.root}))
    with Ledger(tx) as ledger:
        ledger.lock_jobs([job_id])
        walk = WalkRow(0, tuple(inputs), plan.discovery or "", plan.options, b"", 0)
        add_walk(ledger, job_id, plan, walk, function)
