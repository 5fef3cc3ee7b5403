"""Alerts: raised once, kept while their cause is found, and cleared once it is gone for good."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.alerts import CALM, Finding, Severity
from towpath.domain.errors import NotFound
from towpath.domain.events import Event
from towpath.engine import alert_rules, destinations, findings
from towpath.engine.alert_rules import MuteView, RuleView, muting
from towpath.store import events
from towpath.store.database import Tx
from towpath.store.tables import IS_OPEN, alerts, hubs, watches

KEPT = 90 * 86_400 * 1_000_000
"""Microseconds for which alerts are kept that were cleared."""
AT_ONCE = 1_000
MOST_COUNTED = 10_000
MOST_NAMED = 500
"""Sites that a statement names; of more, the alerts of all are counted."""

Row = Any
"""A row of `alerts`."""


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert as people see it; times in microseconds since 1970, UTC."""

    id: int
    kind: str
    thing: str
    severity: str
    site: str
    node: str
    job: int | None
    sentence: str
    raised_at: int
    cleared_at: int | None
    muted: MuteView | None
    """Why nobody is told of it, while it stands."""


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts are wanted; None = all."""

    is_open: bool | None = None
    kind: str | None = None
    severity: str | None = None
    site: str | None = None
    job: int | None = None


@dataclass(frozen=True, slots=True)
class HubFacts:
    """What a hub has seen of itself: bytes of its home's file system that an ordinary user may use, and when its
    certificate ends; None = it has none, or it cannot be seen."""

    disk_free: int | None = None
    disk_total: int | None = None
    certificate_ends_at: int | None = None


# What stands --------------------------------------------------------------------------------------------------


_STANDING = sa.select(alerts).where(IS_OPEN)
_UNTOLD = _STANDING.where(~alerts.c.told)
_CLEARED = sa.select(alerts).where(alerts.c.cleared_at == sa.bindparam("now"), alerts.c.told)


def look(tx: Tx) -> None:
    """Raise, keep and clear alerts as things are now, and have people told: only for who conducts.

    Calling it twice changes nothing more. All that it needs is in the database: a hub that restarts goes on.
    """
    mutes = alert_rules.list_mutes(tx.conn, tx.now)
    standing: dict[str, dict[str, Row]] = {}
    for row in tx.conn.execute(_STANDING):
        standing.setdefault(row.kind, {})[row.thing] = row
    happened: list[Event] = []
    for rule in alert_rules.list_rules(tx.conn):
        open_ones = standing.get(rule.kind, {})
        found = findings.find(tx.conn, tx.now, rule.kind, rule.threshold) if rule.enabled else []
        _settle(tx, rule, found, open_ones, happened)
    _tell(tx, mutes)
    events.record(tx, happened)


def _settle(
    tx: Tx, rule: RuleView, found: Sequence[Finding], standing: Mapping[str, Row], happened: list[Event]
) -> None:
    """Make the alerts of one kind what was found."""
    now_so = {one.thing: one for one in found}
    cleared: list[Row] = []
    gone: list[Row] = []
    for thing, row in standing.items():
        one = now_so.get(thing)
        if one is not None:
            _keep(tx, row, one, rule.severity)
        elif not rule.enabled or (row.gone_at is not None and tx.now - row.gone_at >= CALM):
            cleared.append(row)
        elif row.gone_at is None:
            gone.append(row)
    _set(tx, cleared, cleared_at=tx.now, gone_at=sa.func.coalesce(alerts.c.gone_at, tx.now))
    _set(tx, gone, gone_at=tx.now)
    happened += [_event("alert.cleared", tx.now, row) for row in cleared]
    new = [one for one in found if one.raises and one.thing not in standing]
    happened += [_event("alert.raised", tx.now, row) for row in _raise(tx, new, rule.severity)]


def _keep(tx: Tx, row: Row, found: Finding, severity: Severity) -> None:
    """An alert's cause is there yet: its sentence says how it is now, where that is worth a write."""
    if row.gone_at is not None or row.severity != severity:
        _set(tx, [row], gone_at=None, severity=severity, sentence=found.sentence)


def _set(tx: Tx, rows: Sequence[Row], **values: object) -> None:
    """Give alerts these values, a thousand at a time: a look must not keep others from the database for long."""
    for start in range(0, len(rows), AT_ONCE):
        mine = alerts.c.id.in_([row.id for row in rows[start : start + AT_ONCE]])
        tx.conn.execute(sa.update(alerts).where(mine).values(values))


_RAISED = sa.insert(alerts).returning(alerts, sort_by_parameter_order=True)


def _raise(tx: Tx, new: Sequence[Finding], severity: Severity) -> Sequence[Row]:
    """The alerts of what was found, all together, in its order."""
    rows = [
        {
            "kind": one.kind,
            "thing": one.thing,
            "severity": severity,
            "site": one.site,
            "node": one.node,
            "job": one.job,
            "sentence": one.sentence,
            "raised_at": tx.now,
        }
        for one in new
    ]
    return tx.conn.execute(_RAISED, rows).all() if rows else ()


def _event(kind: str, now: int, row: Row) -> Event:
    details = {"alert": row.id, "kind": row.kind, "thing": row.thing, "severity": row.severity}
    return Event(0, kind, now, row.job, row.site, row.node, "", details | {"sentence": row.sentence})


def _tell(tx: Tx, mutes: Sequence[MuteView]) -> None:
    """Have notices made of what stands, nobody has been told of and is not muted, and of what was cleared since."""
    untold = tx.conn.execute(_UNTOLD).all()
    fresh = [row for row in untold if muting(mutes, row.kind, row.thing) is None]
    destinations.hand_out_raised(tx, fresh)
    for start in range(0, len(fresh), AT_ONCE):
        some = [row.id for row in fresh[start : start + AT_ONCE]]
        tx.conn.execute(sa.update(alerts).where(alerts.c.id.in_(some)).values(told=True))
    cleared = tx.conn.execute(_CLEARED, {"now": tx.now}).all()
    destinations.hand_out_cleared(
        tx, [row.id for row in cleared if muting(mutes, row.kind, row.thing) is None]
    )


def watch(tx: Tx, behind: int = 0) -> int | None:
    """Note how far some of the jobs that run have come: see `findings.watch`."""
    return findings.watch(tx.conn, tx.now, behind)


def watch_anew(tx: Tx) -> None:
    """Forget since when jobs came no further: nobody looked for a while, and they may have had no hub."""
    tx.conn.execute(sa.delete(watches))


def note_hub(tx: Tx, name: str, facts: HubFacts) -> None:
    """Keep what a hub has seen of itself: each does so, and the one that conducts makes alerts of it."""
    said = {"seen_at": tx.now, "disk_free": facts.disk_free, "disk_total": facts.disk_total}
    said |= {"certificate_ends_at": facts.certificate_ends_at}
    this = hubs.c.name == name
    if not tx.conn.execute(sa.update(hubs).where(this).values(said)).rowcount:
        tx.conn.execute(sa.insert(hubs).values(name=name, **said))


def forget(tx: Tx) -> bool:
    """Forget some alerts that were cleared longer ago than `KEPT`, with their notices; whether none is left."""
    query = sa.select(alerts.c.id).where(alerts.c.cleared_at < tx.now - KEPT).limit(AT_ONCE)
    old = tx.conn.scalars(query).all()
    destinations.forget(tx, old)
    tx.conn.execute(sa.delete(alerts).where(alerts.c.id.in_(old)))
    alert_rules.forget_mutes(tx)
    tx.conn.execute(sa.delete(hubs).where(hubs.c.seen_at < tx.now - KEPT))
    return len(old) < AT_ONCE


# What people see ----------------------------------------------------------------------------------------------


# A partial index finds what stands, however many alerts are kept.
_LOUD = (
    sa.select(alerts.c.site, alerts.c.severity, sa.func.count().label("number"))
    .where(IS_OPEN, ~alert_rules.is_muted(alerts.c.kind, alerts.c.thing))
    .group_by(alerts.c.site, alerts.c.severity)
)


def list_alerts(
    conn: Connection, wanted: AlertFilter, now: int, limit: int, behind: int | None = None, skip: int = 0
) -> list[AlertView]:
    """At most so many alerts, the newest first, behind one."""
    tests = _tests(wanted)
    if behind is not None:
        tests.append(alerts.c.id < behind)
    mutes = alert_rules.list_mutes(conn, now)
    query = sa.select(alerts).where(*tests).order_by(alerts.c.id.desc()).limit(limit).offset(skip)
    return [_view(row, mutes) for row in conn.execute(query)]


def count_alerts(conn: Connection, wanted: AlertFilter) -> int:
    """How many are wanted, counted as far as `MOST_COUNTED`."""
    some = sa.select(sa.literal(1)).select_from(alerts).where(*_tests(wanted)).limit(MOST_COUNTED)
    return int(conn.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one())


def count_by_site(conn: Connection, of: Collection[str], now: int) -> dict[str, dict[Severity, int]]:
    """How many alerts of each of these sites stand of which people are told, by severity, the gravest first; a site
    without any is left out."""
    query = _LOUD if len(of) > MOST_NAMED else _LOUD.where(alerts.c.site.in_(of))
    found: dict[str, dict[Severity, int]] = {}
    rows = conn.execute(query, {"now": now}).all()
    for row in sorted(rows, key=lambda row: -Severity(row.severity).rank):
        found.setdefault(row.site, {})[Severity(row.severity)] = row.number
    return found


def get_alert(conn: Connection, alert_id: int, now: int) -> AlertView:
    """The alert of that number; raises `NotFound`."""
    row = conn.execute(sa.select(alerts).where(alerts.c.id == alert_id)).first()
    if row is None:
        raise NotFound(f"no alert {alert_id}")
    return _view(row, alert_rules.list_mutes(conn, now))


def _tests(wanted: AlertFilter) -> list[sa.ColumnElement[bool]]:
    tests: list[sa.ColumnElement[bool]] = []
    if wanted.is_open is not None:
        tests.append(IS_OPEN if wanted.is_open else alerts.c.cleared_at.is_not(None))
    for column, value in (
        (alerts.c.kind, wanted.kind),
        (alerts.c.severity, wanted.severity),
        (alerts.c.site, wanted.site),
        (alerts.c.job, wanted.job),
    ):
        if value is not None:
            tests.append(column == value)
    return tests


def _view(row: Row, mutes: Sequence[MuteView]) -> AlertView:
    return AlertView(
        id=row.id,
        kind=row.kind,
        thing=row.thing,
        severity=row.severity,
        site=row.site,
        node=row.node,
        job=row.job,
        sentence=row.sentence,
        raised_at=row.raised_at,
        cleared_at=row.cleared_at,
        muted=muting(mutes, row.kind, row.thing) if row.cleared_at is None else None,
    )
