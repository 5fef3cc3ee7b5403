"""How all stands, in a few numbers for those who watch the hub: kept counters, and what is bounded by slots."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.store import events
from towpath.store.tables import (
    IS_DUE,
    IS_OPEN,
    IS_STARTED,
    IS_UNSENT,
    IS_WAITING,
    alerts,
    deliveries,
    job_counts,
    jobs,
    lanes,
    nodes,
    notices,
    quarantine,
    tasks,
)
from towpath.store.tables import events as event_rows

MOST_COUNTED: Final = 10_000
"""Rows without a kept counter are counted so far."""

Counts = Mapping[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class Standing:
    """The numbers, by their labels."""

    jobs: Counts
    """By site and state."""
    running: Counts
    """Tasks that nodes have, by site and queue."""
    ready: Counts
    """Tasks that may be granted, by site, queue and function."""
    oldest: Counts
    """When the oldest job that has such tasks was submitted, in microseconds since 1970, by site and queue."""
    nodes: Counts
    """By site, and online or offline."""
    unnumbered: int
    """Events that have no number yet."""
    unlogged: int
    """Events that do not stand in the log of the bus yet."""
    events: int
    """The number of the newest event."""
    waiting: Counts
    """Deliveries that wait, by webhook."""
    quarantined: int
    """Reports that were set aside."""
    alerts: Counts
    """Those that stand, by kind and severity."""
    notices: Counts
    """Notices of alerts that wait, by destination."""


_JOBS = sa.select(job_counts.c.site, job_counts.c.state, sa.func.sum(job_counts.c.jobs)).group_by(
    job_counts.c.site, job_counts.c.state
)
# A node has no more tasks than slots: a partial index finds them, however many tasks there are.
_RUNNING = (
    sa.select(tasks.c.site, tasks.c.queue, sa.func.count())
    .where(IS_STARTED)
    .group_by(tasks.c.site, tasks.c.queue)
)
_LANE = (lanes.c.site, lanes.c.queue, lanes.c.function)
_READY = sa.select(*_LANE, sa.func.sum(lanes.c.ready)).where(IS_DUE).group_by(*_LANE)
_OLDEST = (
    sa.select(lanes.c.site, lanes.c.queue, sa.func.min(jobs.c.created_at))
    .join_from(lanes, jobs, jobs.c.id == lanes.c.job_id)
    .where(IS_DUE)
    .group_by(lanes.c.site, lanes.c.queue)
)
_IS_ONLINE = sa.and_(nodes.c.incarnation.is_not(None), ~nodes.c.silent, ~nodes.c.lost)
_NODE = sa.case((_IS_ONLINE, "online"), else_="offline")
_NODES = sa.select(nodes.c.site, _NODE, sa.func.count()).group_by(nodes.c.site, _NODE)

_ALERTS = (
    sa.select(alerts.c.kind, alerts.c.severity, sa.func.count())
    .where(IS_OPEN)
    .group_by(alerts.c.kind, alerts.c.severity)
)
_NOTICES = sa.select(notices.c.destination, sa.func.count()).where(IS_UNSENT).group_by(notices.c.destination)


def look(conn: Connection) -> Standing:
    """How all stands now."""
    newest = events.cursor(conn, events.LAST)
    hooks = conn.scalars(sa.select(deliveries.c.webhook_id).where(IS_WAITING).distinct()).all()
    return Standing(
        jobs=_counts(conn, _JOBS),
        running=_counts(conn, _RUNNING),
        ready=_counts(conn, _READY),
        oldest=_counts(conn, _OLDEST),
        nodes=_counts(conn, _NODES),
        unnumbered=_some(conn, event_rows.c.id, event_rows.c.number.is_(None)),
        unlogged=newest - events.cursor(conn, events.LOG),
        events=newest,
        waiting={
            (str(hook),): _some(conn, deliveries.c.id, IS_WAITING, deliveries.c.webhook_id == hook)
            for hook in hooks
        },
        quarantined=_some(conn, quarantine.c.id),
        alerts=_counts(conn, _ALERTS),
        notices=_counts(conn, _NOTICES),
    )


def _counts(conn: Connection, query: sa.Select[Any]) -> dict[tuple[str, ...], int]:
    return {tuple(map(str, row[:-1])): int(row[-1] or 0) for row in conn.execute(query)}


def _some(conn: Connection, column: sa.Column[Any], *tests: sa.ColumnElement[bool]) -> int:
    some = sa.select(column).where(*tests).limit(MOST_COUNTED).subquery()
    return int(conn.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
