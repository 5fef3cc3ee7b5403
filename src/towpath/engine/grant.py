"""A node asks for work: tasks are granted fairly over jobs, and the same claim gets the same answer."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.states import PENDING, STARTED, TaskEvent
from towpath.engine import room
from towpath.engine.nodes import Node, Unknown, find_node
from towpath.store import batches, tasks, walks
from towpath.store.database import Tx
from towpath.store.jobs import Job
from towpath.store.ledger import Ledger
from towpath.store.tables import lanes, nodes
from towpath.store.tables import tasks as task_rows
from towpath.store.tasks import HUB, READY, Task
from towpath.wire import Claim, Grant, Grants, Walk, Want

MOST = 64
"""Tasks in one answer."""

Lane = Any
"""A row of `lanes`."""

RunIds = Callable[[], bytes]


def run_id() -> bytes:
    """A fresh name for one run of one task."""
    return secrets.token_bytes(16)


def claim(tx: Tx, site: str, name: str, asked: Claim, new_run: RunIds = run_id) -> Grants:
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
            granted, more = _grant(ledger, node, asked, new_run)
            tx.conn.execute(sa.update(nodes).where(nodes.c.id == node.id).values(last_claim=asked.number))
        return Grants(asked.number, _describe(ledger, granted), more)


def _granted_before(ledger: Ledger, node: Node, asked: Claim) -> list[Task]:
    t = task_rows.c
    held = (t.node_id == node.id, t.incarnation == node.incarnation, t.claim == asked.number)
    found = tasks.load_where(ledger.tx.conn, *held, t.state == STARTED)
    return list(ledger.load([task.id for task in found]).values())


def _grant(ledger: Ledger, node: Node, asked: Claim, new_run: RunIds) -> tuple[list[Task], bool]:
    granted: list[Task] = []
    left_over, more = room.BATCH, False
    for want in asked.wants:
        left = min(want.slots, MOST - len(granted))
        due = _due(ledger, node.site, want, left)
        weights = room.weights(ledger, due)
        for task in due:
            if granted and weights[task.id] > left_over:
                more = True
                break
            left_over -= weights[task.id]
            task.run, task.node_id = new_run(), node.id
            task.incarnation, task.claim = node.incarnation, asked.number
            ledger.move(task, TaskEvent.START)
            granted.append(task)
        more = more or (left > 0 and len(granted) >= MOST)
    return granted, more


def _due(ledger: Ledger, site: str, want: Want, slots: int) -> list[Task]:
    """Tasks that may be granted now: the highest priority first, then each job in turn."""
    if slots <= 0 or want.function == HUB:
        return []
    conn = ledger.tx.conn
    open_lanes = _lanes(conn, site, want, slots)
    shares = _shares([(lane.priority, lane.ready) for lane in open_lanes], slots)
    served = [(lane, share) for lane, share in zip(open_lanes, shares, strict=True) if share]
    ledger.lock_jobs({lane.job_id for lane, _ in served})
    found: list[Task] = []
    for lane, share in served:
        found += ledger.take(_pending(conn, lane, share))
    _end_turn(conn, [lane for lane, _ in served])
    return found


def _lanes(conn: Connection, site: str, want: Want, slots: int) -> Sequence[Lane]:
    lane = lanes.c
    query = (
        sa.select(lane.job_id, lane.site, lane.queue, lane.function, lane.stage, lane.priority, lane.ready)
        .where(lane.site == site, lane.queue == want.queue, lane.function == want.function)
        .where(lane.open, lane.ready > 0)
        .order_by(lane.priority.desc(), lane.turn, lane.job_id, lane.stage)
        .limit(slots)
    )
    return conn.execute(query).all()


def _shares(open_lanes: Sequence[tuple[int, int]], slots: int) -> list[int]:
    """How many of the slots each lane gets: higher priorities first, and within one, one each in turn.

    A lane is (priority, tasks that are ready); lanes come in the order in which they are to be served.
    """
    shares = [0] * len(open_lanes)
    for priority in sorted({priority for priority, _ in open_lanes}, reverse=True):
        hungry = [i for i, (p, ready) in enumerate(open_lanes) if p == priority and ready]
        while hungry and slots:
            each = max(1, slots // len(hungry))
            for i in hungry[:slots] if each == 1 else hungry:
                given = min(each, open_lanes[i][1] - shares[i], slots)
                shares[i] += given
                slots -= given
            hungry = [i for i in hungry if shares[i] < open_lanes[i][1]]
    return shares


def _pending(conn: Connection, lane: Lane, share: int) -> list[Task]:
    t = task_rows.c
    place = (t.job_id == lane.job_id, t.site == lane.site, t.queue == lane.queue, t.function == lane.function)
    ready = (t.stage == lane.stage, t.state == PENDING, t.blocked == READY)
    return tasks.load_where(conn, *place, *ready, limit=share, skip_locked=True)


def _end_turn(conn: Connection, served: Sequence[Lane]) -> None:
    if not served:
        return
    turn = tasks.next_ids(conn, "turns", len(served))
    key = [
        lanes.c[name] == sa.bindparam(f"row_{name}")
        for name in ("job_id", "site", "queue", "function", "stage")
    ]
    rows = [
        {"row_job_id": lane.job_id, "row_site": lane.site, "row_queue": lane.queue}
        | {"row_function": lane.function, "row_stage": lane.stage, "turn": turn + place}
        for place, lane in enumerate(served)
    ]
    conn.execute(sa.update(lanes).where(*key).values(turn=sa.bindparam("turn")), rows)


def _describe(ledger: Ledger, granted: Sequence[Task]) -> list[Grant]:
    conn = ledger.tx.conn
    packed = batches.packed(conn, [task.batch_id for task in granted if task.batch_id is not None])
    walking = {
        t.id: walks.describe(conn, t.id, ledger.jobs[t.job_id].plan) for t in granted if t.is_discovery
    }
    return [_grant_of(task, ledger.jobs[task.job_id], packed, walking.get(task.id)) for task in granted]


def _grant_of(task: Task, job: Job, packed: Mapping[int, bytes], walk: Walk | None) -> Grant:
    call = None if task.is_discovery else job.plan.branches[task.rule].chain[task.position]
    return Grant(
        task=task.id,
        run=task.run or b"",
        job=task.job_id,
        queue=task.queue,
        function=task.function,
        step=task.step,
        arguments=dict(call.arguments) if call else {},
        endpoint=(call.endpoint or "") if call else "",
        batch=packed[task.batch_id] if task.batch_id is not None else b"",
        mask=task.mask or b"",
        carry=task.carry or b"",
        walk=walk,
        attempt=task.attempts + 1,
    )
