"""What a node tells of itself: its hello, its heartbeats, and what the hub makes of its silence."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.states import STARTED, TaskEvent, Wanted
from towpath.engine.chains import give_up
from towpath.store import holds, tasks
from towpath.store.database import Tx
from towpath.store.holds import Hold
from towpath.store.ledger import Ledger
from towpath.store.tables import nodes, sites
from towpath.store.tables import tasks as task_rows
from towpath.store.tasks import Task
from towpath.wire import Beat, Hello, Verdicts

MOST_ATTEMPTS = 5
"""How often a task may take its worker with it before it is given up."""


class Unknown(ValueError):
    """The hub does not know this node, or not this incarnation of it: it must say hello."""

    def __init__(self, site: str, name: str) -> None:
        super().__init__(f"node {name} of site {site}: expected a hello of this incarnation first")


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the hub knows it."""

    id: int
    site: str
    name: str
    incarnation: bytes | None
    last_claim: int


_FIND = (
    sa.select(nodes.c.id, nodes.c.site, nodes.c.name, nodes.c.incarnation, nodes.c.last_claim)
    .where(nodes.c.site == sa.bindparam("of_site"), nodes.c.name == sa.bindparam("of_name"))
    .with_for_update()
)


def find_node(tx: Tx, site: str, name: str) -> Node:
    """The node of that name; raises `Unknown`."""
    row = tx.conn.execute(_FIND, {"of_site": site, "of_name": name}).first()
    if row is None:
        raise Unknown(site, name)
    return Node(*row)


def hello(tx: Tx, site: str, name: str, said: Hello) -> None:
    """A node begins a life: what its earlier lives held and did not report is lost, and goes back to the queue."""
    node = find_node(tx, site, name)
    is_new = node.incarnation != said.incarnation
    values: dict[str, object] = {
        "incarnation": said.incarnation,
        "box_key": said.box_key,
        "queues": said.queues,
        "heard_at": tx.now,
        "lost": False,
        "draining": False,
        "software": said.software[:100],
    }
    if is_new:
        values["last_claim"] = 0
    tx.conn.execute(sa.update(nodes).where(nodes.c.id == node.id).values(values))
    plugins = [msgspec.to_builtins(spec) for spec in said.steps]
    facts = {"roots": said.roots, "steps": plugins, "unguarded": said.unguarded}
    tx.conn.execute(sa.update(sites).where(sites.c.name == site).values(facts))
    if is_new:
        lose(tx, _held(tx, node.id, but=said.incarnation), TaskEvent.LOSE_LEASE)
    tx.wakes.add(site)


def beat(tx: Tx, site: str, name: str, said: Beat) -> Verdicts:
    """A heartbeat: which runs are to stop, and which grants never reached the node and go back to the queue."""
    node = find_node(tx, site, name)
    if node.incarnation != said.incarnation:
        return Verdicts([], [], known=False)
    mine = nodes.c.id == node.id
    tx.conn.execute(sa.update(nodes).where(mine).values(heard_at=tx.now, draining=said.draining, lost=False))
    held = _held(tx, node.id)
    listed = set(said.runs)
    never_came = [
        task for task in held if task.run not in listed and (task.claim or 0) <= said.answered_claim
    ]
    lose(tx, never_came, TaskEvent.LOSE_GRANT)
    known = {task.run for task in held}
    with Ledger(tx) as ledger:
        ledger.lock_jobs({task.job_id for task in held})
        standing = holds.list_holds(tx.conn, site)
        back = [task.run for task in held if task.run in listed and _is_to_stop(ledger, task, standing)]
    return Verdicts([run for run in back if run], [run for run in said.runs if run not in known])


def _is_to_stop(ledger: Ledger, task: Task, standing: Sequence[Hold]) -> bool:
    """A running task is handed back where its job or a hold says so; a walk on any pause, for it goes on at no cost."""
    job = ledger.jobs[task.job_id]
    if job.hand_back or (job.wanted is not Wanted.RUN and task.is_discovery):
        return True
    return any(hold.keeps(task.queue) and (hold.hand_back or task.is_discovery) for hold in standing)


def watched(conn: Connection) -> list[int]:
    """The nodes whose heartbeats are awaited."""
    return list(conn.scalars(sa.select(nodes.c.id).where(nodes.c.incarnation.is_not(None), ~nodes.c.lost)))


def silence(tx: Tx, node_id: int) -> list[int]:
    """A node's leases have run out: what it held goes back to the queue. Returns the tasks' ids."""
    tx.conn.execute(sa.update(nodes).where(nodes.c.id == node_id).values(lost=True))
    held = _held(tx, node_id)
    lose(tx, held, TaskEvent.LOSE_LEASE)
    return [task.id for task in held]


def lose(tx: Tx, held: Collection[Task], event: TaskEvent) -> None:
    """Take running tasks from their node. Those of a cancelled job end; one that keeps killing its worker does too."""
    if not held:
        return
    with Ledger(tx) as ledger:
        for task in ledger.load([task.id for task in held]).values():
            if task.state is not STARTED:
                continue
            if ledger.jobs[task.job_id].wanted is Wanted.CANCEL:
                give_up(ledger, task, TaskEvent.CANCEL)
                continue
            ledger.move(task, event)
            if task.attempts >= MOST_ATTEMPTS:
                reason = f"its worker was lost {task.attempts} times while it ran"
                give_up(ledger, task, TaskEvent.DOOM, reason)


def _held(tx: Tx, node_id: int, but: bytes | None = None) -> list[Task]:
    t = task_rows.c
    conditions = [t.node_id == node_id, t.state == STARTED]
    if but is not None:
        conditions.append(t.incarnation != but)
    return tasks.load_where(tx.conn, *conditions)
