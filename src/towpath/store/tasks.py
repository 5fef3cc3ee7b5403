"""Tasks in the database: read for a change, moved only as the table of moves allows, written many at a time."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.patience import LONGEST_WAIT, SECOND
from towpath.domain.states import (
    CAUSE_OF,
    PENDING,
    SPENDS_ATTEMPT,
    TERMINAL,
    Cause,
    Phase,
    TaskEvent,
    TaskState,
    move,
    stage,
)
from towpath.store.many import insert_many, update_many
from towpath.store.tables import IS_PARKED, IS_PENDING, IS_READY, IS_STARTED, SEQUENCES, ids, tasks

READY, WAITS_FOR_CHAIN, PARKED = 0, 1, 2
"""Values of `blocked`: a parked task waits until its `not_before`, and holds no slot meanwhile."""
HUB = "hub"
"""The function of discovery tasks that the hub does itself: no node is ever granted one."""

DISCOVERY = -1
"""The position of a discovery task: before its job's chains."""
FINISH_STAGE = stage(Phase.FINISH)
"""The first stage of the last phase."""

CHUNK = 500

LARGEST_ID = 2**63 - 1
"""The largest number that a row can have."""


class GuardBroken(RuntimeError):
    """A task was not in the state in which it had just been read: a bug in the locking."""


@dataclass(frozen=True, slots=True)
class Parking:
    """Until when a task is put off (microseconds since 1970), and for what: a class of error, or `LOST`."""

    until: int
    kind: str
    why: str


LOST = "lost"
"""What a task is parked for that is kept apart from others, since it lost its worker together with them."""


@dataclass(slots=True)
class Task:
    """A row of `tasks`, changed in memory by the ledger and written back at its end."""

    id: int
    job_id: int
    chain_id: int
    batch_id: int | None
    rule: int
    position: int
    step: str
    stage: int
    site: str
    queue: str
    function: str
    state: TaskState
    blocked: int
    created_at: int
    cause: Cause = Cause.NONE
    attempts: int = 0
    run: bytes | None = None
    node_id: int | None = None
    incarnation: bytes | None = None
    claim: int | None = None
    not_before: int | None = None
    mask: bytes | None = None
    carry: bytes | None = None
    codes: bytes | None = None
    lost_run: bytes | None = None
    split_of: int | None = None
    error: str | None = None
    paths: int = 0
    processed: int = 0
    failed: int = 0
    skipped: int = 0
    aborted: int = 0
    unknown: int = 0
    not_run: int = 0
    bytes: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    tries: int = 0
    parked: str = ""
    parked_why: str | None = None
    parked_at: int | None = None

    @property
    def is_ready(self) -> bool:
        """It may be granted as soon as its stage is open."""
        return self.state is PENDING and self.blocked == READY

    def park(self, parking: "Parking", now: int) -> None:
        """Wait until a time; where it was put off for the same before, it has been so since then."""
        self.blocked, self.not_before = PARKED, parking.until
        if self.parked != parking.kind:
            self.parked_at = now
        self.parked, self.parked_why = parking.kind, parking.why

    @property
    def is_over(self) -> bool:
        """It is in a state that nothing leaves."""
        return self.state in TERMINAL

    @property
    def is_discovery(self) -> bool:
        """It finds the job's paths."""
        return self.position == DISCOVERY

    @property
    def is_finish(self) -> bool:
        """It is of the last phase: it runs once for the job, and its path counts in none of the job's totals."""
        return self.stage >= FINISH_STAGE

    def apply(self, event: TaskEvent, now: int) -> None:
        """Move as the table says; raises `IllegalMove`. Paths of a task that did not run are accounted for here."""
        self.state = move(self.state, event)
        self.cause = CAUSE_OF.get(event, Cause.NONE)
        if event in SPENDS_ATTEMPT:
            self.attempts += 1
        if self.state is PENDING:
            self.run = self.node_id = self.incarnation = self.claim = None
        elif self.state is TaskState.STARTED:
            self.started_at = self.started_at or now
        else:
            self.ended_at = now
        if self.state is TaskState.FAILURE:
            self.unknown = self.paths
        elif self.state in (TaskState.CANCELLED, TaskState.SKIPPED):
            self.not_run = self.paths


COLUMNS = tuple(f.name for f in fields(Task))
FIXED = frozenset(
    {"id", "job_id", "chain_id", "batch_id", "rule", "position", "step", "stage", "site", "queue", "function"}
    | {"created_at", "split_of"}
)
HOLDING = ("state", "cause", "attempts", "run", "node_id", "incarnation", "claim", "started_at")
"""What a move changes that only gives a task to a node, or takes it away."""
ENDING = (
    "state", "cause", "error", "codes", "processed", "failed", "skipped", "aborted", "unknown", "not_run", "bytes",
    "ended_at",
)  # fmt: skip
"""What a move changes that ends a task."""
CHANGING = tuple(name for name in COLUMNS if name not in FIXED)
"""All that may change of a task."""
ONLY_BY_MOVES = frozenset({"cause", "codes", *HOLDING, *ENDING}) - {"state", "attempts", "error"}
"""What a task that has not moved yet cannot have: a new one need not write it."""

# Statements are made once: making one costs more than running it. Rows are locked but for their keys: whoever adds
# a row that refers to one need not wait.
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_SELECT = sa.select(*(tasks.c[name] for name in COLUMNS))
_LOAD = _SELECT.where(tasks.c.id.in_(_IDS)).order_by(tasks.c.id).with_for_update(key_share=True)
_LOAD_CHAINS = (
    _SELECT.where(tasks.c.chain_id.in_(_IDS))
    .order_by(tasks.c.chain_id, tasks.c.position)
    .with_for_update(key_share=True)
)
LANE = ("job_id", "site", "queue", "function", "stage")
_LOAD_READY = (
    _SELECT.where(*(tasks.c[name] == sa.bindparam(f"lane_{name}") for name in LANE))
    .where(IS_READY)
    .order_by(tasks.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True, key_share=True)
)
_HELD = _SELECT.where(tasks.c.node_id == sa.bindparam("of_node"), IS_STARTED).order_by(tasks.c.id)
_NEW = tuple(name for name in COLUMNS if name not in ONLY_BY_MOVES)
_NEXT_IDS = (
    sa.update(ids)
    .where(ids.c.name == sa.bindparam("kind"))
    .values(last=ids.c.last + sa.bindparam("count"))
    .returning(ids.c.last)
)
_NUMBERS = 0x746F7770
"""The lock under which numbers are taken from a sequence; for this statement only, not until the commit."""
_NEXT_OF_SEQUENCE = sa.text(
    "WITH mine AS MATERIALIZED (SELECT pg_advisory_lock(:lock)), taken AS MATERIALIZED ("
    "SELECT setval(CAST(:sequence AS regclass), nextval(CAST(:sequence AS regclass)) + :count - 1) AS last"
    " FROM mine) SELECT last, pg_advisory_unlock(:lock) FROM taken"
)

_STATES = {str(state): state for state in TaskState}
_CAUSES = {str(cause): cause for cause in Cause}


def _task(row: Any) -> Task:
    found = Task(*row)
    found.state = _STATES[found.state]
    found.cause = _CAUSES[found.cause]
    return found


def load(conn: Connection, task_ids: Collection[int]) -> list[Task]:
    """The tasks of these ids, locked, in order of id."""
    found: list[Task] = []
    wanted = sorted(task_ids)
    for start in range(0, len(wanted), CHUNK):
        part = wanted[start : start + CHUNK]
        found += [_task(row) for row in conn.execute(_LOAD, {"ids": part}).all()]
    return found


_HELD_OF_JOB = (
    # All running tasks are looked through, which are few: not all tasks of the job, which may be millions, nor, for the
    # sake of their order, all that there are.
    _SELECT.where(tasks.c.job_id + 0 == sa.bindparam("of_job", type_=sa.BigInteger), IS_STARTED).order_by(
        tasks.c.id + 0
    )
)


def find_where(conn: Connection, *conditions: sa.ColumnElement[bool], limit: int | None = None) -> list[Task]:
    """The tasks that meet the conditions as they stand, in order of id.

    They are not locked, for their jobs must be before them: what is to be changed is loaded through the ledger, and
    looked at again.
    """
    query = _SELECT.where(*conditions).order_by(tasks.c.id).limit(limit)
    return [_task(row) for row in conn.execute(query).all()]


def held_by(conn: Connection, node_id: int) -> list[Task]:
    """The tasks that a node has, as they stand, in order of id; not locked."""
    return [_task(row) for row in conn.execute(_HELD, {"of_node": node_id}).all()]


def load_held(conn: Connection, job_id: int) -> list[Task]:
    """The running tasks of a job, which is locked: they can go nowhere. In order of id."""
    return [_task(row) for row in conn.execute(_HELD_OF_JOB, {"of_job": job_id}).all()]


def load_ready(conn: Connection, lane: Any, most: int) -> list[Task]:
    """The first tasks of a lane that may be granted, locked; those that another transaction has locked are left out."""
    place = {f"lane_{name}": getattr(lane, name) for name in LANE}
    return [_task(row) for row in conn.execute(_LOAD_READY, place | {"most": most}).all()]


def load_after(conn: Connection, chain_ids: Collection[int]) -> dict[int, list[Task]]:
    """The tasks of these chains by chain, in order of position, locked."""
    chains: dict[int, list[Task]] = {}
    wanted = sorted(chain_ids)
    for start in range(0, len(wanted), CHUNK):
        part = wanted[start : start + CHUNK]
        for row in conn.execute(_LOAD_CHAINS, {"ids": part}).all():
            task = _task(row)
            chains.setdefault(task.chain_id, []).append(task)
    return chains


def insert(conn: Connection, new: Sequence[Task]) -> None:
    """Write new tasks."""
    unmoved = [task for task in new if task.state is PENDING]
    moved = [task for task in new if task.state is not PENDING]
    for names, written in ((_NEW, unmoved), (COLUMNS, moved)):
        if written:
            values = attrgetter(*names)
            insert_many(conn, tasks, names, [values(task) for task in written])


def update(
    conn: Connection, changed: Iterable[tuple[Task, TaskState]], names: tuple[str, ...] = CHANGING
) -> None:
    """Write changed tasks, each guarded by the state it was read in; raises `GuardBroken`.

    `names` are the columns written: `CHANGING`, or `HOLDING` or `ENDING` where nothing else has changed.
    """
    values = attrgetter(*names, "id")
    rows = [(*values(task), was) for task, was in changed]
    if not rows:
        return
    written = update_many(conn, tasks, names, ("id", "state"), rows)
    if written not in (len(rows), -1):
        raise GuardBroken(f"expected {len(rows)} tasks in the states they were read in, found {written}")


def next_ids(conn: Connection, kind: str, count: int) -> int:
    """Take `count` numbers of a kind (`tasks`, `batches`, `turns`): the first of them; the rest follow on.

    Some may be skipped: those of a transaction that was rolled back.
    """
    if conn.dialect.name == "postgresql":
        asked = {"lock": _NUMBERS, "sequence": SEQUENCES[kind].name, "count": count}
        taken = conn.execute(_NEXT_OF_SEQUENCE, asked).scalar_one()
    else:
        taken = conn.execute(_NEXT_IDS, {"kind": kind, "count": count}).scalar_one()
    return int(taken) - count + 1


_DUE = (
    sa.select(tasks.c.id, tasks.c.job_id)
    .where(
        IS_PARKED,
        (tasks.c.not_before <= sa.bindparam("now"))
        | (tasks.c.not_before > sa.bindparam("now") + LONGEST_WAIT * SECOND),
    )
    .order_by(tasks.c.not_before)
    .limit(sa.bindparam("most"))
)
_ANY_PARKED = sa.select(tasks.c.id).where(IS_PARKED).limit(1)
_UNPARK = (
    sa.update(tasks)
    .where(tasks.c.id.in_(_IDS), IS_PARKED)
    .values(blocked=READY, not_before=None)
    .returning(*(tasks.c[name] for name in LANE))
)


def parked_until(conn: Connection, now: int, most: int) -> list[tuple[int, int]]:
    """Parked tasks whose time has come, the longest due first, each with its job; not locked.

    So has the time of those that would wait for longer than anything does: they were parked by a clock that was
    ahead, and has been set back since.
    """
    return [(row.id, row.job_id) for row in conn.execute(_DUE, {"now": now, "most": most})]


def is_any_parked(conn: Connection) -> bool:
    """Whether any task is parked."""
    return conn.execute(_ANY_PARKED).first() is not None


def unpark(conn: Connection, task_ids: Collection[int]) -> list[tuple[int, str, str, str, int]]:
    """Let those of the tasks that are still parked be granted: the lane of each. Lock their jobs before."""
    return [tuple(row) for row in conn.execute(_UNPARK, {"ids": list(task_ids)})]


@dataclass(frozen=True, slots=True)
class Swept:
    """Tasks of one kind that `cancel_some` cancelled at once."""

    rule: int
    position: int
    stage: int
    site: str
    queue: str
    function: str
    blocked: int
    tasks: int
    paths: int


def cancel_some(conn: Connection, job_id: int, now: int, limit: int) -> list[Swept]:
    """Cancel, by wish, up to `limit` of a job's pending tasks in one statement, and say how many of each kind.

    The same move as `Task.apply(TaskEvent.CANCEL)`, done in SQL because a job may have millions of them.
    """
    to = move(PENDING, TaskEvent.CANCEL)
    pending = sa.and_(tasks.c.job_id == job_id, IS_PENDING)
    kinds = ("rule", "position", "stage", "site", "queue", "function", "blocked")
    columns = (tasks.c[name] for name in ("id", "paths", *kinds))
    chunk = sa.select(*columns).where(pending).order_by(tasks.c.id).limit(limit).subquery()
    of_kind = [chunk.c[name] for name in kinds]
    counted = (sa.func.count(), sa.func.sum(chunk.c.paths), sa.func.max(chunk.c.id))
    swept = conn.execute(sa.select(*of_kind, *counted).group_by(*of_kind)).all()
    if not swept:
        return []
    mine = sa.and_(pending, tasks.c.id <= max(row[9] for row in swept))
    conn.execute(
        sa.update(tasks)
        .where(mine)
        .values(state=to, cause=CAUSE_OF[TaskEvent.CANCEL], not_run=tasks.c.paths, ended_at=now)
    )
    return [Swept(*row[:7], int(row[7]), int(row[8])) for row in swept]
