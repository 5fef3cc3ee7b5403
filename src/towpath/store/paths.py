"""What became of each path of a job: read task by task, so that memory stays flat at any number of paths."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.paths import OUTCOME_OF, Code, Outcome
from towpath.domain.states import TaskState
from towpath.store import batches
from towpath.store.tables import notes, tasks
from towpath.wire import Batch, unpack

PENDING = "pending"
"""What is shown for a path whose task is not over."""

NOTED = frozenset({Outcome.FAILED, Outcome.SKIPPED, Outcome.ABORTED})
"""Outcomes that each have a row in `notes`: tasks without one need not be looked at."""

CHUNK = 50
_NOTES = sa.select(notes).where(notes.c.task_id == sa.bindparam("of_task"))
WITHOUT_CODES: Mapping[str, str] = {
    TaskState.FAILURE: Outcome.UNKNOWN,
    TaskState.CANCELLED: Outcome.NOT_RUN,
    TaskState.SKIPPED: Outcome.NOT_RUN,
}


@dataclass(frozen=True, slots=True)
class PathView:
    """What became of one path in one task."""

    task: int
    index: int
    """The path's place in the task's batch: (task, index) is a cursor of `iterate_paths`."""
    rule: int
    position: int
    step: str
    site: str
    root: str
    path: bytes
    """Relative to the root."""
    outcome: str
    """processed, failed, skipped, aborted, unknown, not_run; or pending while its task is open."""
    already: bool
    error_class: str | None
    reason: str | None


def iterate_paths(
    conn: Connection,
    job_id: int,
    outcome: str | None,
    step: str | None,
    after: tuple[int, int] = (0, -1),
    task: int | None = None,
) -> Iterator[PathView]:
    """Every path of every task of a job with its outcome, behind (task id, index), streamed in flat memory.

    A path appears once for each step that it reached. `outcome`, `step` and `task` narrow it; what failed, was
    skipped or aborted is found by an index, not searched.
    """
    task_id, index = after
    while members := _next_tasks(conn, job_id, (outcome, step, task), task_id, including=index >= 0):
        packed = batches.packed(conn, [member.batch_id for member in members if member.batch_id is not None])
        for member in members:
            skip_to = index + 1 if member.id == after[0] else 0
            yield from _paths_of(conn, member, packed, outcome, skip_to)
        task_id, index = members[-1].id, -1


def _next_tasks(
    conn: Connection,
    job_id: int,
    wanted: tuple[str | None, str | None, int | None],
    after: int,
    including: bool,
) -> Sequence[Any]:
    t = tasks.c
    outcome, step, task = wanted
    noted = (t.failed + t.skipped + t.aborted).label("noted")
    query = sa.select(t.id, t.batch_id, t.rule, t.position, t.step, t.site, t.state, t.mask, t.codes, noted)
    query = query.where(t.job_id == job_id, t.id >= after if including else t.id > after)
    if step is not None:
        query = query.where(t.step == step)
    if task is not None:
        query = query.where(t.id == task)
    if outcome in NOTED:
        with_it = sa.select(notes.c.task_id).where(notes.c.job_id == job_id, notes.c.outcome == outcome)
        query = query.where(t.id.in_(with_it))
    elif outcome == Outcome.PROCESSED:
        query = query.where(t.processed > 0)
    elif outcome == Outcome.UNKNOWN:
        query = query.where(t.unknown > 0)
    elif outcome == Outcome.NOT_RUN:
        query = query.where(t.not_run > 0)
    return conn.execute(query.where(sa.or_(t.paths > 0, t.failed > 0)).order_by(t.id).limit(CHUNK)).all()


def _paths_of(
    conn: Connection, task: Any, packed: Mapping[int, bytes], outcome: str | None, start: int
) -> Iterator[PathView]:
    why = _notes_of(conn, task.id) if task.noted else {}
    if task.batch_id is None:
        yield from _places_of(task, why, outcome, start)
        return
    batch = unpack(packed[task.batch_id], Batch)
    count = len(batch.paths)
    mask = batches.unpack_bytes(task.mask, count)
    codes = batches.unpack_bytes(task.codes, count) if task.codes else None
    open_or_lost = WITHOUT_CODES.get(task.state, PENDING)
    for index in range(start, count):
        if not mask[index]:
            continue
        code = Code(codes[index]) if codes else Code.NONE
        became = str(OUTCOME_OF.get(code, open_or_lost))
        if outcome is None or outcome == became:
            yield _view(task, index, batch.root, batch.paths[index], became, code, why.get(index))


def _places_of(task: Any, why: Mapping[int, Any], outcome: str | None, start: int) -> Iterator[PathView]:
    """What a discovery could not look at."""
    for index, note in sorted(why.items()):
        if index >= start and outcome in (None, note.outcome):
            yield _view(task, index, note.root, note.path, note.outcome, Code.FAILED, note)


def _notes_of(conn: Connection, task_id: int) -> dict[int, Any]:
    return {row[1]: row for row in conn.execute(_NOTES, {"of_task": task_id})}


def _view(
    task: Any, index: int, root: str, path: bytes, became: str, code: Code, note: Any | None
) -> PathView:
    return PathView(
        task=task.id,
        index=index,
        rule=task.rule,
        position=task.position,
        step=task.step,
        site=task.site,
        root=root,
        path=path,
        outcome=became,
        already=code is Code.ALREADY,
        error_class=note.error_class if note else None,
        reason=note.reason if note else None,
    )
