"""A node asks for work: tasks are granted fairly over jobs, and the same claim gets the same answer."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.states import STARTED, TaskEvent
from towpath.engine import room
from towpath.engine.nodes import Node, Unknown, find_node
from towpath.store import batches, tasks, walks
from towpath.store.database import Tx
from towpath.store.holds import no_hold
from towpath.store.jobs import Job
from towpath.store.ledger import Ledger
from towpath.store.tables import lanes, nodes
from towpath.store.tables import tasks as task_rows
from towpath.store.tasks import HUB, LANE, Task
from towpath.wire import Claim, Grant, Grants, Walk, Want

MOST = 64
"""Tasks in one answer."""

Lane = Any
"""A row of `lanes`."""

RunIds = Callable[[int], Sequence[bytes]]

_LAST_CLAIM = (
    sa.update(nodes).where(nodes.c.id == sa.bindparam("row_id")).values(last_claim=sa.bindparam("number"))
)
_LANES = (
    sa.select(*(lanes.c[name] for name in (*LANE, "priority", "ready")))
    .where(*(lanes.c[name] == sa.bindparam(f"want_{name}") for name in ("site", "queue", "function")))
    .where(lanes.c.open, lanes.c.ready > 0)
    .where(no_hold(sa.bindparam("want_site"), sa.bindparam("want_queue")))
    .order_by(lanes.c.priority.desc(), lanes.c.turn, lanes.c.job_id, lanes.c.stage)
    .limit(sa.bindparam("most"))
)
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
    found = tasks.load_where(ledger.tx.conn, *held, t.state == STARTED)
    return list(ledger.load([task.id for task in found]).values())


def _grant(ledger: Ledger, node: Node, asked: Claim, new_runs: RunIds) -> tuple[list[Task], bool]:
    granted: list[Task] = []
    left_over, more = room.BATCH, False
    for want in asked.wants:
        left = min(want.slots, MOST - len(granted))
        due = _due(ledger, node.site, want, left)
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
        found += ledger.take(tasks.load_ready(conn, lane, share))
    _end_turn(conn, [lane for lane, _ in served])
    return found


def _lanes(conn: Connection, site: str, want: Want, slots: int) -> Sequence[Lane]:
    wanted = {"want_site": site, "want_queue": want.queue, "want_function": want.function}
    return conn.execute(_LANES, wanted | {"most": slots}).all()


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
