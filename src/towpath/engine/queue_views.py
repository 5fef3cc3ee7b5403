"""Queues of sites as people see them: what waits and runs on each, how long already, and the slots that there are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.nodes import NodeState
from towpath.engine import node_wishes
from towpath.store import holds
from towpath.store.tables import IS_DUE, IS_READY, IS_STARTED, lanes, tasks

Name = tuple[str, str]
"""A site, and a queue of it."""
MOST_NAMED: Final = 100
"""Sites that a statement names; of more, the nodes of all are read."""


@dataclass(slots=True)
class FunctionView:
    """What is done on a queue by one function of nodes."""

    waiting: int = 0
    """Tasks that may be granted."""
    running: int = 0
    slots: int = 0
    """Of nodes that are heard."""


@dataclass(slots=True)
class QueueView:
    """A queue of a site as it stands."""

    site: str
    queue: str
    oldest_at: int | None = None
    """Since when the oldest task that waits may be granted, in microseconds since 1970."""
    paused: bool = False
    """Nothing is granted, because somebody paused it or its site."""
    functions: dict[str, FunctionView] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """Tasks that may be granted."""
        return sum(one.waiting for one in self.functions.values())

    @property
    def running(self) -> int:
        """Tasks that nodes have."""
        return sum(one.running for one in self.functions.values())

    @property
    def slots(self) -> int:
        """Of nodes that are heard."""
        return sum(one.slots for one in self.functions.values())

    def function(self, name: str) -> FunctionView:
        """What that function does here."""
        return self.functions.setdefault(name, FunctionView())


@dataclass(frozen=True, slots=True)
class QueuesFound:
    """Some queues, and how all of them stand on which something waits or runs."""

    count: int
    waiting: int
    running: int
    views: Sequence[QueueView]
    """Those on which most waits come first."""


_before = tasks.alias("before")
# A chain is made whole: a later step of it waits since the one before it has ended.
_SINCE = sa.func.coalesce(
    sa.select(_before.c.ended_at)
    .where(_before.c.chain_id == tasks.c.chain_id, _before.c.position == tasks.c.position - 1)
    .limit(1)
    .correlate(tasks)
    .scalar_subquery(),
    tasks.c.created_at,
)
# The tasks of a lane rise in time with their numbers, so one step into an index finds the oldest that waits.
_OLDEST = (
    sa.select(_SINCE)
    .where(
        IS_READY,
        *(tasks.c[key] == lanes.c[key] for key in ("job_id", "site", "queue", "function", "stage")),
    )
    .order_by(tasks.c.id)
    .limit(1)
    .correlate(lanes)
    .scalar_subquery()
)
_DUE = sa.select(lanes.c.site, lanes.c.queue, lanes.c.function, lanes.c.ready, _OLDEST.label("since")).where(
    IS_DUE
)


def _waiting(site: str | None) -> sa.Select[Any]:
    """Lanes are few beside tasks: one for each job, queue and stage."""
    due = (_DUE if site is None else _DUE.where(lanes.c.site == site)).subquery()
    lane = (due.c.site, due.c.queue, due.c.function)
    ready, oldest = sa.func.sum(due.c.ready), sa.func.min(due.c.since)
    return sa.select(*lane, ready.label("ready"), oldest.label("oldest_at")).group_by(*lane)


def _running(site: str | None) -> sa.Select[Any]:
    """Nodes have no more tasks than slots: a partial index finds them, however many tasks there are."""
    lane = (tasks.c.site, tasks.c.queue, tasks.c.function)
    query = sa.select(*lane, sa.func.count().label("held")).where(IS_STARTED).group_by(*lane)
    return query if site is None else query.where(tasks.c.site == site)


def list_queues(conn: Connection, site: str | None = None, limit: int | None = None) -> QueuesFound:
    """The queues, of all sites or of one, on which something waits or runs."""
    found: dict[Name, QueueView] = {}

    def of(name: str, queue: str) -> QueueView:
        return found.setdefault((name, queue), QueueView(name, queue))

    for row in conn.execute(_waiting(site)):
        view = of(row.site, row.queue)
        view.function(row.function).waiting = int(row.ready)
        ages = (at for at in (view.oldest_at, row.oldest_at) if at is not None)
        view.oldest_at = min(ages, default=None)
    for row in conn.execute(_running(site)):
        of(row.site, row.queue).function(row.function).running = row.held
    views = sorted(found.values(), key=lambda view: (-view.waiting, view.site, view.queue))
    shown = {(view.site, view.queue): view for view in views[:limit]}
    _add_slots(conn, shown)
    _add_pauses(conn, shown)
    return QueuesFound(
        len(views),
        sum(view.waiting for view in views),
        sum(view.running for view in views),
        [*shown.values()],
    )


def _add_slots(conn: Connection, shown: Mapping[Name, QueueView]) -> None:
    """The slots of the nodes that are heard."""
    if not shown:
        return
    for node in node_wishes.list_nodes(conn, _named({site for site, _ in shown})):
        for queue, functions in node.queues.items() if node.state is not NodeState.OFFLINE else ():
            if view := shown.get((node.site, queue)):
                for function, slots in functions.items():
                    view.function(function).slots += slots


def _named(sites: Collection[str]) -> Collection[str] | None:
    return sites if len(sites) <= MOST_NAMED else None


def _add_pauses(conn: Connection, shown: Mapping[Name, QueueView]) -> None:
    standing = holds.list_all(conn)
    for view in shown.values():
        view.paused = any(hold.keeps(view.queue) for hold in standing.get(view.site, ()))
