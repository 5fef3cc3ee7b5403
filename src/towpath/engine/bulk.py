"""What people ask of many jobs at once: of all that run a workflow, or that were started at a site or a queue of it."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import NotFound, did_you_mean
from towpath.domain.states import WISHES, Wanted
from towpath.domain.wishes import Wish
from towpath.engine import control, holds, workflows
from towpath.store.database import Tx
from towpath.store.jobs import Job
from towpath.store.ledger import Ledger
from towpath.store.tables import jobs

AT_ONCE = 200
"""Jobs that are asked in one transaction: others get their turn in between."""


@dataclass(frozen=True, slots=True)
class Which:
    """Jobs that are not over: those that run a workflow, or that were started at a site, or on a queue of it."""

    workflow: str = ""
    site: str = ""
    queue: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """How far the asking has come: of how many jobs something was asked, and the last that was looked at; None at
    the end."""

    count: int
    last: int | None


def check(conn: Connection, which: Which) -> int:
    """The newest job there is, at which the asking ends; raises `NotFound` for names that nobody knows."""
    if which.site:
        holds.check_place(conn, which.site, which.queue)
    if which.workflow and not conn.execute(sa.select(jobs.c.id).where(*_open(which)).limit(1)).first():
        known = workflows.names(conn)
        if which.workflow not in known:
            raise NotFound(f"no workflow '{which.workflow}'{did_you_mean(which.workflow, known)}")
    return conn.execute(sa.select(sa.func.max(jobs.c.id))).scalar() or 0


def wish_some(tx: Tx, which: Which, asked: Wish, after: int, through: int) -> Asked:
    """Ask something of those jobs whose ids lie in (`after`, `through`], a chunk of them, in order.

    A job of which it cannot be asked in its state, or which it would not change, is left as it is.
    """
    asked.check(tx.now)
    query = sa.select(jobs.c.id).where(*_open(which), jobs.c.id > after, jobs.c.id <= through)
    found = list(tx.conn.scalars(query.order_by(jobs.c.id).limit(AT_ONCE)))
    with Ledger(tx) as ledger:
        ledger.lock_jobs(found)
        changing = [job for job in ledger.jobs.values() if _changes(job, asked)]
        for job in changing:
            control.ask(ledger, job, asked)
    return Asked(len(changing), found[-1] if len(found) == AT_ONCE else None)


def _open(which: Which) -> list[sa.ColumnElement[bool]]:
    named = ((jobs.c.workflow, which.workflow), (jobs.c.site, which.site), (jobs.c.queue, which.queue))
    return [jobs.c.ended_at.is_(None), *(column == name for column, name in named if name)]


def _changes(job: Job, asked: Wish) -> bool:
    """Whether it can be asked of a job, and is not what was asked of it before."""
    hurries = asked.wanted is Wanted.PAUSE and asked.hand_back and not job.hand_back
    return asked.wanted in WISHES[job.state] and (asked.wanted is not job.wanted or hurries)
