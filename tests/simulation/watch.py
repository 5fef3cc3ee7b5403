"""The watch: what must hold after each commit and at each effect, and the whole audit at the end of a history."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.conformance.store.audit import audit
from tests.simulation.bus import Letter
from tests.simulation.files import TELL, Effect, Ground
from tests.simulation.truth import connection, raw

from towpath import wire
from towpath.domain.paths import Code
from towpath.domain.states import (
    JOB_OVER,
    STARTED,
    TERMINAL,
    Cause,
    Census,
    TaskState,
    Wanted,
    job_state,
)
from towpath.store import batches
from towpath.store.tasks import DISCOVERY, FINISH_STAGE
from towpath.worker.link import Verb

OVER = frozenset(str(state) for state in TERMINAL)
STATES = {str(state): state for state in TaskState}

TASKS = (
    "SELECT id, job_id, position, stage, state, cause, run, started_at, paths, attempts, node_id"
    " FROM tasks ORDER BY id"
)
KEPT = (
    "SELECT 1 FROM tasks t JOIN nodes n ON n.id = t.node_id WHERE t.id = ? AND (n.drain_at IS NOT NULL OR EXISTS"
    " (SELECT 1 FROM holds h WHERE h.ended_at IS NULL AND h.site = t.site AND h.queue IN ('', t.queue)))"
)
STANDING = (
    "SELECT site, queue FROM holds WHERE ended_at IS NULL"
    " UNION ALL SELECT site, name FROM nodes WHERE drain_at IS NOT NULL"
)
OPEN = f"SELECT id, wanted, state FROM jobs WHERE state NOT IN {tuple(map(str, JOB_OVER))} ORDER BY id"
JOBS = "SELECT id, wanted, state, begun, open_stage FROM jobs"


class Wrong(AssertionError):
    """A law was broken: which, and where."""


class TaskRow(NamedTuple):
    """What is watched of a task."""

    id: int
    job: int
    position: int
    stage: int
    state: str
    cause: str
    run: bytes | None
    started_at: int | None
    paths: int
    attempts: int
    node: int | None


@dataclass
class Watch:
    """Looks at the truth after each commit, and at each effect for good."""

    ground: Ground
    was_harmed: Callable[[int, bool], bool]
    """Whether anything was ever done to the node of that id which may cost an attempt, or to any node of its site."""
    seen: dict[int, TaskRow] = field(default_factory=dict)
    wishes: dict[int, str] = field(default_factory=dict)
    """What was wanted of each job at the last look."""
    stood: dict[int, tuple[Any, list[Any]]] = field(default_factory=dict)
    """Each job and its tasks at the last look, as they were read."""
    standing: list[Any] = field(default_factory=list)
    looks: int = 0
    _changes: int = 0
    _read: tuple[list[Any], list[Any]] = ([], [])
    """All jobs and tasks, as they were read last."""

    def look(self, calls: int) -> None:
        """After a commit of so many calls: of several, a task may have come to another node and been lost there."""
        database = raw()
        changes = database.total_changes
        if changes - self._changes <= 1:
            self._changes = changes
            return
        self._changes = changes
        self.looks += 1
        read = database.execute(JOBS).fetchall(), database.execute(TASKS).fetchall()
        # Where nothing of a job has changed, what holds is what held at the last look.
        if self._read != read:
            self._check_jobs(*read, calls)
            self._read = read
        self.standing = self._standing()

    def _check_jobs(self, jobs: list[Any], tasks: list[Any], calls: int) -> None:
        by_job: dict[int, list[Any]] = defaultdict(list)
        for row in tasks:
            by_job[row[1]].append(row)
        for job in jobs:
            stands = (job, by_job[job[0]])
            if self.stood.get(job[0]) != stands:
                self._check_job(*stands, calls)
                self.stood[job[0]] = stands

    def _check_job(self, stands: Any, tasks: list[Any], calls: int) -> None:
        job, wanted, state, begun, open_stage = stands
        rows = [TaskRow(*row) for row in tasks]
        self._check_state(job, Wanted(wanted), state, rows, begun=bool(begun))
        for row in rows:
            before = self.seen.get(row.id)
            if before != row:
                self._check_move(row, before, wanted, open_stage, rows)
                self._check_attempts(row, before, calls)
                self.seen[row.id] = row
        self.wishes[job] = wanted

    def _check_state(self, job: int, wanted: Wanted, state: str, rows: list[TaskRow], *, begun: bool) -> None:
        opened = [row for row in rows if row.state not in OVER]
        census = Census(
            Counter(STATES[row.state] for row in rows),
            sum(row.cause == Cause.WISH for row in rows),
            begun,
            any(row.position == DISCOVERY for row in opened),
            min((row.stage for row in opened if row.position != DISCOVERY), default=None),
        )
        derived = job_state(wanted, census)
        if state != derived:
            raise Wrong(f"job {job} is shown {state}, and is {derived}")

    def _check_move(
        self, row: TaskRow, before: TaskRow | None, wanted: str, open_stage: int, rows: list[TaskRow]
    ) -> None:
        if before is not None and before.state in OVER and row.paths == before.paths:
            raise Wrong(f"task {row.id} left {before.state} for {row.state}")
        granted = row.state == STARTED and (before is None or before.run != row.run)
        if not granted:
            return
        if self._is_new_wish(row.job, wanted):
            return
        if wanted != Wanted.RUN:
            raise Wrong(f"task {row.id} was granted while its job is wanted {wanted}")
        if row.stage > open_stage:
            raise Wrong(f"task {row.id} of stage {row.stage} was granted while {open_stage} is open")
        if row.position != DISCOVERY:
            self._check_order(row, rows)
        if raw().execute(KEPT, (row.id,)).fetchone() is not None:
            raise Wrong(f"task {row.id} was granted while its site, its queue or its node is kept from work")

    def _check_attempts(self, row: TaskRow, before: TaskRow | None, calls: int) -> None:
        if before is None or before.node is None or row.attempts <= before.attempts:
            return
        if not self.was_harmed(before.node, calls > 1):
            raise Wrong(f"task {row.id} spent an attempt, though nothing happened to its node")

    def _is_new_wish(self, job: int, wanted: str) -> bool:
        """Whether people wished something in this very commit: what was granted in it may have been so before."""
        return self.wishes.get(job, Wanted.RUN) != wanted or self.standing != self._standing()

    @staticmethod
    def _standing() -> list[Any]:
        """What people wish of places and nodes."""
        return raw().execute(STANDING).fetchall()

    @staticmethod
    def _check_order(row: TaskRow, rows: list[TaskRow]) -> None:
        """Nothing is granted before what must come before it."""
        others = [other for other in rows if other.state not in OVER and other.id != row.id]
        if any(other.position != DISCOVERY and other.stage < row.stage for other in others):
            raise Wrong(f"task {row.id} of stage {row.stage} was granted before its time")

    # Effects --------------------------------------------------------------------------------------------------

    def witness(self, effect: Effect) -> None:
        """At an effect for good: the run that does it holds its task at this moment, and what tells how a job ended has
        nothing left to wait for."""
        held = raw().execute("SELECT state, job_id FROM tasks WHERE run = ?", (effect.run,)).fetchone()
        if held is None or held[0] != STARTED:
            raise Wrong(f"{effect.step} of {effect.path!r} by a run that holds no task")
        if effect.step == TELL.name:
            rows = raw().execute(
                "SELECT state FROM tasks WHERE job_id = ? AND stage < ?", (held[1], FINISH_STAGE)
            )
            if opened := [state for (state,) in rows if state not in OVER]:
                raise Wrong(f"job {held[1]} told how it ended, and has tasks that are {opened[0]}")

    def promise(self, letter: Letter, answer: bytes | Exception) -> None:
        """When an answer comes to a node: what the hub says it has kept, it has kept."""
        if letter.verb != Verb.REPORT or isinstance(answer, Exception):
            return
        promised = wire.unpack(answer, wire.Applied).up_to
        life = wire.unpack(letter.packed, wire.Report).incarnation
        kept = raw().execute("SELECT max(applied) FROM streams WHERE incarnation = ?", (life,)).fetchone()[0]
        if (kept or 0) < promised:
            raise Wrong(f"{letter.node} was promised that events up to {promised} are kept: {kept or 0} are")

    # The end --------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """The whole audit."""
        with connection().begin():
            audit(connection())
        self._check_effects()
        self._check_found_once()
        self._check_retries()

    def _check_effects(self) -> None:
        """What is recorded as processed was done, by the run that is recorded."""
        done = {(effect.run, effect.path) for effect in self.ground.effects}
        query = (
            "SELECT t.id, t.run, t.codes, b.paths FROM tasks t JOIN batches b ON b.id = t.batch_id"
            " WHERE t.codes IS NOT NULL"
        )
        for task, run, codes, packed in raw().execute(query):
            paths = wire.unpack(packed, wire.Batch).paths
            for path, code in zip(paths, batches.unpack_bytes(codes, len(paths)), strict=True):
                if code == Code.PROCESSED and (run, path) not in done:
                    raise Wrong(f"task {task}: {path!r} is recorded as processed, and was not")

    def _check_retries(self) -> None:
        """A retry takes nothing that was done before."""
        retries = raw().execute(
            "SELECT t.job_id, json_extract(w.options, '$.job') FROM walks w JOIN tasks t ON t.id = w.task_id"
            " WHERE w.discovery = 'retry' AND json_extract(w.options, '$.which') != 'all'"
        )
        for job, source in retries.fetchall():
            again = _places(
                job, lambda row: batches.unpack_bytes(row[3], row[5]) if row[6] else bytes(row[5])
            )
            if done := again & _places(source, _final):
                raise Wrong(f"job {job} tries again what job {source} has done: {sorted(done)[:3]}")

    def check_family(self, family: list[int]) -> None:
        """Each path that any of these jobs had came to a final outcome in one of them, or failed in the last."""
        everything, final, failed = set[Place](), Counter[Place](), set[Place]()
        for job in family:
            everything |= _places(job, _own)
            final.update(_places(job, _final))
            failed = _places(job, _failed)
        if twice := [place for place, number in final.items() if number > 1]:
            raise Wrong(f"jobs {family} have done twice: {sorted(twice)[:3]}")
        if lost := everything - final.keys() - failed:
            raise Wrong(f"jobs {family} have left out: {sorted(lost)[:3]}")

    def _check_found_once(self) -> None:
        """No walk brought a path twice."""
        found: dict[int, Counter[bytes]] = defaultdict(Counter)
        last = "SELECT batch_id FROM tasks WHERE stage >= ? AND batch_id IS NOT NULL"
        query = f"SELECT job_id, paths FROM batches WHERE id NOT IN ({last})"
        for job, packed in raw().execute(query, (FINISH_STAGE,)):
            found[job].update(wire.unpack(packed, wire.Batch).paths)
        for job, paths in found.items():
            if twice := [path for path, number in paths.items() if number > 1]:
                raise Wrong(f"job {job}: found twice: {twice[:3]}")


Place = tuple[int, int, int]
"""Batch, rule and index of a path."""


def _places(job: int, mask_of: Callable[[Any], bytes]) -> set[Place]:
    """The paths that a mask of each task of a job has."""
    rows = raw().execute(
        "SELECT t.batch_id, t.rule, t.position, t.mask, t.codes, b.count, t.paths, t.job_id"
        " FROM tasks t JOIN batches b ON b.id = t.batch_id WHERE t.job_id = ? AND t.stage < ?",
        (job, FINISH_STAGE),
    )
    return {(row[0], row[1], index) for row in rows for index, mine in enumerate(mask_of(row)) if mine}


def _own(row: Any) -> bytes:
    """Which paths a task has."""
    return batches.unpack_bytes(row[3], row[5]) if row[6] else b""


def _failed(row: Any) -> bytes:
    """Which paths of a task failed."""
    return bytes(code == Code.FAILED for code in batches.unpack_bytes(row[4], row[5])) if row[4] else b""


def _final(row: Any) -> bytes:
    """Which paths of a task came to an outcome that leaves nothing to do."""
    (plan,) = raw().execute("SELECT plan FROM jobs WHERE id = ?", (row[7],)).fetchone()
    is_last = row[2] == len(json.loads(plan)["branches"][row[1]]["chain"]) - 1
    final = {Code.SKIPPED, Code.ABORTED} | ({Code.PROCESSED, Code.ALREADY} if is_last else set())
    return bytes(code in final for code in batches.unpack_bytes(row[4], row[5])) if row[4] else b""


def open_jobs() -> list[tuple[int, str, str]]:
    """Jobs that are not over: id, wish, state."""
    return raw().execute(OPEN).fetchall()
