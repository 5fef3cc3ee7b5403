"""What lies in spaces: walks that count it, when somebody asks or the time has come, and what the last one counted."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.catalogue import NOOP
from towpath.domain.errors import Mistake
from towpath.domain.exclusions import Exclusions
from towpath.domain.fairness import Turn
from towpath.domain.plan import DEFAULT_QUEUE, Branch, Call, Plan
from towpath.domain.states import JOB_OVER, JobState, TaskState
from towpath.domain.usage import PRIORITY, USAGE, WORKFLOW, Usage
from towpath.engine import exclusions
from towpath.engine.control import NewJob, add_walk, insert_job
from towpath.engine.inputs import Asked, place, roots_of
from towpath.engine.spaces import Space, get_space, list_spaces
from towpath.store import tasks, walks
from towpath.store.database import Tx
from towpath.store.ledger import Ledger
from towpath.store.tables import jobs, space_usage, spaces
from towpath.store.tables import tasks as task_rows
from towpath.store.tasks import DISCOVERY
from towpath.store.walks import WalkRow

SCHEDULE = "schedule"
"""The owner of jobs that nobody has asked for."""

SECOND = 1_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What is known of a space: times in microseconds since 1970."""

    job: int | None
    """The walk that counts now."""
    failure: str
    """Why the last walk told nothing; "" where it did."""
    began_at: int | None
    ended_at: int | None
    """When the walk began and ended that counted `usage`."""
    usage: Mapping[str, int] | None


NOTHING = Counted(None, "", None, None, None)


@dataclass(frozen=True, slots=True)
class Known:
    """A space, what is known of it, and the space of its site in which it lies, if any, whose count has it too."""

    space: Space
    counted: Counted
    within: str | None


def list_usage(conn: Connection) -> list[Known]:
    """What was last counted in each space, by name and site."""
    rows = {(row.space, row.site): _counted(row) for row in conn.execute(sa.select(space_usage))}
    every = list_spaces(conn)
    outer = _outer(every)
    return [
        Known(one, rows.get((one.name, one.site), NOTHING), outer.get((one.name, one.site))) for one in every
    ]


def _outer(every: Sequence[Space]) -> dict[tuple[str, str], str]:
    """The nearest space around each that is counted with another one: what that leaves out it does not count."""
    found: dict[tuple[str, str], str] = {}
    around: list[Space] = []
    # As if each ended in a slash: so what lies in a directory comes right behind it.
    for one in sorted(every, key=lambda one: (one.site, f"{one.path.rstrip('/')}/")):
        while around and not (around[-1].site == one.site and _lies_in(one, around[-1])):
            around.pop()
        if around:
            found[one.name, one.site] = around[-1].name
        around.append(one)
    return found


def _lies_in(inner: Space, outer: Space) -> bool:
    beneath = f"{inner.path.rstrip('/')}/".startswith(f"{outer.path.rstrip('/')}/")
    return beneath and not Exclusions([outer.leaves_out]).match(os.fsencode(inner.path))


def find_usage(conn: Connection, name: str, site: str) -> Counted:
    """What was last counted in a space; raises `NotFound` for a space that is none."""
    get_space(conn, name, site)
    row = conn.execute(sa.select(space_usage).where(*_this(name, site))).first()
    return NOTHING if row is None else _counted(row)


def _counted(row: Any) -> Counted:
    usage = None if row.counted is None else json.loads(row.counted)
    return Counted(row.job, row.failure, row.began_at, row.ended_at, usage)


def measure(tx: Tx, name: str, site: str, by: str) -> int:
    """Have what lies in a space counted; the job that does so, which may be under way already.

    Raises `NotFound` for a space that is none, `Mistake` where it is left out itself or lies beneath no root any more.
    """
    space = get_space(tx.conn, name, site)
    row = tx.conn.execute(sa.select(space_usage.c.job).where(*_this(name, site))).first()
    if row is not None and row.job is not None:
        return int(row.job)
    job_id = _start(tx, space, by)
    tx.due = True
    values = {"job": job_id, "asked_at": tx.now}
    if row is None:
        tx.conn.execute(sa.insert(space_usage).values(values | {"space": name, "site": site}))
    else:
        tx.conn.execute(sa.update(space_usage).where(*_this(name, site)).values(values))
    return job_id


_COUNTING = sa.select(space_usage.c.space).where(space_usage.c.job.is_not(None)).limit(1)


def is_counting(conn: Connection) -> bool:
    """Whether a walk counts now, or has counted what was not taken over yet."""
    return conn.execute(_COUNTING).first() is not None


def _due() -> sa.Select[tuple[str, str]]:
    """Spaces whose time to be counted has come `now`."""
    u, s = space_usage.c, spaces.c
    known = spaces.outerjoin(space_usage, sa.and_(u.space == s.name, u.site == s.site))
    every = sa.cast(s.usage_every, sa.BigInteger) * SECOND
    due = sa.or_(u.asked_at.is_(None), u.asked_at + every <= sa.bindparam("now", type_=sa.BigInteger))
    query = sa.select(s.name, s.site).select_from(known)
    return query.where(s.usage_every.is_not(None), u.job.is_(None), due).order_by(s.name, s.site)


_WAITING = sa.select(space_usage).where(space_usage.c.job.is_not(None))
_DUE = _due()


def look(tx: Tx) -> None:
    """Take over what walks have counted that are over, and begin those whose time has come."""
    for row in tx.conn.execute(_WAITING).all():
        _take_over(tx, row)
    for row in tx.conn.execute(_DUE, {"now": tx.now}).all():
        try:
            measure(tx, row.name, row.site, SCHEDULE)
        except Mistake as error:
            _fail(tx, row.name, row.site, str(error))


def _this(name: str, site: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (space_usage.c.space == name, space_usage.c.site == site)


def _start(tx: Tx, space: Space, by: str) -> int:
    """A walk of the space, behind whatever people have started."""
    inputs = tuple(place([Asked(os.fsencode(space.path))], space.site, roots_of(tx.conn, space.site)))
    excluded = exclusions.of_inputs(tx.conn, space.site, inputs)
    # A plan has a chain, though this discovery finds no path that would go down one.
    call = Call(NOOP.name, {}, space.site, DEFAULT_QUEUE, "", NOOP.phase)
    branch = Branch("all", "all", (), (), (call,))
    plan = Plan(WORKFLOW, USAGE, {}, space.site, DEFAULT_QUEUE, {}, (branch,))
    job_id = insert_job(tx, NewJob(plan, 1, by, inputs, turn=Turn(PRIORITY), space=space.name))
    with Ledger(tx) as ledger:
        ledger.lock_jobs([job_id])
        add_walk(ledger, job_id, plan, WalkRow(0, inputs, USAGE, {}, b"", 0, excluded), "discovery")
    return job_id


def _take_over(tx: Tx, row: Any) -> None:
    """Keep what a walk has counted, where it is over; one that did not come to its end has counted nothing."""
    query = sa.select(jobs.c.state, jobs.c.created_at, jobs.c.started_at, jobs.c.ended_at)
    job = tx.conn.execute(query.where(jobs.c.id == row.job)).first()
    if job is not None and JobState(job.state) not in JOB_OVER:
        return
    t = task_rows.c
    found = tasks.find_where(tx.conn, t.job_id == row.job, t.position == DISCOVERY)
    if job is None or not found:
        _fail(tx, row.space, row.site, f"job {row.job}, which counted it, is not there any more")
        return
    if found[0].state not in (TaskState.SUCCESS, TaskState.ERROR):
        _fail(tx, row.space, row.site, f"job {row.job} is {job.state}: {found[0].error or 'it did not end'}")
        return
    try:
        usage, _ = Usage.unpack(walks.load(tx.conn, found[0].id).cursor)
    except Mistake as error:
        _fail(tx, row.space, row.site, f"job {row.job}: {error}")
        return
    values = {"job": None, "failure": "", "counted": json.dumps(usage.document)}
    times = {"began_at": found[0].started_at or job.created_at, "ended_at": job.ended_at}
    tx.conn.execute(sa.update(space_usage).where(*_this(row.space, row.site)).values({**values, **times}))


def _fail(tx: Tx, name: str, site: str, why: str) -> None:
    """Nothing new is known, and why; what was counted before stays, with its time."""
    values = {"job": None, "failure": why, "asked_at": tx.now}
    changed = tx.conn.execute(sa.update(space_usage).where(*_this(name, site)).values(values)).rowcount
    if not changed:
        tx.conn.execute(sa.insert(space_usage).values({"space": name, "site": site, **values}))
