"""Rules of alerts as people have set them, and their mutes."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.alerts import LONGEST_WHY, RULES, AlertKind, Mute, Severity, check_threshold, kind_of
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.store.database import Tx
from towpath.store.tables import alert_mutes, alert_rules

MOST_MUTES = 1_000


@dataclass(frozen=True, slots=True)
class RuleView:
    """The rule of a kind as it holds; `set_by` None: as it came."""

    kind: AlertKind
    enabled: bool
    severity: Severity
    threshold: float
    set_by: str | None = None
    set_at: int | None = None


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What is to be changed of a rule; None = as it is."""

    enabled: bool | None = None
    severity: Severity | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class MuteView:
    """A mute as people see it; `kind` and `thing` "" = any, `until` None = until it is taken back."""

    id: int
    kind: str
    thing: str
    why: str
    until: int | None
    by: str
    at: int

    @property
    def meant(self) -> Mute:
        """Which alerts it is about."""
        return Mute(self.kind, self.thing)


_CHANGED = sa.select(alert_rules)


def list_rules(conn: Connection) -> list[RuleView]:
    """The rules of all kinds."""
    changed = {row.kind: row for row in conn.execute(_CHANGED)}
    found = []
    for kind, rule in RULES.items():
        row = changed.get(kind)
        if row is None:
            found.append(RuleView(kind, rule.enabled, rule.severity, rule.threshold))
        else:
            severity = Severity(row.severity)
            found.append(RuleView(kind, row.enabled, severity, row.threshold, row.set_by, row.set_at))
    return found


def get_rule(conn: Connection, kind: AlertKind) -> RuleView:
    """The rule of one kind."""
    return next(rule for rule in list_rules(conn) if rule.kind is kind)


def change_rule(tx: Tx, kind: AlertKind, change: RuleChange, by: str) -> None:
    """Set some of a rule; raises `Mistake` for a threshold that it cannot have."""
    now = get_rule(tx.conn, kind)
    threshold = now.threshold if change.threshold is None else change.threshold
    check_threshold(kind, threshold)
    said = {
        "enabled": now.enabled if change.enabled is None else change.enabled,
        "severity": change.severity or now.severity,
        "threshold": threshold,
        "set_by": by,
        "set_at": tx.now,
    }
    tx.conn.execute(sa.delete(alert_rules).where(alert_rules.c.kind == kind))
    tx.conn.execute(sa.insert(alert_rules).values(kind=kind, **said))


# Mutes --------------------------------------------------------------------------------------------------------


def mute(tx: Tx, meant: Mute, why: str, until: int | None, by: str) -> MuteView:
    """Tell nobody of these alerts until then (microseconds since 1970); they are raised and cleared all the same."""
    if meant.kind:
        kind_of(meant.kind)
    if not why.strip() or len(why) > LONGEST_WHY:
        raise Mistake(f"why: expected a reason of at most {LONGEST_WHY} characters, found {len(why)}")
    if until is not None and until <= tx.now:
        raise Mistake("until: expected a time that is to come, found one that has passed")
    if len(list_mutes(tx.conn, tx.now)) >= MOST_MUTES:
        raise Conflict(f"expected at most {MOST_MUTES} mutes, found as many; take one back first")
    row = {"kind": meant.kind, "thing": meant.thing, "why": why, "until": until, "by": by, "at": tx.now}
    number = tx.conn.execute(sa.insert(alert_mutes).values(row).returning(alert_mutes.c.id)).scalar_one()
    return MuteView(int(number), meant.kind, meant.thing, why, until, by, tx.now)


_HOLDS = sa.or_(alert_mutes.c.until.is_(None), alert_mutes.c.until > sa.bindparam("now"))
_MUTES = sa.select(alert_mutes).where(_HOLDS).order_by(alert_mutes.c.id)


def list_mutes(conn: Connection, now: int) -> list[MuteView]:
    """The mutes that hold, the oldest first."""
    return [MuteView(*row) for row in conn.execute(_MUTES, {"now": now})]


def unmute(tx: Tx, mute_id: int) -> None:
    """Tell of these alerts again, also of those that stand; raises `NotFound`."""
    if not tx.conn.execute(sa.delete(alert_mutes).where(alert_mutes.c.id == mute_id)).rowcount:
        raise NotFound(f"no mute {mute_id}")


def muting(mutes: Sequence[MuteView], kind: str, thing: str) -> MuteView | None:
    """The mute that covers an alert: the one that holds longest."""
    found = [one for one in mutes if one.meant.covers(kind, thing)]
    return max(found, key=lambda one: (one.until is None, one.until or 0), default=None)


def is_muted(kind: sa.ColumnElement[str], thing: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a mute covers alerts, as `Mute.covers` says it; to be run with `now`."""
    covers = (alert_mutes.c.kind.in_(["", kind]), alert_mutes.c.thing.in_(["", thing]))
    return sa.exists().where(_HOLDS, *covers)


def forget_mutes(tx: Tx) -> None:
    """Forget mutes whose time has passed."""
    tx.conn.execute(sa.delete(alert_mutes).where(alert_mutes.c.until <= tx.now))
