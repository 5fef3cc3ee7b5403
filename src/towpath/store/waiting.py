"""What is known of why jobs and tasks wait: read for a whole page in a fixed number of statements."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain import waiting
from towpath.domain.nodes import Heard, node_state
from towpath.domain.plan import Plan, plan_from_document
from towpath.domain.slots import effective
from towpath.domain.states import PENDING, STARTED, JobState, TaskState, Wanted, stage
from towpath.domain.waiting import (
    FAR,
    Asked,
    JobFacts,
    Limit,
    Line,
    NodeFacts,
    Parked,
    Place,
    Reason,
    TaskFacts,
    Waiting,
)
from towpath.domain.wishes import paused
from towpath.store import holds
from towpath.store.running import RUNNING
from towpath.store.tables import IS_DUE, IS_READY, IS_STARTED, jobs, lanes, limits, nodes, tallies, tasks
from towpath.store.tasks import DISCOVERY, HUB, LANE, PARKED, READY, WAITS_FOR_CHAIN

MOST_LANES = 5000
"""Lanes of all jobs that are looked at to say how many tasks are before another."""

Row = Any
"""A row of a table."""


# The places where things wait ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Places:
    """What is known of some sites: their nodes and what these hold, their holds, and who is in line there."""

    nodes: Mapping[str, Sequence[Row]]
    held: Mapping[tuple[int, Place], Mapping[int, int]]
    """(node, place) → job → tasks."""
    holds: Mapping[str, Sequence[holds.Hold]]
    due: Mapping[Place, Sequence[Row]]
    """The lanes at a place that may be served, in their order."""

    @classmethod
    def read(cls, conn: Connection, sites: Collection[str]) -> "Places":
        """Those of some sites, in four statements."""
        members, standing = defaultdict(list), defaultdict(list)
        of_sites = sa.select(nodes).where(nodes.c.site.in_(sites), nodes.c.removed_at.is_(None))
        for row in conn.execute(of_sites.order_by(nodes.c.name)):
            members[row.site].append(row)
        for hold in holds.list_standing(conn, sites):
            standing[hold.site].append(hold)
        return cls(members, _held(conn, sites), standing, _due(conn, sites))

    def line(self, lane: Row, own_before: int = 0) -> Line:
        """What is known of a lane's place, for a task that so many of its own lane are before."""
        place = _place(lane)
        members = [self._node(row, place) for row in self.nodes.get(place.site, ())]
        others = self.due.get(place, ())
        if lane.small and waiting.only_kept_free(members):
            others = [other for other in others if other.small]
        before = own_before + _before(lane, others, own_before)
        return Line(place, members, self._hold(place), before, lane.small)

    def _node(self, row: Row, place: Place) -> NodeFacts:
        slots = effective(row.queues, row.slots or {}).get(place.queue, {}).get(place.function, 0)
        drains = row.drain_at is not None or row.draining
        # What a node holds decides only between draining and drained, which makes no difference to who waits.
        heard = Heard(row.incarnation is not None, row.silent, row.lost, drains, held=0)
        return NodeFacts(row.name, node_state(heard), slots, row.heard_at, self.held.get((row.id, place), {}))

    def _hold(self, place: Place) -> waiting.Hold | None:
        found = next((hold for hold in self.holds.get(place.site, ()) if hold.keeps(place.queue)), None)
        if found is None:
            return None
        return waiting.Hold(paused(found.place, found.by, found.why, found.until), found.at)


def _before(lane: Row, others: Sequence[Row], own_before: int) -> int:
    """Tasks of other lanes that go before one of this: all of a higher priority, and of the same one in each turn."""
    before = 0
    for other in others:
        if other.priority > lane.priority:
            before += other.ready
        elif other.priority == lane.priority and (other.job_id, other.stage) != (lane.job_id, lane.stage):
            earlier = (other.turn, other.job_id) < (lane.turn, lane.job_id)
            before += min(other.ready, own_before + int(earlier))
    return before


def _place(lane: Row) -> Place:
    return Place(lane.site, lane.queue, lane.function)


def _held(conn: Connection, sites: Collection[str]) -> dict[tuple[int, Place], dict[int, int]]:
    t = tasks.c
    key = (t.node_id, t.site, t.queue, t.function, t.job_id)
    theirs = sa.select(nodes.c.id).where(nodes.c.site.in_(sites))
    query = sa.select(*key, sa.func.count()).where(IS_STARTED, t.node_id.in_(theirs)).group_by(*key)
    found: dict[tuple[int, Place], dict[int, int]] = defaultdict(dict)
    for node_id, site, queue, function, job_id, count in conn.execute(query):
        found[node_id, Place(site, queue, function)][job_id] = count
    return found


def _due(conn: Connection, sites: Collection[str]) -> dict[Place, list[Row]]:
    query = (
        sa.select(lanes)
        .where(lanes.c.site.in_(sites), IS_DUE)
        .order_by(lanes.c.priority.desc(), lanes.c.turn, lanes.c.job_id, lanes.c.stage)
        .limit(MOST_LANES)
    )
    found: dict[Place, list[Row]] = defaultdict(list)
    for lane in conn.execute(query):
        found[_place(lane)].append(lane)
    return found


# Jobs ---------------------------------------------------------------------------------------------------------


def explain_jobs(conn: Connection, rows: Iterable[Row]) -> dict[int, Waiting | None]:
    """Why each of these jobs waits; None where something of it runs, or it is over. At most nine statements."""
    opened = [row for row in rows if row.ended_at is None]
    if not opened:
        return {}
    facts = job_facts(conn, opened)
    still = [number for number, job in facts.items() if not (job.asked or job.running or job.walking)]
    lines, by_hub = _first_lines(conn, still)
    stuck = [number for number in still if number not in lines and number not in by_hub]
    put_off = _first_parked(conn, stuck)
    return {
        number: waiting.why_job(job, lines.get(number), number in by_hub, put_off.get(number))
        for number, job in facts.items()
    }


def job_facts(conn: Connection, rows: Sequence[Row]) -> dict[int, JobFacts]:
    """What is known of jobs that are not over, in three statements."""
    left: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    running: dict[int, int] = defaultdict(int)
    walks: dict[int, set[str]] = defaultdict(set)
    open_ones = sa.select(tallies).where(
        tallies.c.job_id.in_([row.id for row in rows]),
        tallies.c.state.in_((PENDING, STARTED)),
        tallies.c.tasks > 0,
    )
    for tally in conn.execute(open_ones):
        if tally.position == DISCOVERY:
            walks[tally.job_id].add(tally.state)
        else:
            left[tally.job_id][tally.stage] += tally.tasks
            running[tally.job_id] += tally.tasks if tally.state == STARTED else 0
    owners = _limits(conn, {row.owner for row in rows})
    holders = _holders(conn, [row.id for row in rows if row.wanted != Wanted.RUN])
    return {
        row.id: JobFacts(
            id=row.id,
            asked=_asked(row, holders[row.id]),
            discovering=bool(walks[row.id]),
            left=left[row.id],
            running=running[row.id],
            walking=TaskState.STARTED in walks[row.id],
            max_tasks=row.max_tasks,
            limit=owners.get(row.owner),
        )
        for row in rows
    }


def _limits(conn: Connection, owners: Collection[str]) -> dict[str, Limit]:
    query = sa.select(limits.c.owner, limits.c.max_tasks, RUNNING).where(limits.c.owner.in_(owners))
    return {row[0]: Limit(*row) for row in conn.execute(query)}


def _holders(conn: Connection, job_ids: Collection[int]) -> dict[int, list[str]]:
    """The nodes that hold running tasks of each job."""
    found: dict[int, list[str]] = defaultdict(list)
    if job_ids:
        # All running tasks are looked through, which are few: not all tasks of the jobs, which may be millions.
        of_jobs = (tasks.c.job_id + 0).in_(job_ids)
        held = sa.select(tasks.c.job_id, nodes.c.site, nodes.c.name).distinct()
        joined = held.join_from(tasks, nodes, nodes.c.id == tasks.c.node_id)
        query = joined.where(IS_STARTED, of_jobs).order_by(nodes.c.site, nodes.c.name)
        for job_id, site, name in conn.execute(query):
            found[job_id].append(f"node {name} of site {site}")
    return found


def _asked(row: Row, holders: Sequence[str]) -> Asked | None:
    if row.wanted == Wanted.PAUSE:
        text = paused("", row.wish_by, row.wish_why, row.resume_at)
        return Asked(Reason.PAUSED, text + _still(row, holders), row.wish_at)
    if row.wanted == Wanted.CANCEL:
        why = f": {row.wish_why}" if row.wish_why else ""
        left = f"waits for {', '.join(holders)} to stop" if holders else "its tasks are taken from the queue"
        return Asked(Reason.CANCELLED, f"cancelled by {row.wish_by}{why}; {left}", row.wish_at)
    return None


def _still(row: Row, holders: Sequence[str]) -> str:
    """What a job that is PAUSING still waits for: who holds its running tasks."""
    if row.state != JobState.PAUSING:
        return ""
    if not row.hand_back:
        return "; running tasks still finish"
    return f"; asked for its running tasks back, which are still held by {', '.join(holders)}"


def _first_lines(conn: Connection, job_ids: Collection[int]) -> tuple[dict[int, Line], set[int]]:
    """The line that each job's next task is in; the jobs for which the hub has something to do."""
    if not job_ids:
        return {}, set()
    query = (
        sa.select(lanes)
        .where(lanes.c.job_id.in_(job_ids), IS_DUE)
        .order_by(lanes.c.job_id, lanes.c.stage.desc(), lanes.c.site)
    )
    found = conn.execute(query).all()
    by_hub = {lane.job_id for lane in found if lane.function == HUB}
    first = {lane.job_id: lane for lane in reversed(found) if lane.function != HUB}
    places = Places.read(conn, {lane.site for lane in first.values()}) if first else None
    return {number: places.line(lane) for number, lane in first.items() if places}, by_hub


def _first_parked(conn: Connection, job_ids: Collection[int]) -> dict[int, Parked]:
    """What of each job is put off goes on next."""
    if not job_ids:
        return {}
    candidate = tasks.alias()
    first = (
        sa.select(candidate.c.id)
        .where(candidate.c.job_id == jobs.c.id, candidate.c.state == PENDING, candidate.c.blocked == PARKED)
        .order_by(candidate.c.not_before)
        .limit(1)
        .scalar_subquery()
    )
    query = sa.select(tasks).where(tasks.c.id.in_(sa.select(first).where(jobs.c.id.in_(job_ids))))
    return {row.job_id: _parked(row) for row in conn.execute(query)}


def _parked(row: Row) -> Parked:
    return Parked(row.parked, row.parked_why or "", row.not_before or 0, row.parked_at)


# Tasks --------------------------------------------------------------------------------------------------------


def explain_tasks(conn: Connection, rows: Sequence[Row]) -> dict[int, Waiting]:
    """Why each pending task among these of one job waits, in order of id. At most nine statements, and one a lane."""
    pending = [row for row in rows if row.state == PENDING]
    if not pending:
        return {}
    job = conn.execute(sa.select(jobs).where(jobs.c.id == pending[0].job_id)).one()
    plan = plan_from_document(job.plan)
    facts = replace(job_facts(conn, [job])[job.id], first_stage=stage(plan.first_phase))
    places = Places.read(conn, {row.site for row in pending})
    reader = _Tasks(conn, places, {_lane_key(lane): lane for lane in _lanes_of(conn, job.id)})
    return {row.id: waiting.why_task(_task(row, plan), facts, reader.line(row)) for row in pending}


def _lane_key(row: Row) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in LANE)


def _lanes_of(conn: Connection, job_id: int) -> Sequence[Row]:
    return conn.execute(sa.select(lanes).where(lanes.c.job_id == job_id)).all()


def _task(row: Row, plan: Plan) -> TaskFacts:
    behind = None
    if row.blocked == WAITS_FOR_CHAIN:
        # The tasks of a chain have numbers one after the other.
        behind = (row.id - 1, plan.branches[row.rule].chain[row.position - 1].step)
    parked = _parked(row) if row.blocked == PARKED else None
    return TaskFacts(row.id, row.stage, behind, parked, row.function == HUB)


@dataclass(slots=True)
class _Tasks:
    """Gives each ready task its place in line; tasks come in order of id."""

    conn: Connection
    places: Places
    lanes: Mapping[tuple[Any, ...], Row]
    before: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """How many tasks of each lane are before the next one of it."""

    def line(self, row: Row) -> Line | None:
        """The line that a task is in, if it is in one."""
        lane = self.lanes.get(_lane_key(row))
        if row.blocked != READY or lane is None or not lane.open:
            return None
        key = _lane_key(row)
        before = self.before.get(key)
        if before is None:
            before = _ready_before(self.conn, row)
        self.before[key] = before + 1
        return self.places.line(lane, before)


def _ready_before(conn: Connection, row: Row) -> int:
    """How many tasks of its lane are before a task, counted as far as `FAR`."""
    same = [tasks.c[name] == getattr(row, name) for name in LANE]
    ready = (IS_READY, tasks.c.id < row.id)
    first = sa.select(tasks.c.id).where(*same, *ready).limit(FAR + 1).subquery()
    return int(conn.execute(sa.select(sa.func.count()).select_from(first)).scalar_one())
