"""What people tell the hub of jobs: start one, wish something of one, retry one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from towpath.domain.confines import check_confined
from towpath.domain.errors import Conflict, Mistake, NotFound, did_you_mean
from towpath.domain.fairness import ANY_TURN, Turn
from towpath.domain.paths import Kind, printable
from towpath.domain.plan import Ground, Plan, plan_document, resolve
from towpath.domain.rights import Forbidden, Place
from towpath.domain.rules import RULE_TYPES, Condition, Rules
from towpath.domain.states import (
    DISCOVERY_STAGE,
    NOTHING_OPEN,
    PENDING,
    WISHES,
    IllegalWish,
    JobState,
    TaskEvent,
    Wanted,
)
from towpath.domain.wishes import Wish, by_the_time_set
from towpath.engine import exclusions, finish, orphans, room, spaces, workflows
from towpath.engine.found import DISCOVERY_RULE, add_batches
from towpath.engine.inputs import Asked, for_walk, place
from towpath.store import job_events, tasks, walks
from towpath.store.counters import add_jobs
from towpath.store.database import Tx
from towpath.store.jobs import DAY, Job, JobKind
from towpath.store.ledger import Ledger
from towpath.store.tables import idempotency, job_inputs, jobs, sites, wishes
from towpath.store.tasks import DISCOVERY, HUB, READY, Task
from towpath.store.walks import WalkRow
from towpath.wire import Batch, Group, Input, pack

BATCH = 1000
BATCH_BYTES = 150 * 1024
PER_PATH = 24
"""Bytes of a packed batch for one path beside its name and its state."""
DUE_AT_ONCE = 200
"""Jobs that go on by themselves in one transaction."""
CALLER = "caller"
"""The hub's own discovery: the caller's paths as they are."""


@dataclass(frozen=True, slots=True)
class Submission:
    """An order to run a workflow over paths of a site.

    `discovery` "workflow" takes the workflow's own; None takes the paths and their states as they are.
    """

    workflow: str
    site: str
    queue: str
    inputs: tuple[Asked, ...]
    fields: Mapping[str, object]
    owner: str
    discovery: str | None = "workflow"
    paths_per_task: int = BATCH
    """How many of the caller's own paths go into a task, where no discovery runs."""
    idempotency_key: str = ""
    body_digest: bytes = b""
    turn: Turn = ANY_TURN
    stop_on_error_rate: float | None = None
    """The job is paused once this share of its newest paths failed; None: as the workflow says."""
    dry: bool = False
    """Each step only foresees what it would do."""
    reach: frozenset[Place] | None = None
    """The spaces in one of which all its paths must lie, and which it must not leave; None: anywhere."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job that an order became; `repeated`: the same order had made it before."""

    job_id: int
    repeated: bool = False


def submit(tx: Tx, order: Submission) -> Submitted:
    """Start a job; the same idempotency key and body of the same owner give the same job again.

    Raises `Conflict` for a key that came with another body.
    """
    if not order.idempotency_key:
        return Submitted(_start(tx, order))
    if (known := _submitted_before(tx, order)) is not None:
        return Submitted(known, repeated=True)
    try:
        with tx.conn.begin_nested():
            return Submitted(_start_once(tx, order))
    except IntegrityError:
        # Another hub has taken the same order in this very moment, and has committed it.
        known = _submitted_before(tx, order)
        if known is None:
            raise
        return Submitted(known, repeated=True)


def _start(tx: Tx, order: Submission) -> int:
    plan, version, inputs = _prepare(tx, order)
    excluded = exclusions.of_inputs(tx.conn, order.site, inputs)
    exclusions.check_plan(plan, excluded)
    space = _space(tx, order, plan, inputs)
    job_id = insert_job(tx, NewJob(plan, version, order.owner, tuple(inputs), turn=order.turn, space=space))
    with Ledger(tx) as ledger:
        ledger.lock_jobs([job_id])
        finish.add(ledger, ledger.jobs[job_id], inputs)
        if plan.discovery is None:
            _take_as_given(ledger, job_id, plan, inputs, order.paths_per_task)
        else:
            walk = WalkRow(0, for_walk(inputs), plan.discovery, plan.options, b"", 0, excluded)
            add_walk(ledger, job_id, plan, walk, "discovery")
    return job_id


def _start_once(tx: Tx, order: Submission) -> int:
    job_id = _start(tx, order)
    row = {"owner": order.owner, "key": order.idempotency_key, "digest": order.body_digest}
    tx.conn.execute(sa.insert(idempotency).values(row | {"job_id": job_id, "created_at": tx.now}))
    return job_id


def _submitted_before(tx: Tx, order: Submission) -> int | None:
    mine = (idempotency.c.owner == order.owner, idempotency.c.key == order.idempotency_key)
    row = tx.conn.execute(sa.select(idempotency.c.job_id, idempotency.c.digest).where(*mine)).first()
    if row is None:
        return None
    if row.digest != order.body_digest:
        raise Conflict(
            f"Idempotency-Key '{order.idempotency_key}': expected the same request as before, found another one;"
            f" the key belongs to job {row.job_id}"
        )
    return int(row.job_id)


_SITES = sa.select(sites.c.name, sites.c.roots)


def _prepare(tx: Tx, order: Submission) -> tuple[Plan, int, list[Input]]:
    known = {row.name: row for row in tx.conn.execute(_SITES)}
    if order.site not in known:
        raise NotFound(f"no site '{order.site}'{did_you_mean(order.site, known)}")
    row = known[order.site]
    definition, version = workflows.current(tx.conn, order.workflow)
    if order.discovery != "workflow":
        definition = replace(definition, discovery=order.discovery)
    if order.stop_on_error_rate is not None:
        definition = replace(definition, stop_on_error_rate=order.stop_on_error_rate)
    inputs = place(order.inputs, order.site, row.roots)
    default = spaces.default_target(tx.conn, order.site, inputs)
    ground = Ground(order.site, list(known), order.queue, default.target, default.why_none)
    catalogue = workflows.catalogue(tx.conn)
    if definition.discovery is not None and definition.discovery not in catalogue.discoveries:
        known_ones = did_you_mean(definition.discovery, catalogue.discoveries)
        raise NotFound(f"no discovery '{definition.discovery}'{known_ones}")
    plan = replace(resolve(definition, order.fields, catalogue, ground), dry=order.dry)
    workflows.check_targets(tx.conn, plan)
    orphans.refuse_undelete(tx.conn, plan)
    room.check_plan(plan)
    return plan, version, inputs


def _space(tx: Tx, order: Submission, plan: Plan, inputs: Sequence[Input]) -> str:
    """The space that the job works in, "" where it is none; raises `Forbidden` where it must work in one."""
    space = spaces.space_of(tx.conn, order.site, inputs)
    if order.reach is None:
        return space
    if (order.site, space) not in order.reach:
        raise Forbidden(
            f"paths: expected all of them in one space of site {order.site} in which a group of {order.owner} may run"
            " jobs, found others"
        )
    check_confined(plan, order.turn)
    return space


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be written."""

    plan: Plan
    version: int
    owner: str
    inputs: tuple[Input, ...]
    retry_of: int | None = None
    turn: Turn = ANY_TURN
    space: str = ""


_KEEP_INPUTS = sa.insert(job_inputs)


def insert_job(tx: Tx, new: NewJob) -> int:
    """Write a job that has no task yet."""
    plan = new.plan
    values = {
        "workflow": plan.workflow,
        "workflow_version": new.version,
        "site": plan.site,
        "queue": plan.queue,
        "owner": new.owner,
        "fields": dict(plan.values),
        "plan": plan_document(plan),
        "retry_of": new.retry_of,
        "priority": new.turn.priority,
        "max_tasks": new.turn.max_tasks,
        "wanted": Wanted.RUN,
        "state": JobState.PENDING,
        "open_stage": NOTHING_OPEN,
        "created_at": tx.now,
        "space": new.space,
    }
    job_id = int(tx.conn.execute(sa.insert(jobs).values(values).returning(jobs.c.id)).scalar_one())
    tx.conn.execute(_KEEP_INPUTS, [{"job_id": job_id, "inputs": pack(list(new.inputs))}])
    day = tx.now // DAY
    kind = JobKind(plan.workflow, plan.site, JobState.PENDING, False, plan.queue, new.owner, day, new.space)
    add_jobs(tx.conn, {kind: 1})
    job_events.submitted(tx, job_id, kind, {"retry_of": new.retry_of} if new.retry_of else {})
    return job_id


def add_walk(ledger: Ledger, job_id: int, plan: Plan, walk: WalkRow, function: str) -> Task:
    """Give a job a discovery task, in the site's default queue or the job's own."""
    task_id = tasks.next_ids(ledger.tx.conn, "tasks", 1)
    task = Task(
        id=task_id,
        job_id=job_id,
        chain_id=task_id,
        batch_id=None,
        rule=DISCOVERY_RULE,
        position=DISCOVERY,
        step=walk.discovery,
        stage=DISCOVERY_STAGE,
        site=plan.site,
        queue=plan.queue,
        function=function,
        state=PENDING,
        blocked=READY,
        created_at=ledger.tx.now,
    )
    ledger.add([task])
    walk.task_id = task_id
    ledger.after(lambda: walks.insert(ledger.tx.conn, walk))
    return task


def _take_as_given(ledger: Ledger, job_id: int, plan: Plan, inputs: Sequence[Input], most: int) -> None:
    """The hub's own discovery: the caller's paths, each to the rule that takes it."""
    walk = WalkRow(0, (), CALLER, {}, b"", 0)
    task = add_walk(ledger, job_id, plan, walk, HUB)
    job = ledger.jobs[job_id]
    rules = Rules(Condition(RULE_TYPES[b.type], b.state, b.include, b.exclude) for b in plan.taking)
    sorted_out: dict[tuple[int, str], list[Input]] = {}
    for given in _once_each(inputs):
        rule = rules.match(Kind.FILE, given.state, given.path)
        if rule is None:
            job.add("unmatched", 1)
        else:
            sorted_out.setdefault((rule, given.root), []).append(given)
    found = [
        _batch(rule, root, part)
        for (rule, root), members in sorted_out.items()
        for part in _parts(members, most)
    ]
    ledger.move(task, TaskEvent.START)
    add_batches(ledger, job, found)
    ledger.move(task, TaskEvent.SUCCEED)


def _once_each(inputs: Sequence[Input]) -> Iterator[Input]:
    """Each path once, however often it was named; raises `Mistake` for one that was given two states."""
    states: dict[tuple[str, bytes], str] = {}
    for given in inputs:
        said = states.setdefault((given.root, given.path), given.state)
        if said != given.state:
            raise Mistake(
                f"paths: expected one state for '{printable(given.path)}', found '{said}' and '{given.state}'"
            )
    return (Input(root, path, state) for (root, path), state in states.items())


def _parts(members: Sequence[Input], most: int) -> Iterator[list[Input]]:
    """Cut into batches of at most `most` paths that fit a message."""
    part: list[Input] = []
    size = 0
    for given in members:
        own = len(given.path) + len(given.state) + PER_PATH
        if part and (len(part) >= most or size + own > BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(given)
        size += own
    if part:
        yield part


def _batch(rule: int, root: str, members: Sequence[Input]) -> tuple[Group, Batch]:
    states = [given.state for given in members]
    batch = Batch(
        root,
        [given.path for given in members],
        bytes([Kind.FILE] * len(members)),
        [0] * len(members),
        states[:1] if len(set(states)) == 1 else states,
    )
    return Group(rule, pack(batch), len(members), 0), batch


def wish(tx: Tx, job_id: int, asked: Wish) -> None:
    """Ask something of a job; a cancel always has its running tasks given back.

    Raises `NotFound`, `Mistake` for an end that has passed, or `IllegalWish` for what the job's state does not allow.
    Pending tasks of a cancelled job are taken from the queue by the upkeep, chunk by chunk.
    """
    asked.check(tx.now)
    with Ledger(tx) as ledger:
        ledger.lock_jobs([job_id])
        job = ledger.jobs.get(job_id)
        if job is None:
            raise NotFound(f"no job {job_id}")
        ask(ledger, job, asked)


_KEEP_WISH = sa.insert(wishes)
_WISH = sa.update(jobs).where(jobs.c.id == sa.bindparam("row_id"))


def ask(ledger: Ledger, job: Job, asked: Wish) -> None:
    """Ask something of a job that is locked; raises `IllegalWish`."""
    wanted, tx = asked.wanted, ledger.tx
    if wanted not in WISHES[job.state]:
        raise IllegalWish(job.id, job.state, wanted)
    pauses = wanted is Wanted.PAUSE
    job.wanted = wanted
    job.hand_back = wanted is Wanted.CANCEL or (pauses and asked.hand_back)
    ledger.wake_all(job)
    until = asked.resume_at if pauses else None
    row = {"job_id": job.id, "wanted": wanted, "by": asked.by, "why": asked.why, "at": tx.now}
    tx.conn.execute(_KEEP_WISH, [row | {"resume_at": until}])
    said = {"wish_by": asked.by, "wish_why": asked.why, "wish_at": tx.now, "resume_at": until}
    tx.conn.execute(_WISH, {"row_id": job.id, **said})


_DUE = (
    sa.select(jobs.c.id, jobs.c.wish_by)
    .where(jobs.c.resume_at <= sa.bindparam("now"), jobs.c.ended_at.is_(None), jobs.c.wanted == Wanted.PAUSE)
    .order_by(jobs.c.id)
    .limit(DUE_AT_ONCE)
    .with_for_update(key_share=True)
)


def resume_due(tx: Tx) -> bool:
    """Resume jobs that were paused until a time which has come; True once there is none left."""
    due = tx.conn.execute(_DUE, {"now": tx.now}).all()
    with Ledger(tx) as ledger:
        ledger.lock_jobs([row.id for row in due])
        for row in due:
            ask(ledger, ledger.jobs[row.id], Wish(Wanted.RUN, by_the_time_set(row.wish_by)))
    return len(due) < DUE_AT_ONCE
