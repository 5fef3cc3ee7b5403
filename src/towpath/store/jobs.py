"""Jobs in the database: read for a change with their census, and written back."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.plan import Plan, plan_from_document
from towpath.domain.states import Cause, Census, JobState, TaskState, Wanted
from towpath.store.tables import jobs, tallies
from towpath.store.tasks import DISCOVERY

TOTALS = ("discovered", "done", "failed", "skipped", "aborted", "not_run", "unknown")
"""The totals of distinct paths of a job; the first is the sum of the others once the job is over."""

COUNTERS = (*TOTALS, "unmatched", "bytes_found", "bytes_done")

TallyKey = tuple[int, int, int, TaskState, Cause]
"""Rule, position, stage, state, cause."""


@dataclass(slots=True)
class Job:
    """A row of `jobs` under change, and its census: `tallies` counts its tasks by rule, position, stage and state."""

    id: int
    site: str
    queue: str
    priority: int
    plan: Plan
    wanted: Wanted
    hand_back: bool
    state: JobState
    begun: bool
    open_stage: int
    started_at: int | None
    ended_at: int | None
    tallies: dict[TallyKey, int] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    """What is to be added to each counter."""
    kept: tuple[Any, ...] = ()
    """Its `standing` as the database has it."""

    @property
    def standing(self) -> tuple[Any, ...]:
        """What a transaction may change of it beside its counters, in the order of `STANDING`."""
        return (
            self.wanted, self.hand_back, self.state, self.begun, self.open_stage, self.started_at, self.ended_at
        )  # fmt: skip

    def add(self, counter: str, amount: int) -> None:
        """Add to one of `COUNTERS`."""
        self.added[counter] = self.added.get(counter, 0) + amount

    def census(self) -> Census:
        """How the job's tasks stand."""
        counts: dict[TaskState, int] = {}
        by_wish = 0
        lowest: int | None = None
        discovery_open = False
        for (_, position, stage, state, cause), number in self.tallies.items():
            if number <= 0:
                continue
            counts[state] = counts.get(state, 0) + number
            by_wish += number if cause is Cause.WISH else 0
            if state in (TaskState.PENDING, TaskState.STARTED):
                if position == DISCOVERY:
                    discovery_open = True
                else:
                    lowest = stage if lowest is None else min(lowest, stage)
        return Census(counts, by_wish, self.begun, discovery_open, lowest)


STANDING = ("wanted", "hand_back", "state", "begun", "open_stage", "started_at", "ended_at")

_COLUMNS = (
    jobs.c.id,
    jobs.c.site,
    jobs.c.queue,
    jobs.c.priority,
    sa.cast(jobs.c.plan, sa.Text).label("plan"),
    jobs.c.wanted,
    jobs.c.hand_back,
    jobs.c.state,
    jobs.c.begun,
    jobs.c.open_stage,
    jobs.c.started_at,
    jobs.c.ended_at,
)


@lru_cache(maxsize=512)
def _plan(document: str) -> Plan:
    """A plan from its JSON: it never changes, and reading it anew for each report would cost more than the report."""
    return plan_from_document(json.loads(document))


def load(conn: Connection, job_ids: Collection[int]) -> dict[int, Job]:
    """The jobs of these ids with their tallies, locked in ascending order; an id that is none is left out."""
    wanted = sorted(set(job_ids))
    if not wanted:
        return {}
    query = sa.select(*_COLUMNS).where(jobs.c.id.in_(wanted)).order_by(jobs.c.id).with_for_update()
    found: dict[int, Job] = {}
    for row in conn.execute(query):
        values: Any = row
        job = Job(*values)
        job.plan = _plan(row.plan)
        job.wanted, job.state = Wanted(job.wanted), JobState(job.state)
        job.kept = job.standing
        found[job.id] = job
    for row in conn.execute(sa.select(tallies).where(tallies.c.job_id.in_(list(found)))):
        key = (row.rule, row.position, row.stage, TaskState(row.state), Cause(row.cause))
        found[row.job_id].tallies[key] = row.tasks
    return found


def update(conn: Connection, job: Job) -> None:
    """Write a job's derived state, and add to its counters; nothing where neither has changed."""
    values: dict[str, Any] = {}
    if job.standing != job.kept:
        values |= dict(zip(STANDING, job.standing, strict=True))
    values |= {name: jobs.c[name] + amount for name, amount in job.added.items() if amount}
    if values:
        conn.execute(sa.update(jobs).where(jobs.c.id == job.id).values(values))
