"""What people tell the hub of whole sites and queues: pause one, with or without an end, and resume it."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, NotFound, did_you_mean
from towpath.domain.wishes import Wish, by_the_time_set
from towpath.store import holds
from towpath.store.database import Tx
from towpath.store.holds import EVERY_QUEUE, Hold, place_of
from towpath.store.tables import lanes, nodes, sites


def pause(tx: Tx, site: str, queue: str, asked: Wish) -> None:
    """Grant nothing at a site, or on one queue of it (`queue` "" = all of them), until it is resumed.

    A later pause takes the place of an earlier one. Raises `NotFound`, or `Mistake` for an end that has passed.
    """
    check_place(tx.conn, site, queue)
    asked.check(tx.now)
    if (before := _standing(tx.conn, site, queue)) is not None:
        holds.end(tx.conn, before, asked.by, "paused anew", tx.now)
    hold = Hold(0, site, queue, asked.by, asked.why, tx.now, asked.resume_at, asked.hand_back)
    holds.insert(tx.conn, hold)
    tx.wakes.add(site)


def resume(tx: Tx, site: str, queue: str, asked: Wish) -> None:
    """Grant again at a site, or on that queue of it; raises `NotFound`, or `Conflict` where it is not paused."""
    check_place(tx.conn, site, queue)
    hold = _standing(tx.conn, site, queue)
    if hold is None:
        others = [f"{other.place} is" for other in holds.list_holds(tx.conn, site)]
        but = f"; {', '.join(others)}" if others else ""
        raise Conflict(f"{place_of(site, queue)} is not paused{but}")
    holds.end(tx.conn, hold, asked.by, asked.why, tx.now)
    tx.wakes.add(site)


def resume_due(tx: Tx) -> int:
    """Resume the sites and queues whose time has come; how many there were."""
    due = holds.list_due(tx.conn, tx.now)
    for hold in due:
        holds.end(tx.conn, hold, by_the_time_set(hold.by), "", tx.now)
        tx.wakes.add(hold.site)
    return len(due)


def _standing(conn: Connection, site: str, queue: str) -> Hold | None:
    """The hold of just that place."""
    return next((hold for hold in holds.list_holds(conn, site) if hold.queue == queue), None)


def check_place(conn: Connection, site: str, queue: str) -> None:
    """Raise `NotFound` for a site, or a queue of it, that nobody knows; `queue` "" is none in particular."""
    known = conn.scalars(sa.select(sites.c.name)).all()
    if site not in known:
        raise NotFound(f"no site '{site}'{did_you_mean(site, known)}")
    if queue != EVERY_QUEUE and not _is_used(conn, site, queue):
        served = conn.scalars(
            sa.select(nodes.c.queues).where(nodes.c.site == site, nodes.c.removed_at.is_(None))
        )
        queues = {name for queues in served for name in queues}
        if queue not in queues:
            raise NotFound(f"site {site} has no queue '{queue}'{did_you_mean(queue, queues)}")


def _is_used(conn: Connection, site: str, queue: str) -> bool:
    """Whether a queue stands paused, or some job has had tasks on it: its nodes may be away, or serve it no longer."""
    if _standing(conn, site, queue) is not None:
        return True
    waiting = sa.select(lanes.c.job_id).where(lanes.c.site == site, lanes.c.queue == queue)
    return conn.execute(waiting.limit(1)).first() is not None
