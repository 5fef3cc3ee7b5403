"""Events in the database: written with the change that they tell of, and numbered once that is committed."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.events import Event, EventFilter
from towpath.store.database import Tx
from towpath.store.tables import event_cursors, events

LAST, LOG, RIGHTS = "last", "log", "rights"
_LAST_OF_ALL = 2**63 - 1

_READ = (events.c.number, events.c.kind, events.c.at, events.c.job, events.c.site, events.c.node)
_COLUMNS = (*_READ, events.c.workflow, events.c.details, events.c.place)
_NEW = (
    sa.select(events.c.id, *_COLUMNS[1:])
    .where(events.c.number.is_(None))
    .order_by(events.c.id)
    .limit(sa.bindparam("most"))
)
_BEHIND = (
    sa.select(*_COLUMNS)
    .where(events.c.number > sa.bindparam("behind"), events.c.number <= sa.bindparam("upto"))
    .order_by(events.c.number)
    .limit(sa.bindparam("most"))
    .offset(sa.bindparam("skipped"))
)
_RECORD = sa.insert(events)
_NUMBER = (
    sa.update(events).where(events.c.id == sa.bindparam("row_id")).values(number=sa.bindparam("its_number"))
)
_CURSOR = sa.select(event_cursors.c.number).where(event_cursors.c.name == sa.bindparam("which"))
_ADVANCE = (
    sa.update(event_cursors)
    .where(event_cursors.c.name == sa.bindparam("which"), event_cursors.c.number < sa.bindparam("upto"))
    .values(number=sa.bindparam("upto"))
)


def record(tx: Tx, happened: Sequence[Event]) -> None:
    """Write events in the transaction of what they tell of; whatever number they bear, they have none yet."""
    rows = [
        {"kind": e.kind, "at": e.at, "job": e.job, "site": e.site, "node": e.node, "workflow": e.workflow}
        | {"details": json.dumps(dict(e.details), ensure_ascii=False), "place": e.place}
        for e in happened
    ]
    if rows:
        tx.conn.execute(_RECORD, rows)
        tx.news = True


def number_new(tx: Tx, most: int) -> list[Event]:
    """Number at most so many events that have none, in the order in which they were written; returns them.

    Only one transaction may do so at a time. Events of one job are written one after the other, since their job is
    locked meanwhile; so an earlier one is never seen later.
    """
    rows = tx.conn.execute(_NEW, {"most": most}).all()
    if not rows:
        return []
    last = cursor(tx.conn, LAST)
    numbers = [{"row_id": row.id, "its_number": last + place} for place, row in enumerate(rows, 1)]
    tx.conn.execute(_NUMBER, numbers)
    advance(tx, LAST, last + len(rows))
    tx.news = True
    return [_event(last + place, *row[1:]) for place, row in enumerate(rows, 1)]


def cursor(conn: Connection, name: str) -> int:
    """How far one of those who are told has come."""
    return int(conn.execute(_CURSOR, {"which": name}).scalar_one())


def advance(tx: Tx, name: str, number: int) -> None:
    """One of those who are told has come so far; never back."""
    tx.conn.execute(_ADVANCE, {"which": name, "upto": number})


def doubt(tx: Tx) -> None:
    """Whoever listens is asked anew whether they may, before they are told of anything that is committed after this."""
    mine = event_cursors.c.name == RIGHTS
    tx.conn.execute(sa.update(event_cursors).where(mine).values(number=event_cursors.c.number + 1))
    tx.news = True


def list_events(
    conn: Connection,
    wanted: EventFilter,
    limit: int,
    behind: int = 0,
    until: int | None = None,
    skip: int = 0,
) -> list[Event]:
    """At most so many events behind a number, in order; `until` is the last that may be among them."""
    found = tests(wanted)
    query = _BEHIND.where(*found) if found else _BEHIND
    this = {
        "behind": behind,
        "upto": _LAST_OF_ALL if until is None else until,
        "most": limit,
        "skipped": skip,
    }
    return [_event(*row) for row in conn.execute(query, this)]


def find_events(conn: Connection, numbers: Collection[int]) -> dict[int, Event]:
    """The events of these numbers that are still kept."""
    rows = conn.execute(sa.select(*_COLUMNS).where(events.c.number.in_(numbers)))
    return {row.number: _event(*row) for row in rows}


def count_events(conn: Connection, wanted: EventFilter, most: int) -> int:
    """How many events are wanted, counted as far as `most`."""
    some = sa.select(sa.literal(1)).select_from(events).where(events.c.number.is_not(None), *tests(wanted))
    counted = sa.select(sa.func.count()).select_from(some.limit(most).subquery())
    return int(conn.execute(counted).scalar_one())


def oldest(conn: Connection) -> int:
    """The number of the oldest event that is kept; that of the next where none is."""
    found = conn.execute(sa.select(sa.func.min(events.c.number))).scalar()
    return int(found) if found is not None else cursor(conn, LAST) + 1


def tests(wanted: EventFilter) -> list[sa.ColumnElement[bool]]:
    """What a row must be like to be wanted."""
    found: list[sa.ColumnElement[bool]] = []
    if wanted.kinds is not None:
        found.append(events.c.kind.in_(wanted.kinds))
    if wanted.places is not None:
        found.append(events.c.place.in_(wanted.places))
    for column, value in (
        (events.c.job, wanted.job),
        (events.c.site, wanted.site),
        (events.c.workflow, wanted.workflow),
    ):
        if value is not None:
            found.append(column == value)
    return found


def _event(number: int, kind: str, at: int, job: int | None, *rest: Any) -> Event:
    site, node, workflow, details, place = rest
    told: Mapping[str, Any] = json.loads(details)
    return Event(number, kind, at, job, site, node, workflow, told, place)
