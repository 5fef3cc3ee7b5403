"""A node asks for work: tasks are granted fairly over jobs, and the same claim gets the same answer."""

import secrets
from collections.abc import Callable, Mapping, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.fairness import is_small
from towpath.domain.states import DISCOVERY_STAGE, TaskEvent
from towpath.engine import finish, room
from towpath.engine.nodes import Node, Unknown, find_node
from towpath.engine.shares import FULL, Lane, Rooms, shares_of
from towpath.store import batches, tasks, walks
from towpath.store.database import Tx
from towpath.store.holds import no_hold
from towpath.store.jobs import Job
from towpath.store.ledger import Ledger
from towpath.store.tables import IS_DUE, IS_STARTED, lanes, nodes
from towpath.store.tables import tasks as task_rows
from towpath.store.tasks import HUB, LANE, Task
from towpath.wire import FORESEE, Claim, Grant, Grants, Walk, Want

MOST = 256
"""Tasks in one answer."""

RunIds = Callable[[int], Sequence[bytes]]

_LAST_CLAIM = (
    sa.update(nodes).where(nodes.c.id == sa.bindparam("row_id")).values(last_claim=sa.bindparam("number"))
)
_LANES = (
    sa.select(*(lanes.c[name] for name in (*LANE, "priority", "ready", "owner", "small")))
    .where(*(lanes.c[name] == sa.bindparam(f"want_{name}") for name in ("site", "queue", "function")))
    .where(IS_DUE)
    .where(no_hold(sa.bindparam("want_site"), sa.bindparam("want_queue")))
    .where(sa.or_(lanes.c.stage == DISCOVERY_STAGE, lanes.c.owner.not_in(FULL)))
    .order_by(lanes.c.priority.desc(), lanes.c.turn, lanes.c.job_id, lanes.c.stage)
    .limit(sa.bindparam("most"))
)
_SMALL_LANES = _LANES.where(lanes.c.small)
_END_TURN = (
    sa.update(lanes)
    .where(*(lanes.c[name] == sa.bindparam(f"lane_{name}") for name in LANE))
    .values(turn=sa.bindparam("turn"))
)


def run_ids(count: int) -> list[bytes]:
    """Fresh names for that many runs."""
    drawn = secrets.token_bytes(16 * count)
    return [drawn[start : start + 16] for start in range(0, len(drawn), 16)]


def claim(tx: Tx, site: str, name: str, asked: Claim, new_runs: RunIds = run_ids) -> Grants:
    """Grant due tasks to a node, up to its free slots; raises `Unknown` for an incarnation that said no hello.

    Claims of an incarnation are numbered. The last number again gets the tasks that it got and that still run; an
    older number, which only a late duplicate can carry, gets nothing.
    """
    node = find_node(tx, site, name)
    if node.incarnation != asked.incarnation:
        raise Unknown(site, name)
    if asked.number < node.last_claim:
        return Grants(asked.number, [])
    with Ledger(tx) as ledger:
        if asked.number == node.last_claim:
            granted, more = _granted_before(ledger, node, asked), False
        else:
            granted, more = _grant(ledger, node, asked, new_runs)
            tx.conn.execute(_LAST_CLAIM, {"row_id": node.id, "number": asked.number})
        return Grants(asked.number, _describe(ledger, granted), more)


def _granted_before(ledger: Ledger, node: Node, asked: Claim) -> list[Task]:
    t = task_rows.c
    held = (t.node_id == node.id, t.incarnation == node.incarnation, t.claim == asked.number)
    found = tasks.find_where(ledger.tx.conn, *held, IS_STARTED)
    return list(ledger.load([task.id for task in found]).values())


def _grant(ledger: Ledger, node: Node, asked: Claim, new_runs: RunIds) -> tuple[list[Task], bool]:
    if node.drains:
        return [], False
    granted: list[Task] = []
    left_over, more = room.BATCH, False
    served = [want for want in asked.wants if node.serves(want.queue, want.function)]
    wanting = [(want, _lanes(ledger, node.site, want)) for want in served]
    # All jobs are locked before the first task is, and so in one order whatever was asked for.
    ledger.lock_jobs({lane.job_id for _, open_lanes in wanting for lane in open_lanes})
    rooms = Rooms.of(ledger.tx.conn, ledger.jobs.values())
    for want, open_lanes in wanting:
        left = min(want.slots, MOST - len(granted))
        due = _due(ledger, open_lanes, rooms, want, left)
        weights = room.weights(ledger, due)
        for task, run in zip(due, new_runs(len(due)), strict=True):
            if granted and weights[task.id] > left_over:
                more = True
                break
            left_over -= weights[task.id]
            task.run, task.node_id = run, node.id
            task.incarnation, task.claim = node.incarnation, asked.number
            ledger.move(task, TaskEvent.START)
            granted.append(task)
        # An answer that was cut short says so: else the node takes it that there is no more, and waits.
        more = more or (left < want.slots and len(due) >= left - min(want.for_small, left))
    return granted, more


def _lanes(ledger: Ledger, site: str, want: Want) -> Sequence[Lane]:
    """The lanes that may be served, in their order: one for each slot, and one of a small job for each kept slot."""
    slots = min(want.slots, MOST)
    if slots <= 0 or want.function == HUB:
        return []
    conn = ledger.tx.conn
    wanted = {"want_site": site, "want_queue": want.queue, "want_function": want.function}
    found = list(conn.execute(_LANES, wanted | {"most": slots}))
    kept = min(want.for_small, slots)
    if kept > 0 and len(found) == slots:
        found += [lane for lane in conn.execute(_SMALL_LANES, wanted | {"most": kept}) if lane not in found]
    return found


def _due(ledger: Ledger, open_lanes: Sequence[Lane], rooms: Rooms, want: Want, slots: int) -> list[Task]:
    """Tasks that may be granted now: the highest priority first, then each job in turn."""
    # What was read before its job was locked may have been closed meanwhile.
    still = [lane for lane in open_lanes if lane.stage <= ledger.jobs[lane.job_id].open_stage]
    if slots <= 0 or not still:
        return []
    shares = shares_of(still, rooms, slots, max(0, min(want.for_small, slots)))
    served = [(lane, share) for lane, share in zip(still, shares, strict=True) if share]
    found: list[Task] = []
    for lane, share in served:
        taken = ledger.take(tasks.load_ready(ledger.tx.conn, lane, share))
        rooms.take(lane, len(taken))
        found += taken
    _end_turn(ledger.tx.conn, [lane for lane, _ in served])
    return found


def _end_turn(conn: Connection, served: Sequence[Lane]) -> None:
    if not served:
        return
    turn = tasks.next_ids(conn, "turns", len(served))
    rows = [
        {f"lane_{name}": getattr(lane, name) for name in LANE} | {"turn": turn + place}
        for place, lane in enumerate(served)
    ]
    conn.execute(_END_TURN, rows)


def _describe(ledger: Ledger, granted: Sequence[Task]) -> list[Grant]:
    conn = ledger.tx.conn
    packed = batches.packed(conn, [task.batch_id for task in granted if task.batch_id is not None])
    walking = {
        t.id: walks.describe(conn, t.id, ledger.jobs[t.job_id].plan) for t in granted if t.is_discovery
    }
    now = ledger.tx.now
    grants = [
        _grant_of(task, ledger.jobs[task.job_id], packed, walking.get(task.id), now) for task in granted
    ]
    return [
        msgspec.structs.replace(grant, facts=finish.facts_of(ledger, task)) if task.is_finish else grant
        for grant, task in zip(grants, granted, strict=True)
    ]


def _grant_of(task: Task, job: Job, packed: Mapping[int, bytes], walk: Walk | None, now: int) -> Grant:
    call = None if task.is_discovery else job.plan.branches[task.rule].chain[task.position]
    arguments = dict(call.arguments) if call else {}
    dry = call is not None and job.plan.dry
    return Grant(
        task=task.id,
        run=task.run or b"",
        job=task.job_id,
        queue=task.queue,
        function=task.function,
        # A node that is too old to foresee knows no step of that name, and so does nothing.
        step=FORESEE if dry else task.step,
        arguments={"step": task.step, "arguments": arguments} if dry else arguments,
        endpoint=(call.endpoint or "") if call else "",
        batch=packed[task.batch_id] if task.batch_id is not None else b"",
        mask=task.mask or b"",
        carry=task.carry or b"",
        walk=walk,
        attempt=task.attempts + 1,
        small=is_small(job.kept_bulk, task.is_discovery),
        # A part that was split off has not started itself, but bears the attempts of the whole.
        again=task.attempts > 0 or task.started_at != now,
    )
