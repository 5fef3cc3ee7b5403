"""Jobs in the database: read for a change with their census, and written back."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.fairness import Bulk, bulk
from towpath.domain.plan import Plan, plan_from_document
from towpath.domain.states import Cause, Census, JobState, TaskState, Wanted
from towpath.store.tables import jobs, limits, tallies
from towpath.store.tasks import DISCOVERY

TOTALS = ("discovered", "done", "failed", "skipped", "aborted", "not_run", "unknown")
"""The totals of distinct paths of a job; the first is the sum of the others once the job is over."""

COUNTERS = (*TOTALS, "unmatched", "bytes_found", "bytes_done")

TallyKey = tuple[int, int, int, TaskState, Cause]
"""Rule, position, stage, state, cause."""


class JobKind(NamedTuple):
    """What jobs are counted by."""

    workflow: str
    site: str
    state: JobState
    noop: bool
    """It ended SUCCESS and had found nothing."""
    queue: str
    owner: str
    day: int
    """The UTC day of its submission: days since 1970."""
    space: str = ""
    """The deepest space of its site that holds all its inputs; "" = none."""


DAY = 24 * 3600 * 1_000_000
"""Microseconds of a day."""


@dataclass(slots=True)
class Job:
    """A row of `jobs` under change, and its census: `tallies` counts its tasks by rule, position, stage and state."""

    id: int
    workflow: str
    site: str
    queue: str
    owner: str
    priority: int
    plan: Plan
    wanted: Wanted
    hand_back: bool
    state: JobState
    begun: bool
    open_stage: int
    started_at: int | None
    ended_at: int | None
    discovered: int
    """As the database has it."""
    max_tasks: int | None
    """How many of its tasks may run at once, discovery apart; None = any number."""
    limited: bool
    """All jobs of its owner together may only run so many tasks."""
    created_at: int
    beats_waited: int
    """Heartbeats for which it has waited, cancelled, for what nodes still hold of it."""
    space: str
    tallies: dict[TallyKey, int] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    """What is to be added to each counter."""
    kept: tuple[Any, ...] = ()
    """Its `standing` as the database has it."""
    kept_kind: JobKind | None = None
    """Its `kind` as it was counted last."""
    kept_bulk: Bulk = Bulk.LARGE
    """Its `bulk` as its lanes have it."""

    @property
    def standing(self) -> tuple[Any, ...]:
        """What a transaction may change of it beside its counters, in the order of `STANDING`."""
        return (
            self.wanted, self.hand_back, self.state, self.begun, self.open_stage, self.started_at, self.ended_at
        )  # fmt: skip

    @property
    def kind(self) -> JobKind:
        """What it is counted by."""
        found = self.discovered + self.added.get("discovered", 0)
        noop = self.state is JobState.SUCCESS and not found
        day = self.created_at // DAY
        return JobKind(self.workflow, self.site, self.state, noop, self.queue, self.owner, day, self.space)

    def add(self, counter: str, amount: int) -> None:
        """Add to one of `COUNTERS`."""
        self.added[counter] = self.added.get(counter, 0) + amount

    def census(self) -> Census:
        """How the job's tasks stand."""
        counts: dict[TaskState, int] = {}
        by_wish = running = 0
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
                    running += number if state is TaskState.STARTED else 0
        return Census(counts, by_wish, self.begun, discovery_open, lowest, running)

    def bulk(self, census: Census) -> Bulk:
        """How large it is, as far as is known."""
        return bulk(self.discovered + self.added.get("discovered", 0), census.discovery_open)


STANDING = ("wanted", "hand_back", "state", "begun", "open_stage", "started_at", "ended_at")

_COLUMNS = (
    jobs.c.id,
    jobs.c.workflow,
    jobs.c.site,
    jobs.c.queue,
    jobs.c.owner,
    jobs.c.priority,
    sa.cast(jobs.c.plan, sa.Text).label("plan"),
    jobs.c.wanted,
    jobs.c.hand_back,
    jobs.c.state,
    jobs.c.begun,
    jobs.c.open_stage,
    jobs.c.started_at,
    jobs.c.ended_at,
    jobs.c.discovered,
    jobs.c.max_tasks,
    sa.exists().where(limits.c.owner == jobs.c.owner).label("limited"),
    jobs.c.created_at,
    jobs.c.beats_waited,
    jobs.c.space,
)


_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_LOOK = sa.select(*_COLUMNS).where(jobs.c.id.in_(_IDS)).order_by(jobs.c.id)
_LOAD = _LOOK.with_for_update(of=jobs, key_share=True)
_LOAD_TALLIES = sa.select(
    tallies.c.job_id, tallies.c.rule, tallies.c.position, tallies.c.stage, tallies.c.state, tallies.c.cause,
    tallies.c.tasks,
).where(tallies.c.job_id.in_(_IDS))  # fmt: skip
_THIS = jobs.c.id == sa.bindparam("row_id")
_STAND = sa.update(jobs).where(_THIS).values({name: sa.bindparam(name) for name in STANDING})
_ADD = sa.update(jobs).where(_THIS).values({name: jobs.c[name] + sa.bindparam(name) for name in COUNTERS})
_STATES = {str(state): state for state in TaskState}
_CAUSES = {str(cause): cause for cause in Cause}


@lru_cache(maxsize=512)
def _plan(document: str) -> Plan:
    """A plan from its JSON: it never changes, and reading it anew for each report would cost more than the report."""
    return plan_from_document(json.loads(document))


def load(conn: Connection, job_ids: Collection[int]) -> dict[int, Job]:
    """The jobs of these ids with their tallies, locked in ascending order; an id that is none is left out."""
    return _read(conn, job_ids, _LOAD)


def look(conn: Connection, job_ids: Collection[int]) -> dict[int, Job]:
    """The same as they stand, not locked: a moment later they may be otherwise."""
    return _read(conn, job_ids, _LOOK)


def over(conn: Connection, job_ids: Collection[int]) -> list[int]:
    """Those of the jobs that have ended, or are not there any more."""
    asked = set(job_ids)
    if not asked:
        return []
    query = sa.select(jobs.c.id).where(jobs.c.id.in_(asked), jobs.c.ended_at.is_(None))
    return sorted(asked.difference(conn.scalars(query)))


def _read(conn: Connection, job_ids: Collection[int], query: sa.Select[Any]) -> dict[int, Job]:
    wanted = sorted(set(job_ids))
    if not wanted:
        return {}
    found: dict[int, Job] = {}
    for row in conn.execute(query, {"ids": wanted}).all():
        values: Any = row
        job = Job(*values)
        job.plan = _plan(row.plan)
        job.wanted, job.state = Wanted(job.wanted), JobState(job.state)
        job.kept, job.kept_kind = job.standing, job.kind
        found[job.id] = job
    for job_id, rule, position, stage, state, cause, number in conn.execute(
        _LOAD_TALLIES, {"ids": wanted}
    ).all():
        found[job_id].tallies[rule, position, stage, _STATES[state], _CAUSES[cause]] = number
    for job in found.values():
        job.kept_bulk = job.bulk(job.census())
    return found


def update(conn: Connection, job: Job) -> None:
    """Write a job's derived state, and add to its counters; nothing where neither has changed."""
    this = {"row_id": job.id}
    if job.standing != job.kept:
        conn.execute(_STAND, this | dict(zip(STANDING, job.standing, strict=True)))
    if any(job.added.values()):
        conn.execute(_ADD, this | dict.fromkeys(COUNTERS, 0) | job.added)
