"""What befell one path: the tasks that had it, newest first, searched for in the batches at a bounded cost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.paths import OUTCOME_OF, Code, Outcome, is_beneath
from towpath.store import batches
from towpath.store.paths import PENDING, WITHOUT_CODES
from towpath.store.tables import job_inputs, jobs, lanes, nodes, notes, tasks
from towpath.store.tasks import DISCOVERY
from towpath.wire import Batch, Input, may_hold, unpack

JOBS_AT_ONCE = 100
TASKS_AT_ONCE = 50
MOST_JOBS = 2_000
MOST_TASKS = 2_000
"""Of one search: behind so many it stops, and says where it can go on. A task has a thousand paths at most usually."""

Row = Any


@dataclass(frozen=True, slots=True)
class Sought:
    """The path, at a site, relative to one of its roots; and which jobs may have touched it: None = any.

    `since` and `until` bound when the job was submitted (microseconds since 1970).
    """

    site: str
    root: str
    path: bytes
    job: int | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """What one task did with the path."""

    job: int
    workflow: str
    task: int
    step: str
    position: int
    node: str | None
    """The node that had the task last."""
    outcome: str
    """As in `store.paths.PathView`."""
    already: bool
    error_class: str | None
    reason: str | None
    created_at: int
    started_at: int | None
    ended_at: int | None


Place = tuple[int, int]
"""Where a search stands: behind (job, task), both going down."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found; `behind` is where it goes on, None at the end of all that is kept.

    `reached` is when the last job that was looked at was submitted: what is newer has been searched.
    """

    touches: list[Touch]
    behind: Place | None
    reached: int | None


class _Spent(Exception):
    """The search has cost what one may: it goes on behind a place."""

    def __init__(self, behind: Place) -> None:
        super().__init__()
        self.behind = behind


class Search:
    """One search, of bounded cost: however many paths are kept, it looks at so many jobs and tasks."""

    def __init__(self, conn: Connection, sought: Sought) -> None:
        self._conn = conn
        self._sought = sought
        self._jobs = self._tasks = 0
        self._reached: int | None = None
        self._held: dict[int, tuple[int, int] | None] = {}
        """Of a batch that was looked at: the path's place in it and how many paths it has."""

    def run(self, behind: Place | None, limit: int) -> Found:
        """At most so many touches behind a place, newest first."""
        touches: list[Touch] = []
        try:
            for touch in self._touches(behind):
                touches.append(touch)
                if len(touches) == limit:
                    return Found(touches, (touch.job, touch.task), self._reached)
        except _Spent as spent:
            return Found(touches, spent.behind, self._reached)
        return Found(touches, None, self._reached)

    def _touches(self, behind: Place | None) -> Iterator[Touch]:
        for job in self._candidates(behind):
            self._reached = job.created_at
            start = behind[1] if behind is not None and job.id == behind[0] else None
            if self._may_touch(job):
                yield from self._of_job(job, start)

    # Jobs -----------------------------------------------------------------------------------------------------

    def _candidates(self, behind: Place | None) -> Iterator[Row]:
        """Jobs that had tasks at the site, newest first."""
        s = self._sought
        there = sa.select(lanes.c.job_id).where(lanes.c.site == s.site)
        query = (
            sa.select(jobs.c.id, jobs.c.workflow, jobs.c.created_at, job_inputs.c.inputs)
            .outerjoin(job_inputs, job_inputs.c.job_id == jobs.c.id)
            .where(sa.not_(jobs.c.pruned), sa.or_(jobs.c.site == s.site, jobs.c.id.in_(there)))
            .order_by(jobs.c.id.desc())
            .limit(JOBS_AT_ONCE)
        )
        if s.job is not None:
            query = query.where(jobs.c.id == s.job)
        if s.since is not None:
            query = query.where(jobs.c.created_at >= s.since)
        if s.until is not None:
            query = query.where(jobs.c.created_at < s.until)
        last = None if behind is None else behind[0] + 1
        while True:
            rows = self._conn.execute(query if last is None else query.where(jobs.c.id < last)).all()
            for row in rows:
                yield row
                last = row.id
                self._jobs += 1
                if self._jobs >= MOST_JOBS:
                    raise _Spent((row.id, 0))
            if len(rows) < JOBS_AT_ONCE:
                return

    def _may_touch(self, job: Row) -> bool:
        """Whether the path lies beneath something that the job was asked to work on: else no task of it has it."""
        if job.inputs is None:
            return True
        s = self._sought
        given = unpack(job.inputs, list[Input])
        return not given or any(one.root == s.root and is_beneath(s.path, one.path) for one in given)

    # Tasks ----------------------------------------------------------------------------------------------------

    def _of_job(self, job: Row, behind: int | None) -> Iterator[Touch]:
        t = tasks.c
        query = (
            sa.select(
                t.id, t.batch_id, t.step, t.position, t.state, t.mask, t.codes, t.created_at, t.started_at,
                t.ended_at, nodes.c.name.label("node"),
            )
            .outerjoin(nodes, nodes.c.id == t.node_id)
            .where(t.job_id == job.id, t.site == self._sought.site)
            .where(sa.or_(t.batch_id.is_not(None), sa.and_(t.position == DISCOVERY, t.failed > 0)))
            .order_by(t.id.desc())
            .limit(TASKS_AT_ONCE)
        )  # fmt: skip
        while behind is None or behind > 0:
            rows = self._conn.execute(query if behind is None else query.where(t.id < behind)).all()
            packed = self._unseen(rows)
            for row in rows:
                touch = self._touch(job, row, packed)
                behind = row.id
                self._tasks += 1
                if touch is not None:
                    yield touch
                if self._tasks >= MOST_TASKS:
                    raise _Spent((job.id, row.id))
            if len(rows) < TASKS_AT_ONCE:
                return

    def _unseen(self, rows: Sequence[Row]) -> Mapping[int, bytes]:
        """The batches of some tasks that were not looked at for the tasks before: those of a chain share theirs."""
        wanted = {row.batch_id for row in rows if row.batch_id is not None}
        self._held = {number: place for number, place in self._held.items() if number in wanted}
        return batches.packed(self._conn, wanted - self._held.keys())

    def _touch(self, job: Row, row: Row, packed: Mapping[int, bytes]) -> Touch | None:
        if row.batch_id is None:
            return self._overlooked(job, row)
        if row.batch_id not in self._held:
            self._held[row.batch_id] = self._place(packed.get(row.batch_id, b""))
        place = self._held[row.batch_id]
        if place is None:
            return None
        index, count = place
        if not batches.unpack_bytes(row.mask, count)[index]:
            return None
        code = Code(batches.unpack_bytes(row.codes, count)[index]) if row.codes else Code.NONE
        became = str(OUTCOME_OF.get(code, WITHOUT_CODES.get(row.state, PENDING)))
        noted = became in (Outcome.FAILED, Outcome.SKIPPED, Outcome.ABORTED)
        note = self._note(notes.c.task_id == row.id, notes.c.index == index) if noted else None
        return _view(job, row, became, code, note)

    def _place(self, packed: bytes) -> tuple[int, int] | None:
        """Where the path stands in a batch, and how many there are; None where it does not."""
        s = self._sought
        if not packed or not may_hold(packed, s.path):
            return None
        batch = unpack(packed, Batch)
        if batch.root != s.root or s.path not in batch.paths:
            return None
        return batch.paths.index(s.path), len(batch.paths)

    def _overlooked(self, job: Row, row: Row) -> Touch | None:
        """Of a discovery: whether it could not look at the path."""
        s = self._sought
        note = self._note(notes.c.task_id == row.id, notes.c.path == s.path, notes.c.root == s.root)
        return None if note is None else _view(job, row, note.outcome, Code.FAILED, note)

    def _note(self, *tests: sa.ColumnElement[bool]) -> Row | None:
        return self._conn.execute(sa.select(notes).where(*tests).limit(1)).first()


def _view(job: Row, row: Row, became: str, code: Code, note: Row | None) -> Touch:
    return Touch(
        job=job.id,
        workflow=job.workflow,
        task=row.id,
        step=row.step,
        position=row.position,
        node=row.node,
        outcome=became,
        already=code is Code.ALREADY,
        error_class=note.error_class if note else None,
        reason=note.reason if note else None,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
