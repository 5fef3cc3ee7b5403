"""What a node tells of itself: its hello, its heartbeats, and what the hub makes of its silence."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.fairness import Bulk, kept
from towpath.domain.slots import effective
from towpath.domain.states import JobState, TaskEvent, Wanted
from towpath.engine import node_events
from towpath.engine.losing import lose, pardon
from towpath.store import holds, jobs, tasks
from towpath.store.database import Tx
from towpath.store.holds import Hold
from towpath.store.jobs import Job
from towpath.store.tables import IS_DUE, lanes, nodes, sites
from towpath.store.tasks import Task
from towpath.wire import Beat, Hello, NodeWishes, Verdicts


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
    life: int
    queues: dict[str, dict[str, int]]
    """The slots that it was started with."""
    slots: dict[str, dict[str, int]] | None
    """Those that people wish in place of them."""
    drain_at: int | None
    silent: bool
    lost: bool

    @property
    def is_heard(self) -> bool:
        """Whether it counts as online: it has said hello, and missed no more than a heartbeat."""
        return self.incarnation is not None and not self.silent and not self.lost

    @property
    def drains(self) -> bool:
        """It is to be granted nothing more."""
        return self.drain_at is not None

    def serves(self, queue: str, function: str) -> bool:
        """Whether nobody wishes that it have no slots there; it may not have heard of that yet."""
        return (self.slots or {}).get(queue, {}).get(function) != 0

    @property
    def wishes(self) -> NodeWishes:
        """What it is told of people's wishes."""
        return NodeWishes(self.drains, self.slots or {})


_FIND = (
    sa.select(*(nodes.c[column.name] for column in fields(Node)))
    .where(nodes.c.site == sa.bindparam("of_site"), nodes.c.name == sa.bindparam("of_name"))
    .where(nodes.c.removed_at.is_(None))
    .with_for_update(key_share=True)
)


def find_node(tx: Tx, site: str, name: str) -> Node:
    """The node of that name; raises `Unknown`, also for one that was removed."""
    row = tx.conn.execute(_FIND, {"of_site": site, "of_name": name}).first()
    if row is None:
        raise Unknown(site, name)
    return Node(*row)


_BEATEN = (
    sa.update(nodes)
    .where(nodes.c.id == sa.bindparam("row_id"))
    .values(
        heard_at=sa.bindparam("now"),
        beats=nodes.c.beats + 1,
        lost=False,
        silent=False,
        draining=sa.bindparam("drains"),
        progress=sa.bindparam("progress", type_=nodes.c.progress.type),
    )
)
_DISKS = (
    sa.update(nodes)
    .where(nodes.c.id == sa.bindparam("row_id"))
    .values(disks=sa.bindparam("said", type_=nodes.c.disks.type), disks_at=sa.bindparam("now"))
)
MOST_DISKS = 100


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answer to a hello: what people wish of the node; `life` where it is to say hello again, as that life."""

    wishes: NodeWishes
    life: int = 0


_HELLO = sa.update(nodes).where(nodes.c.id == sa.bindparam("row_id")).values(beats=nodes.c.beats + 1)
_SAID_OF_SITE = sa.update(sites).where(sites.c.name == sa.bindparam("of_site"))


def hello(tx: Tx, site: str, name: str, said: Hello) -> Greeting:
    """A node begins a life: what its earlier lives held and did not report is lost, and goes back to the queue.

    A life that is new must bear a higher number than the last: so one that was told its number just now is believed,
    and a hello of an earlier life that comes late, or once more, changes nothing.
    """
    node = find_node(tx, site, name)
    is_new = node.incarnation != said.incarnation
    if is_new and 0 <= said.life <= node.life:
        return Greeting(node.wishes, node.life + 1)
    values: dict[str, object] = {
        "incarnation": said.incarnation,
        "life": max(node.life, said.life),
        "box_key": said.box_key,
        "queues": said.queues,
        "heard_at": tx.now,
        "lost": False,
        "silent": False,
        "draining": False,
        "software": said.software[:100],
    }
    if is_new:
        values["last_claim"] = 0
    tx.conn.execute(_HELLO, {"row_id": node.id, **values})
    plugins = [msgspec.to_builtins(spec) for spec in said.steps]
    facts = {"roots": said.roots, "steps": plugins, "unguarded": said.unguarded}
    facts |= {"trusted": True} if said.trusted else {}
    tx.conn.execute(_SAID_OF_SITE, {"of_site": site, **facts})
    if is_new:
        earlier = [t for t in tasks.held_by(tx.conn, node.id) if t.incarnation != said.incarnation]
        lose(tx, earlier, TaskEvent.LOSE_LEASE, said.begun)
    if not node.is_heard:
        node_events.came(tx, site, name)
    tx.wakes.add(site)
    return Greeting(node.wishes)


def beat(tx: Tx, site: str, name: str, said: Beat, lease_beats: int) -> Verdicts:
    """A heartbeat: which runs are to stop, and which grants never reached the node and go back to the queue.

    A run whose job has waited as cancelled for a whole lease is dropped, though the hub holds on to it for the time
    that the node's fence needs to close: see `upkeep.take_back`.
    """
    node = find_node(tx, site, name)
    if node.incarnation != said.incarnation:
        return Verdicts([], [], known=False)
    held = tasks.held_by(tx.conn, node.id)
    beaten = {"row_id": node.id, "now": tx.now, "drains": said.draining, "progress": _progress(said, held)}
    tx.conn.execute(_BEATEN, beaten)
    if said.disks and len(said.disks) <= MOST_DISKS:
        told = {root[:64]: [free, total] for root, (free, total) in said.disks.items() if total > 0}
        tx.conn.execute(_DISKS, {"row_id": node.id, "now": tx.now, "said": told})
    if not node.is_heard:
        node_events.came(tx, site, name)
    listed = set(said.runs)
    never_came = [
        task for task in held if task.run not in listed and (task.claim or 0) <= said.answered_claim
    ]
    lose(tx, never_came, TaskEvent.LOSE_GRANT)
    known = {task.run for task in held}
    seen = jobs.look(tx.conn, {task.job_id for task in held})
    standing = holds.list_holds(tx.conn, site) if held else []
    stopping = [task for task in held if _is_to_stop(seen[task.job_id], node, task, standing)]
    stopping += _in_the_way(tx.conn, node, held, seen)
    back = {task.run for task in stopping} & listed
    dropped = [run for run in said.runs if run not in known]
    if dropped:
        pardon(tx, dropped)
    overdue = {task.run for task in held if _is_overdue(seen[task.job_id], lease_beats)}
    dropped += [run for run in said.runs if run in overdue]
    over = jobs.over(tx.conn, said.jobs)
    return Verdicts(sorted(run for run in back if run), dropped, wishes=node.wishes, over=over)


def _progress(said: Beat, held: Collection[Task]) -> dict[str, tuple[int, int]] | None:
    """How far the running tasks of each job have come, by its id: paths and bytes; None where nothing is told."""
    job_of = {task.run: task.job_id for task in held}
    found: dict[str, tuple[int, int]] = {}
    for one in said.progress:
        job = job_of.get(one.run)
        if job is not None:
            paths, size = found.get(str(job), (0, 0))
            found[str(job)] = paths + one.paths, size + one.bytes
    return found or None


def _is_overdue(job: Job, lease_beats: int) -> bool:
    return job.state is JobState.DEQUEUING and job.beats_waited >= lease_beats


def _is_to_stop(job: Job, node: Node, task: Task, standing: Sequence[Hold]) -> bool:
    """A running task is handed back where its job or a hold says so.

    A walk is on any pause, and by a node that is to drain, for it goes on elsewhere at no cost.
    """
    if job.hand_back or (task.is_discovery and (job.wanted is not Wanted.RUN or node.drains)):
        return True
    return any(hold.keeps(task.queue) and (hold.hand_back or task.is_discovery) for hold in standing)


def _in_the_way(conn: Connection, node: Node, held: Collection[Task], seen: Mapping[int, Job]) -> list[Task]:
    """Walks that have turned out large and hold a slot which a small job waits for: they go on later at no cost."""
    found: list[Task] = []
    queues = effective(node.queues, node.slots or {})
    for queue in {task.queue for task in held if task.is_discovery}:
        walks = [task for task in held if task.is_discovery and task.queue == queue]
        large = [task for task in walks if seen[task.job_id].kept_bulk is Bulk.LARGE]
        size = queues.get(queue, {}).get("discovery", 0)
        excess = len(large) - (size - kept(size))
        if excess > 0 and len(walks) >= size:
            large.sort(key=lambda task: (seen[task.job_id].priority, -task.id))
            waiting = _WAITING.where(lanes.c.priority >= seen[large[0].job_id].priority)
            due = conn.execute(waiting, {"of_site": node.site, "of_queue": queue}).first()
            found += large[:excess] if due else []
    return found


_WAITING = (
    sa.select(lanes.c.job_id)
    .where(lanes.c.site == sa.bindparam("of_site"), lanes.c.queue == sa.bindparam("of_queue"))
    .where(lanes.c.function == "discovery", IS_DUE, lanes.c.small)
    .limit(1)
)


def mark_silent(tx: Tx, node_id: int, beats: int) -> None:
    """A node missed so many heartbeats that it counts as offline, unless it has given another; its leases go on."""
    unheard = (nodes.c.id == node_id, nodes.c.beats == beats, ~nodes.c.silent)
    if tx.conn.execute(sa.update(nodes).where(*unheard).values(silent=True)).rowcount:
        node_events.went(tx, node_id)


_WATCHED = sa.select(nodes.c.id, nodes.c.beats).where(nodes.c.incarnation.is_not(None), ~nodes.c.lost)


def watched(conn: Connection) -> dict[int, int]:
    """The nodes whose heartbeats are awaited, by id: how many each has given, to whichever hub."""
    return {row[0]: row[1] for row in conn.execute(_WATCHED)}


def silence(tx: Tx, node_id: int) -> list[int]:
    """A node's leases have run out: what it held goes back to the queue. Returns the tasks' ids."""
    this = nodes.c.id == node_id
    if tx.conn.execute(sa.update(nodes).where(this, ~nodes.c.silent).values(silent=True)).rowcount:
        node_events.went(tx, node_id)
    known = tx.conn.execute(sa.update(nodes).where(this).values(lost=True)).rowcount
    held = tasks.held_by(tx.conn, node_id)
    lose(tx, held, TaskEvent.LOSE_LEASE)
    if known:
        node_events.lost(tx, node_id, len(held))
    return [task.id for task in held]
