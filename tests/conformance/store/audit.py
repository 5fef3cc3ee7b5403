"""The audit: everything that the database says of a job, counted anew from its tasks, batches and notes."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.fairness import bulk, is_small
from towpath.domain.paths import OUTCOME_OF, Code
from towpath.domain.plan import Plan, plan_from_document
from towpath.domain.states import (
    DISCOVERY_STAGE,
    JOB_OVER,
    PENDING,
    STARTED,
    TERMINAL,
    Cause,
    Census,
    JobState,
    TaskState,
    Wanted,
    job_state,
    settle,
)
from towpath.store import batches, tables
from towpath.store.counters import PATH_COUNTS
from towpath.store.jobs import COUNTERS, DAY, TOTALS
from towpath.store.tasks import DISCOVERY, FINISH_STAGE, PARKED, READY, WAITS_FOR_CHAIN
from towpath.store.throughput import COUNTS

OVER = frozenset(str(state) for state in TERMINAL)
WITH_OUTCOMES = (TaskState.SUCCESS, TaskState.ERROR)


@dataclass
class Books:
    """All that is kept of one job."""

    job: Any
    plan: Plan
    tasks: list[Any]
    tallies: list[Any]
    path_tallies: list[Any]
    lanes: list[Any]
    notes: list[Any]
    walks: dict[int, Any]
    sizes: dict[int, int]

    @cached_property
    def split_off(self) -> dict[int, list[Any]]:
        """The first tasks of the chains that were split off, by the task that they were split off from."""
        found: dict[int, list[Any]] = defaultdict(list)
        for task in self.tasks:
            if task.split_of and task.id == task.chain_id:
                found[task.split_of].append(task)
        return found

    def with_split_off(self, task: Any) -> list[Any]:
        """A task, and all that was split off from it."""
        parts = [task]
        for part in parts:
            parts += self.split_off.get(part.id, ())
        return parts


@cache
def _all_of(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table)


_OF_JOBS = sa.select(tables.events).where(tables.events.c.kind.like("job.%")).order_by(tables.events.c.id)
_NEWEST = sa.select(sa.func.max(tables.event_cursors.c.number))
_KEPT = sa.select(sa.func.count(tables.events.c.number))
_STATES = sa.select(tables.jobs.c.id, tables.jobs.c.state)
_SIZES = sa.select(tables.batches.c.id, tables.batches.c.count)


def audit(conn: Connection) -> None:
    """Raise AssertionError where anything that was kept differs from what is counted anew."""
    _audit_job_counts(conn)
    _audit_events(conn)
    for books in _read(conn):
        name = f"job {books.job.id}"
        _audit_numbers(books, name)
        _audit_census(books, name)
        _audit_lanes(books, name)
        _audit_chains(books, name)
        _audit_walks(books, name)
        _audit_paths(books, name)


def audit_throughput(conn: Connection) -> None:
    """What is counted by the minute is what jobs have in all, where none of either was taken away."""
    for name, counter in COUNTS.items():
        kept, counted = (
            conn.scalar(sa.select(sa.func.coalesce(sa.func.sum(column), 0)))
            for column in (tables.throughput.c[name], tables.jobs.c[counter])
        )
        assert kept == counted, f"{name}: {kept} by the minute, {counted} in jobs"


def _audit_events(conn: Connection) -> None:
    """Of each job the newest event tells the state that it has, and its end was told once if it has ended; unless its
    events are not kept any more: the oldest go first."""
    told: dict[int, list[Any]] = defaultdict(list)
    for row in conn.execute(_OF_JOBS):
        told[row.job].append(row)
    newest = conn.execute(_NEWEST).scalar_one()
    kept = conn.execute(_KEPT).scalar_one()
    forgotten = newest > kept
    for job in conn.execute(_STATES):
        states = [json.loads(row.details)["state"] for row in told[job.id]]
        if not states and forgotten:
            continue
        assert states[-1:] == [job.state], f"job {job.id}: its newest event"
        assert sum(state in JOB_OVER for state in states) == (job.state in JOB_OVER), f"job {job.id}: its end"


def _audit_job_counts(conn: Connection) -> None:
    jobs = conn.execute(_all_of(tables.jobs)).all()
    kinds = ((j, j.state == JobState.SUCCESS and j.discovered == 0) for j in jobs)
    counted = Counter(
        (j.workflow, j.site, j.state, noop, j.queue, j.owner, j.created_at // DAY, j.space)
        for j, noop in kinds
    )
    kept = {tuple(row)[:-1]: row.jobs for row in conn.execute(_all_of(tables.job_counts))}
    assert {kind: number for kind, number in kept.items() if number} == counted, "jobs of each kind"


def _read(conn: Connection) -> list[Books]:
    def by_job(table: sa.Table) -> dict[int, list[Any]]:
        grouped: dict[int, list[Any]] = defaultdict(list)
        for row in conn.execute(_all_of(table)):
            grouped[row.job_id].append(row)
        return grouped

    tasks, tallies, path_tallies, lanes, notes = (
        by_job(table)
        for table in (tables.tasks, tables.tallies, tables.path_tallies, tables.lanes, tables.notes)
    )
    walks = {row.task_id: row for row in conn.execute(_all_of(tables.walks))}
    sizes = {row[0]: row[1] for row in conn.execute(_SIZES)}
    found = conn.execute(_all_of(tables.jobs)).all()
    return [
        Books(
            job,
            plan_from_document(job.plan),
            tasks[job.id],
            tallies[job.id],
            path_tallies[job.id],
            lanes[job.id],
            notes[job.id],
            walks,
            sizes,
        )
        for job in found
    ]


def _audit_numbers(books: Books, name: str) -> None:
    """No counter is negative, and none has become anything but a whole number."""
    for counter in COUNTERS:
        value = getattr(books.job, counter)
        assert isinstance(value, int), f"{name}: {counter} is {value!r}"
        assert value >= 0, f"{name}: {counter} is {value}"


def _audit_census(books: Books, name: str) -> None:
    job, tasks = books.job, books.tasks
    counted = Counter((t.rule, t.position, t.stage, t.state, t.cause) for t in tasks)
    kept = {(r.rule, r.position, r.stage, r.state, r.cause): r.tasks for r in books.tallies if r.tasks}
    assert kept == dict(counted), f"{name}: tallies"
    census = _census(books)
    assert job.state == job_state(Wanted(job.wanted), census), f"{name}: state"
    due = settle(Wanted(job.wanted), census, books.plan.first_phase, job.max_tasks)
    assert job.open_stage == due.open_stage, f"{name}: open stage"
    assert (job.ended_at is not None) == census.over, f"{name}: end"
    assert job.begun or not any(t.started_at for t in tasks if t.position != DISCOVERY), f"{name}: begun"
    assert job.begun == (job.started_at is not None), f"{name}: start"


def _census(books: Books) -> Census:
    """How the job's tasks stand, by their rows alone."""
    opened = [t for t in books.tasks if t.state not in OVER]
    stages = [t.stage for t in opened if t.position != DISCOVERY]
    return Census(
        counts=Counter(TaskState(t.state) for t in books.tasks),
        cancelled_by_wish=sum(t.cause == Cause.WISH for t in books.tasks),
        begun=books.job.begun,
        discovery_open=any(t.position == DISCOVERY for t in opened),
        lowest_open_stage=min(stages, default=None),
        running=sum(t.state == STARTED and t.position != DISCOVERY for t in opened),
    )


def _audit_lanes(books: Books, name: str) -> None:
    ready = Counter(
        (t.site, t.queue, t.function, t.stage)
        for t in books.tasks
        if t.state == PENDING and t.blocked == READY
    )
    kept = {(row.site, row.queue, row.function, row.stage): row.ready for row in books.lanes if row.ready}
    assert kept == dict(ready), f"{name}: lanes"
    for row in books.lanes:
        assert row.open == (row.stage <= books.job.open_stage), f"{name}: lane of stage {row.stage}"
        assert row.priority == books.job.priority, f"{name}: lane's priority"
        assert row.owner == books.job.owner, f"{name}: lane's owner"
        size = bulk(books.job.discovered, _census(books).discovery_open)
        assert row.small == is_small(size, row.stage == DISCOVERY_STAGE), f"{name}: lane of a small job"
    if books.job.wanted != Wanted.RUN:
        assert not any(row.open for row in books.lanes), f"{name}: open though not wanted"


def _audit_chains(books: Books, name: str) -> None:
    """Chains are whole, held by whom they say, and nothing that was due for one has been overlooked."""
    chains: dict[int, list[Any]] = defaultdict(list)
    for task in sorted(books.tasks, key=lambda t: t.position):
        chains[task.chain_id].append(task)
        held = [task.run is None, task.node_id is None, task.incarnation is None, task.claim is None]
        assert task.state != PENDING or all(held), f"task {task.id}: pending, and held"
        assert task.state != STARTED or not any(held), f"task {task.id}: started, and nobody's"
        assert (task.ended_at is not None) == (task.state in OVER), f"task {task.id}: end"
        waits = task.state == PENDING and task.blocked == PARKED
        assert not waits or (task.parked and task.parked_why and task.not_before), f"task {task.id}: parked"
    for members in chains.values():
        first = members[0]
        assert first.id == first.chain_id, f"{name}: a chain without its first task"
        if first.position == DISCOVERY:
            assert len(members) == 1
            continue
        length = len(books.plan.branches[first.rule].chain)
        assert [m.position for m in members] == list(range(first.position, length)), f"{name}: chain"
        assert [m.stage for m in members] == sorted(m.stage for m in members), f"{name}: stages fall"
        for before, task in pairwise(members):
            _audit_succession(books, before, task)


def _audit_succession(books: Books, before: Any, task: Any) -> None:
    """What the task before processed is in this task, or was split off from it; it waits only while that is open."""
    size = books.sizes[task.batch_id]
    if before.state not in OVER:
        assert not task.paths, f"task {task.id}: paths before its time"
        assert task.state in OVER or task.blocked, f"task {task.id}: released before its time"
        return
    assert task.state in OVER or task.blocked != WAITS_FOR_CHAIN, f"task {task.id}: overlooked"
    parts = books.with_split_off(task)
    assert sum(part.paths for part in parts) == before.processed, f"task {task.id}: paths"
    if before.processed:
        handed_on = batches.processed_mask(batches.unpack_bytes(before.codes, size))
        held = (int.from_bytes(batches.unpack_bytes(p.mask, size)) for p in parts if p.paths)
        assert sum(held) == int.from_bytes(handed_on), f"task {task.id}: other paths"


def _audit_walks(books: Books, name: str) -> None:
    for task in books.tasks:
        if task.position == DISCOVERY:
            noted = sum(note.task_id == task.id for note in books.notes)
            assert books.walks[task.id].problems == noted == task.failed, f"{name}: problems of a walk"
            assert (task.paths, task.not_run, task.unknown) == (0, 0, 0), f"{name}: a walk with paths"


def _audit_paths(books: Books, name: str) -> None:
    """Each path stands once at each step it reached, with one outcome; all sums follow from that."""
    reasons = {(row.task_id, row[1]): row.outcome for row in books.notes}
    noted = Counter(task for task, _ in reasons)
    totals: Counter[str] = Counter()
    steps: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    seen: set[tuple[int, int, int, int]] = set()
    for task in books.tasks:
        step = steps[task.rule, task.position]
        if task.position == DISCOVERY:
            step.update({"reached": task.failed, "failed": task.failed})
            totals["failed"] += task.failed
            continue
        outcomes = _outcomes(books, task, reasons, seen)
        assert noted[task.id] == sum(outcomes[o] for o in ("failed", "skipped", "aborted")), f"task {task.id}"
        step.update({"reached": task.paths, "bytes": task.bytes, **outcomes})
        if task.stage >= FINISH_STAGE:  # Its path is the job's, and counts in no total.
            continue
        is_last = task.position == len(books.plan.branches[task.rule].chain) - 1
        processed = outcomes.pop("processed", 0)
        totals.update(outcomes + Counter({"done": processed if is_last else 0}))
    for counter in TOTALS[1:]:
        assert getattr(books.job, counter) == totals[counter], f"{name}: {counter}"
    rules = len(books.plan.taking)
    entered = len({(batch, rule, index) for batch, rule, _, index in seen if rule < rules})
    problems = sum(task.failed for task in books.tasks if task.position == DISCOVERY)
    assert books.job.discovered == entered + problems, f"{name}: discovered"
    if JobState(books.job.state) in JOB_OVER:
        assert books.job.discovered == totals.total(), f"{name}: discovered is not the sum"
    kept = {(r.rule, r.position): {n: getattr(r, n) for n in PATH_COUNTS} for r in books.path_tallies}
    assert _without_zeros(kept) == _without_zeros(steps), f"{name}: path tallies"


def _without_zeros(cells: dict[tuple[int, int], Any]) -> dict[tuple[int, int], dict[str, int]]:
    plain = {place: {name: n for name, n in cell.items() if n} for place, cell in cells.items()}
    return {place: cell for place, cell in plain.items() if cell}


def _outcomes(
    books: Books,
    task: Any,
    reasons: dict[tuple[int, int], str],
    seen: set[tuple[int, int, int, int]],
) -> "Counter[str]":
    """What became of the paths of one task, which must be its own and nobody else's at that step."""
    if not task.paths:
        assert task.codes is None, f"task {task.id}: outcomes without paths"
        return Counter()
    size = books.sizes[task.batch_id]
    mask = batches.unpack_bytes(task.mask, size)
    assert (len(mask), mask.count(1)) == (size, task.paths), f"task {task.id}: mask"
    for index, mine in enumerate(mask):
        if mine:
            place = (task.batch_id, task.rule, task.position, index)
            assert place not in seen, f"task {task.id}: a path twice at one step"
            seen.add(place)
    counted: Counter[str] = Counter()
    if task.state in WITH_OUTCOMES:
        codes = batches.unpack_bytes(task.codes, size)
        assert batches.done_mask(codes) == mask, f"task {task.id}: outcomes of other paths"
        counted.update(str(OUTCOME_OF[Code(code)]) for code in codes if code)
        for index, code in enumerate(codes):
            expected = str(OUTCOME_OF[Code(code)]) if code > Code.ALREADY else None
            assert reasons.get((task.id, index)) == expected, f"task {task.id}: note of path {index}"
        assert (task.failed > 0) == (task.state == TaskState.ERROR), f"task {task.id}: state"
    elif task.state in OVER:
        counted["unknown" if task.state == TaskState.FAILURE else "not_run"] = task.paths
    kept = {name: getattr(task, name) for name in PATH_COUNTS[1:-1]}
    assert {name: n for name, n in kept.items() if n} == dict(counted), f"task {task.id}: counts"
    return counted
