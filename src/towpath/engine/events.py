"""Events on their way from the database to those who are told: numbered, logged, and in the end forgotten."""

import sqlalchemy as sa

from towpath.engine import webhooks
from towpath.store import events as rows
from towpath.store.database import Tx
from towpath.store.tables import IS_WAITING, deliveries, events

AT_ONCE = 500
"""Events that are numbered, or forgotten, in one transaction."""


def number(tx: Tx) -> bool:
    """Give their numbers to some events that have none, and hand them to the webhooks that want them.

    Returns whether none is left. Only for who conducts.
    """
    numbered = rows.number_new(tx, AT_ONCE)
    webhooks.hand_out(tx, numbered)
    return len(numbered) < AT_ONCE


def logged(tx: Tx, number: int) -> None:
    """Keep that all events up to this one stand in the log of the bus."""
    rows.advance(tx, rows.LOG, number)


def forget(tx: Tx, keep: int) -> bool:
    """Forget some events that are older than so many microseconds; returns whether none is left.

    Deliveries of events that are not kept any more go with them, unless they still wait: those keep their events.
    """
    first = sa.select(events.c.id, events.c.at).where(events.c.number.is_not(None))
    oldest = tx.conn.execute(first.order_by(events.c.number).limit(AT_ONCE)).all()
    old = [row.id for row in oldest if row.at < tx.now - keep]
    awaited = sa.exists().where(deliveries.c.number == events.c.number, IS_WAITING)
    gone = tx.conn.execute(sa.delete(events).where(events.c.id.in_(old), ~awaited)).rowcount
    webhooks.forget(tx, keep)
    return gone < AT_ONCE
