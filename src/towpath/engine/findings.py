"""What alerts are made of: for each kind, what is so now, from what the database has."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.alerts import KEEPS, LEAST_PATHS, MOST_OPEN, SECOND, AlertKind, Finding, span
from towpath.domain.states import JobState, Wanted
from towpath.domain.wishes import moment
from towpath.engine.node_events import HEARD
from towpath.store import waiting
from towpath.store.holds import no_hold
from towpath.store.tables import (
    IS_FAILED,
    IS_STARTED,
    hubs,
    jobs,
    nodes,
    path_tallies,
    quarantine,
    tasks,
    watches,
)
from towpath.store.tasks import DISCOVERY

STALE = 900 * SECOND
"""Microseconds after which what a node or a hub has said of its disks says nothing new: it only keeps an alert."""
DAY = 86_400 * SECOND
MOST_NAMED = 5

Row = Any
"""A row of a table."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look for things of one kind: the time now (microseconds since 1970), and the threshold of its rule."""

    conn: Connection
    now: int
    kind: AlertKind
    threshold: float

    @property
    def since(self) -> int:
        """The time that lies as many seconds back as the threshold says."""
        return self.now - int(self.threshold * SECOND)

    @property
    def keeps(self) -> float:
        """The threshold down to which an alert that stands is kept."""
        return self.threshold * KEEPS.get(self.kind, 1.0)

    def ago(self, moment: int) -> str:
        """How long ago that was, for people."""
        return span(max(0, self.now - moment) / SECOND)


# Sites and nodes ----------------------------------------------------------------------------------------------

_MEMBERS = (
    sa.select(nodes.c.site, nodes.c.name, nodes.c.heard_at, nodes.c.drain_at, HEARD.label("heard"))
    .where(nodes.c.removed_at.is_(None), nodes.c.incarnation.is_not(None))
    .order_by(nodes.c.site, nodes.c.name)
)


def _by_site(look: Look) -> dict[str, list[Row]]:
    """The nodes that have ever been heard and stand, by site."""
    found: dict[str, list[Row]] = {}
    for row in look.conn.execute(_MEMBERS):
        found.setdefault(row.site, []).append(row)
    return found


def _sites_offline(look: Look) -> Iterator[Finding]:
    for site, members in _by_site(look).items():
        if any(node.heard for node in members) or all(node.drain_at for node in members):
            continue
        last = max(node.heard_at or 0 for node in members)
        names = ", ".join(node.name for node in members[:MOST_NAMED])
        many = f"{names} and {len(members) - MOST_NAMED} more" if len(members) > MOST_NAMED else names
        text = f"site {site} is offline: no node of it was heard since {moment(last)} ({many})"
        yield Finding(look.kind, f"site/{site}", text, last <= look.since, site)


def _nodes_offline(look: Look) -> Iterator[Finding]:
    for site, members in _by_site(look).items():
        others = any(node.heard for node in members)
        for node in members:
            if node.heard or node.drain_at is not None:
                continue
            last = node.heard_at or 0
            text = f"node {node.name} of site {site} is offline: it was not heard since {moment(last)}"
            raises = others and last <= look.since
            yield Finding(look.kind, f"node/{site}/{node.name}", text, raises, site, node.name)


_SINCE = sa.bindparam("since", type_=sa.BigInteger)
_RECENT = (
    sa.select(
        quarantine.c.node_id, sa.func.max(quarantine.c.id).label("newest"), sa.func.count().label("many")
    )
    .where(quarantine.c.at > _SINCE)
    .group_by(quarantine.c.node_id)
    .subquery()
)
_REFUSED = (
    sa.select(nodes.c.site, nodes.c.name, _RECENT.c.many, quarantine.c.error, quarantine.c.at)
    .select_from(_RECENT)
    .join(nodes, nodes.c.id == _RECENT.c.node_id)
    .join(quarantine, quarantine.c.id == _RECENT.c.newest)
    .order_by(nodes.c.site, nodes.c.name)
)


def _reports_refused(look: Look) -> Iterator[Finding]:
    for row in look.conn.execute(_REFUSED, {"since": look.since}):
        text = (
            f"{row.many} of what node {row.name} of site {row.site} reported could not be applied, and was set aside;"
            f" the last at {moment(row.at)}: {row.error[:300]}"
        )
        yield Finding(look.kind, f"node/{row.site}/{row.name}", text, True, row.site, row.name)


# Jobs ---------------------------------------------------------------------------------------------------------

_WALKING = sa.select(tasks.c.job_id).where(IS_STARTED, tasks.c.position == DISCOVERY)
_IS_WANTED = sa.and_(jobs.c.wanted == Wanted.RUN, sa.not_(jobs.c.pruned), no_hold(jobs.c.site, jobs.c.queue))


def named(row: Row) -> str:
    """A job, for people."""
    return f"job {row.id} ({row.workflow}, at {row.site}, of {row.owner})"


def _of_job(look: Look, row: Row, text: str, *, raises: bool = True) -> Finding:
    return Finding(look.kind, f"job/{row.id}", text, raises, row.site, "", row.id)


def _why(look: Look, rows: Sequence[Row]) -> dict[int, str]:
    """Why each of these jobs waits, behind a colon."""
    told = waiting.explain_jobs(look.conn, rows)
    return {number: f": {why.sentence}" for number, why in told.items() if why is not None}


_NOT_STARTED = (
    sa.select(jobs)
    .where(jobs.c.state == JobState.PENDING, _IS_WANTED, jobs.c.created_at <= _SINCE)
    .where(jobs.c.id.not_in(_WALKING))
    .order_by(jobs.c.id)
    .limit(MOST_OPEN)
)


def _not_started(look: Look) -> Iterator[Finding]:
    rows = look.conn.execute(_NOT_STARTED, {"since": look.since}).all()
    why = _why(look, rows)
    for row in rows:
        text = f"{named(row)} was submitted {look.ago(row.created_at)} ago, and nothing of it has begun"
        yield _of_job(look, row, text + why.get(row.id, ""))


_STALLED = (
    sa.select(jobs, watches.c.since)
    .join(watches, watches.c.job_id == jobs.c.id)
    .where(jobs.c.ended_at.is_(None), _IS_WANTED, watches.c.since <= _SINCE)
    .order_by(jobs.c.id)
    .limit(MOST_OPEN)
)


def _stalled(look: Look) -> Iterator[Finding]:
    rows = look.conn.execute(_STALLED, {"since": look.since}).all()
    why = _why(look, rows)
    for row in rows:
        text = f"{named(row)} came no further for {look.ago(row.since)}"
        yield _of_job(look, row, text + why.get(row.id, ": what runs of it reports nothing"))


_ENDED = jobs.c.done + jobs.c.failed + jobs.c.skipped + jobs.c.aborted
_UNDER_WAY = (JobState.STARTED, JobState.PAUSING, JobState.PAUSED)


_FAILING = (
    sa.select(jobs, _ENDED.label("ended"))
    .where(jobs.c.ended_at.is_(None), jobs.c.state.in_(_UNDER_WAY), sa.not_(jobs.c.pruned))
    .where(_ENDED >= LEAST_PATHS)
    .where(jobs.c.failed * 100.0 >= sa.bindparam("keeps", type_=sa.Float) * _ENDED)
    .order_by(jobs.c.id)
    .limit(MOST_OPEN)
)


def _failing(look: Look) -> Iterator[Finding]:
    for row in look.conn.execute(_FAILING, {"keeps": look.keeps}):
        share = 100 * row.failed / row.ended
        text = (
            f"{named(row)} fails: {share:.0f} % of the {row.ended:,} paths that ended failed ({row.failed:,})"
        )
        yield _of_job(look, row, text, raises=share >= look.threshold)


_AGAIN = jobs.alias("again")
_FAILED = (
    sa.select(jobs)
    .where(IS_FAILED, jobs.c.ended_at > _SINCE, sa.not_(jobs.c.pruned))
    .where(~sa.exists().where(_AGAIN.c.retry_of == jobs.c.id))
    .order_by(jobs.c.ended_at, jobs.c.id)
    .limit(MOST_OPEN)
)


def _failed(look: Look) -> Iterator[Finding]:
    for row in look.conn.execute(_FAILED, {"since": look.since}):
        lost = f", {row.unknown:,} are unknown" if row.unknown else ""
        text = (
            f"{named(row)} ended in FAILURE: {row.failed:,} of {row.discovered:,} paths failed{lost}, {row.done:,}"
            f" were done; see: towpath job paths {row.id} --outcome failed"
        )
        yield _of_job(look, row, text)


# Disks and certificates ---------------------------------------------------------------------------------------

_DISKS = (
    sa.select(nodes.c.site, nodes.c.name, nodes.c.disks, nodes.c.disks_at)
    .where(nodes.c.disks.is_not(None), nodes.c.removed_at.is_(None))
    .order_by(nodes.c.site, nodes.c.name)
)
_HUB_DISKS = sa.select(hubs).where(hubs.c.disk_total > 0).order_by(hubs.c.name)
_CERTIFICATES = (
    sa.select(hubs).where(hubs.c.certificate_ends_at <= sa.bindparam("soon")).order_by(hubs.c.name)
)


@dataclass(frozen=True, slots=True)
class _Full:
    """How full a file system was when somebody said so."""

    is_fresh: bool
    share: float
    """Percent of what is there for ordinary users that is used."""
    text: str


def _full(free: int, total: int, is_fresh: bool) -> _Full:
    share = 100 * (total - free) / total if total > 0 else 0.0
    return _Full(is_fresh, share, f"{share:.0f} % used, {free / 1e9:,.1f} of {total / 1e9:,.1f} GB are free")


def _disks_high(look: Look) -> Iterator[Finding]:
    found: dict[tuple[str, str], list[_Full]] = {}
    for row in look.conn.execute(_DISKS):
        is_fresh = look.now - (row.disks_at or 0) < STALE
        for root, (free, total) in sorted(row.disks.items()):
            found.setdefault((row.site, root), []).append(_full(free, total, is_fresh))
    for (site, root), said in sorted(found.items()):
        # Several nodes see the same file system: what one of them said just now is worth more than what is old.
        worst = max(said, key=lambda one: (one.is_fresh, one.share))
        if worst.share >= look.keeps:
            text = f"root {root} of site {site} fills up: {worst.text}"
            raises = worst.is_fresh and worst.share >= look.threshold
            yield Finding(look.kind, f"root/{site}/{root}", text, raises, site)
    for row in look.conn.execute(_HUB_DISKS):
        full = _full(row.disk_free, row.disk_total, look.now - row.seen_at < STALE)
        if full.share >= look.keeps:
            text = f"the file system of hub {row.name} fills up: {full.text}"
            yield Finding(look.kind, f"hub/{row.name}", text, full.is_fresh and full.share >= look.threshold)


def _certificates_ending(look: Look) -> Iterator[Finding]:
    for row in look.conn.execute(_CERTIFICATES, {"soon": look.now + int(look.threshold * DAY)}):
        left = (row.certificate_ends_at - look.now) // SECOND
        when = f"ends in {span(left)}" if left > 0 else "has ended"
        text = (
            f"the certificate of hub {row.name} {when}, at {moment(row.certificate_ends_at)}: renew its files"
        )
        yield Finding(look.kind, f"hub/{row.name}", text, look.now - row.seen_at < STALE)


_LOOKS: Mapping[AlertKind, Callable[[Look], Iterator[Finding]]] = {
    AlertKind.SITE_OFFLINE: _sites_offline,
    AlertKind.NODE_OFFLINE: _nodes_offline,
    AlertKind.JOB_NOT_STARTED: _not_started,
    AlertKind.JOB_STALLED: _stalled,
    AlertKind.JOB_FAILING: _failing,
    AlertKind.JOB_FAILED: _failed,
    AlertKind.DISK_HIGH: _disks_high,
    AlertKind.CERTIFICATE_ENDING: _certificates_ending,
    AlertKind.REPORT_REFUSED: _reports_refused,
}


def find(conn: Connection, now: int, kind: AlertKind, threshold: float) -> list[Finding]:
    """What of one kind is so now, at most `MOST_OPEN`; each thing once."""
    return list(_LOOKS[kind](Look(conn, now, kind, threshold)))[:MOST_OPEN]


# How far running jobs have come -------------------------------------------------------------------------------

WATCHED_AT_ONCE = 500
_MARKED = (
    "discovered",
    "unmatched",
    "done",
    "failed",
    "skipped",
    "aborted",
    "not_run",
    "unknown",
    "bytes_done",
)


def watch(conn: Connection, now: int, behind: int = 0) -> int | None:
    """Note of some jobs that run, those behind an id, how far they have come; the last id, None at the end."""
    query = (
        sa.select(jobs.c.id, *(jobs.c[name] for name in _MARKED))
        .where(jobs.c.ended_at.is_(None), jobs.c.wanted == Wanted.RUN, jobs.c.id > behind)
        .where(sa.or_(jobs.c.state == JobState.STARTED, jobs.c.id.in_(_WALKING)))
        .where(no_hold(jobs.c.site, jobs.c.queue))
        .order_by(jobs.c.id)
        .limit(WATCHED_AT_ONCE)
    )
    rows = conn.execute(query).all()
    last = rows[-1].id if len(rows) == WATCHED_AT_ONCE else None
    # Of jobs of this stretch that do not run now: a pause is no standstill, and what goes on counts anew.
    mine = [watches.c.job_id > behind] + ([watches.c.job_id <= last] if last is not None else [])
    noted = conn.execute(sa.select(watches.c.job_id, watches.c.mark).where(*mine))
    kept: dict[int, str] = {row.job_id: row.mark for row in noted}
    marks = _marks(conn, rows)
    gone = kept.keys() - marks.keys()
    changed = [number for number, mark in marks.items() if kept.get(number) != mark]
    if old := sorted(gone | kept.keys() & set(changed)):
        conn.execute(sa.delete(watches).where(watches.c.job_id.in_(old)))
    if changed:
        fresh = [{"job_id": number, "mark": marks[number], "since": now} for number in changed]
        conn.execute(sa.insert(watches), fresh)
    return last


def _marks(conn: Connection, rows: Sequence[Row]) -> dict[int, str]:
    """A text for each job that is another as soon as anything of it has come further."""
    steps = _steps_ended(conn, [row.id for row in rows])
    moving: dict[int, int] = {}
    told = sa.select(nodes.c.progress).where(nodes.c.progress.is_not(None), HEARD)
    for progress in conn.scalars(told if rows else told.where(sa.false())):
        for number, (paths, size) in progress.items():
            moving[int(number)] = moving.get(int(number), 0) + paths + size
    return {row.id: f"{sum(row[1:])}/{steps.get(row.id, 0)}/{moving.get(row.id, 0)}"[:100] for row in rows}


def _steps_ended(conn: Connection, job_ids: Sequence[int]) -> Mapping[int, int]:
    """Per job how many paths have ended at any step: a chain of several comes on before a path is done."""
    p = path_tallies.c
    total = sa.func.sum(p.processed + p.failed + p.skipped + p.aborted + p.unknown + p.not_run + p.bytes)
    query = sa.select(p.job_id, total).where(p.job_id.in_(job_ids)).group_by(p.job_id)
    return {int(row[0]): int(row[1] or 0) for row in conn.execute(query)} if job_ids else {}
