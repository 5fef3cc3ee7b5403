"""Sweeps as people see them."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import NotFound
from towpath.domain.lives import Stage
from towpath.engine import sweep_jobs
from towpath.store.tables import sweeps


@dataclass(frozen=True, slots=True)
class SweepView:
    """A sweep as people see it; `jobs` are those of its present stage."""

    id: int
    target: str
    state: str
    stage: str
    why: str
    collects: bool
    owner: str
    created_at: int
    ended_at: int | None
    objects: int
    orphans: int
    due: int
    due_bytes: int
    deleted: int
    jobs: tuple[int, ...]


def list_sweeps(conn: Connection, target: str | None, before: int | None, limit: int) -> list[SweepView]:
    """Sweeps, the newest first, before one."""
    s = sweeps.c
    query = sa.select(sweeps).order_by(s.id.desc()).limit(limit)
    query = query if target is None else query.where(s.target == target)
    return [_view(conn, row) for row in conn.execute(query if before is None else query.where(s.id < before))]


def count_sweeps(conn: Connection, target: str | None) -> int:
    """How many there have been: few, for each walks all sites."""
    query = sa.select(sa.func.count()).select_from(sweeps)
    return int(conn.execute(query if target is None else query.where(sweeps.c.target == target)).scalar_one())


def find_sweep(conn: Connection, sweep_id: int) -> SweepView:
    """A sweep; raises `NotFound`."""
    row = conn.execute(sa.select(sweeps).where(sweeps.c.id == sweep_id)).first()
    if row is None:
        raise NotFound(f"no sweep {sweep_id}")
    return _view(conn, row)


def _view(conn: Connection, row: Any) -> SweepView:
    parts = sweep_jobs.list_parts(conn, row.id, Stage(row.stage), row.round)
    return SweepView(
        row.id, row.target, row.state, row.stage, row.why, row.collects, row.owner, row.created_at, row.ended_at,
        row.objects, row.orphans, row.due, row.due_bytes, row.deleted, tuple(part.job for part in parts),
    )  # fmt: skip
