"""Destinations: who is told of alerts, and what became of each notice on its way."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import nacl.exceptions
import nacl.secret
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.alerts import Severity, kind_of
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.values import name_fault
from towpath.domain.webhooks import PATIENCE, wait
from towpath.engine.webhooks import Answer, State
from towpath.store.database import Tx
from towpath.store.tables import IS_UNSENT, alerts, destinations, notices

MOST_DESTINATIONS = 100

Row = Any


class Says(StrEnum):
    """What a notice says."""

    RAISED = "raised"
    CLEARED = "cleared"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Address:
    """An Apprise URL, and the same without its secrets, for people."""

    url: str
    shown: str


@dataclass(frozen=True, slots=True)
class DestinationView:
    """A destination as people see it: never its URL."""

    name: str
    shown: str
    kinds: tuple[str, ...]
    """Empty = all."""
    least: Severity
    made_by: str
    created_at: int
    disabled: bool

    def wants(self, kind: str, severity: str) -> bool:
        """Whether it is told of such an alert."""
        if self.disabled or (self.kinds and kind not in self.kinds):
            return False
        return Severity(severity).rank >= self.least.rank


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of what a destination is told: `kinds` empty = all, from `least` on."""

    kinds: tuple[str, ...]
    least: Severity


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice as people see it; `alert` None is a test."""

    id: int
    alert: int | None
    says: Says
    state: State
    attempts: int
    error: str
    due_at: int
    created_at: int
    tried_at: int | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that is to be sent now."""

    id: int
    destination: str
    url: str
    says: Says
    alert: Row
    """The row of its alert; None for a test."""


_VIEW = tuple(
    destinations.c[name] for name in ("name", "shown", "kinds", "least", "made_by", "created_at", "disabled")
)


def add_destination(
    tx: Tx, name: str, address: Address, wanted: Wanted, by: str, hub_key: bytes
) -> DestinationView:
    """Have alerts told there from now on; raises `Conflict` where the name is taken."""
    if problem := name_fault(name):
        raise Mistake(f"destination name: {problem}")
    for kind in wanted.kinds:
        kind_of(kind)
    there = list_destinations(tx.conn)
    if any(one.name == name for one in there):
        raise Conflict(f"destination '{name}' exists already")
    if len(there) >= MOST_DESTINATIONS:
        raise Conflict(f"expected at most {MOST_DESTINATIONS} destinations, found as many; remove one first")
    row: dict[str, object] = {
        "name": name,
        "url": _closed(address.url, hub_key),
        "shown": address.shown,
        "made_by": by,
    }
    row |= {"kinds": ",".join(wanted.kinds), "least": wanted.least, "created_at": tx.now}
    tx.conn.execute(sa.insert(destinations).values(row))
    return get_destination(tx.conn, name)


def list_destinations(conn: Connection) -> list[DestinationView]:
    """All destinations by name."""
    return [_view(row) for row in conn.execute(sa.select(*_VIEW).order_by(destinations.c.name))]


def get_destination(conn: Connection, name: str) -> DestinationView:
    """The destination of that name; raises `NotFound`."""
    row = conn.execute(sa.select(*_VIEW).where(destinations.c.name == name)).first()
    if row is None:
        raise NotFound(f"no destination '{name}'")
    return _view(row)


def _view(row: Row) -> DestinationView:
    r = row._asdict()
    kinds = tuple(kind for kind in r.pop("kinds").split(",") if kind)
    return DestinationView(kinds=kinds, least=Severity(r.pop("least")), **r)


def change_destination(tx: Tx, name: str, wanted: Wanted, disabled: bool | None) -> DestinationView:
    """Another choice of alerts, or none for now (`disabled` None = as it is); what waits goes on waiting."""
    get_destination(tx.conn, name)
    for kind in wanted.kinds:
        kind_of(kind)
    values: dict[str, object] = {"kinds": ",".join(wanted.kinds), "least": wanted.least}
    values |= {} if disabled is None else {"disabled": disabled}
    tx.conn.execute(sa.update(destinations).where(destinations.c.name == name).values(values))
    tx.news = True
    return get_destination(tx.conn, name)


def remove_destination(tx: Tx, name: str) -> None:
    """Tell nothing there any more, and forget what was told."""
    get_destination(tx.conn, name)
    tx.conn.execute(sa.delete(notices).where(notices.c.destination == name))
    tx.conn.execute(sa.delete(destinations).where(destinations.c.name == name))


def _closed(url: str, hub_key: bytes) -> bytes:
    return bytes(nacl.secret.SecretBox(hub_key).encrypt(url.encode()))


def _opened(name: str, kept: bytes, hub_key: bytes) -> str:
    try:
        return nacl.secret.SecretBox(hub_key).decrypt(kept).decode()
    except nacl.exceptions.CryptoError:
        raise Mistake(f"destination {name}: its URL cannot be decrypted; was hub.key replaced?") from None


# On the way ---------------------------------------------------------------------------------------------------


def hand_out_raised(tx: Tx, fresh: Sequence[Row]) -> None:
    """Have each alert that was raised told wherever it is wanted."""
    if not fresh:
        return
    there = list_destinations(tx.conn)
    _insert(
        tx,
        [
            _row(tx, one.name, row.id, Says.RAISED)
            for row in fresh
            for one in there
            if one.wants(row.kind, row.severity)
        ],
    )


def hand_out_cleared(tx: Tx, cleared: Collection[int]) -> None:
    """Have it told that alerts were cleared, wherever it was told that they were raised."""
    if not cleared:
        return
    query = sa.select(notices.c.destination, notices.c.alert).where(notices.c.alert.in_(cleared))
    found = tx.conn.execute(query.where(notices.c.says == Says.RAISED).order_by(notices.c.id))
    _insert(tx, [_row(tx, row.destination, row.alert, Says.CLEARED) for row in found])


def send_test(tx: Tx, name: str) -> int:
    """Have a test wait for a destination, disabled or not; the notice's number."""
    get_destination(tx.conn, name)
    row = _row(tx, name, None, Says.TEST)
    made = tx.conn.execute(sa.insert(notices).values(row).returning(notices.c.id))
    tx.news = True
    return int(made.scalar_one())


def _insert(tx: Tx, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        tx.conn.execute(sa.insert(notices), list(rows))
        tx.news = True


def _row(tx: Tx, name: str, alert: int | None, says: Says) -> dict[str, object]:
    row: dict[str, object] = {"destination": name, "alert": alert, "says": says}
    return row | {"state": State.WAITING, "due_at": tx.now, "created_at": tx.now}


_WAITS = sa.select(notices.c.id).where(IS_UNSENT).limit(1)


def waits(conn: Connection) -> bool:
    """Whether any notice waits, maybe until later."""
    return conn.execute(_WAITS).first() is not None


def names(conn: Connection) -> list[str]:
    """The destinations for which something waits."""
    query = sa.select(notices.c.destination).where(IS_UNSENT).distinct()
    return sorted(conn.scalars(query))


_EARLIER = notices.alias("earlier")
_BEHIND = sa.exists().where(
    _EARLIER.c.destination == notices.c.destination,
    _EARLIER.c.alert == notices.c.alert,
    _EARLIER.c.state == sa.literal_column("'waiting'"),
    _EARLIER.c.id < notices.c.id,
)


def due(tx: Tx, name: str, hub_key: bytes, limit: int) -> list[Notice]:
    """What is to be sent there now: of each alert the first that waits, at most so many."""
    row = tx.conn.execute(sa.select(destinations).where(destinations.c.name == name)).first()
    if row is None or limit < 1:
        return []
    query = sa.select(notices.c.id, notices.c.says, notices.c.alert)
    query = query.where(notices.c.destination == name, IS_UNSENT, notices.c.due_at <= tx.now)
    if row.disabled:
        query = query.where(notices.c.alert.is_(None))
    found = tx.conn.execute(query.where(~_BEHIND).order_by(notices.c.due_at).limit(limit)).all()
    meant = [one.alert for one in found if one.alert is not None]
    about = {one.id: one for one in tx.conn.execute(sa.select(alerts).where(alerts.c.id.in_(meant)))}
    url = _opened(name, row.url, hub_key)
    return [Notice(one.id, name, url, Says(one.says), about.get(one.alert)) for one in found]


def tried(tx: Tx, notice_id: int, answer: Answer, dice: float) -> None:
    """Keep what came of a try: it was taken, or is tried again later, or is given up. `dice` in [0, 1)."""
    row = tx.conn.execute(sa.select(notices).where(notices.c.id == notice_id)).first()
    if row is None or row.state != State.WAITING:
        return
    said: dict[str, object] = {"attempts": row.attempts + 1, "tried_at": tx.now, "error": answer.error[:500]}
    if answer.taken:
        said |= {"state": State.DELIVERED}
    elif row.alert is None or tx.now - row.created_at >= PATIENCE:
        said |= {"state": State.GIVEN_UP}
    else:
        said |= {"due_at": tx.now + wait(row.attempts + 1, dice)}
    tx.conn.execute(sa.update(notices).where(notices.c.id == notice_id).values(said))
    tx.news = True  # The next of its alert may go.


# Looking back -------------------------------------------------------------------------------------------------


def list_notices(
    conn: Connection, name: str, limit: int, behind: int | None = None, skip: int = 0
) -> list[NoticeView]:
    """At most so many notices to a destination, the newest first, behind one."""
    get_destination(conn, name)
    n = notices.c
    tests = [n.destination == name] + ([n.id < behind] if behind is not None else [])
    query = sa.select(n.id, n.alert, n.says, n.state, n.attempts, n.error, n.due_at, n.created_at, n.tried_at)
    rows = conn.execute(query.where(*tests).order_by(n.id.desc()).limit(limit).offset(skip))
    return [NoticeView(row.id, row.alert, Says(row.says), State(row.state), *row[4:]) for row in rows]


def count_notices(conn: Connection, name: str, most: int) -> int:
    """How many notices there are, counted as far as `most`."""
    some = sa.select(sa.literal(1)).select_from(notices).where(notices.c.destination == name).limit(most)
    return int(conn.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one())


def forget(tx: Tx, alert_ids: Collection[int]) -> None:
    """Forget the notices of these alerts."""
    tx.conn.execute(sa.delete(notices).where(notices.c.alert.in_(alert_ids)))
