"""Holds: pauses of a site or of one of its queues, which stand beside the jobs and change none of them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.store.tables import holds

EVERY_QUEUE = ""
"""The queue of a hold that keeps a whole site."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause of a site, or of one queue of it, that stands; times are microseconds since 1970, UTC."""

    id: int
    site: str
    queue: str
    by: str
    why: str
    at: int
    until: int | None
    hand_back: bool
    """What runs there is to be given back."""

    @property
    def place(self) -> str:
        """What it keeps, for people."""
        return place_of(self.site, self.queue)

    def keeps(self, queue: str) -> bool:
        """Whether it keeps that queue of its site."""
        return self.queue in (EVERY_QUEUE, queue)


def place_of(site: str, queue: str) -> str:
    """A site, or a queue of one, for people."""
    return f"queue {queue} of site {site}" if queue else f"site {site}"


_STANDING = sa.select(
    holds.c.id, holds.c.site, holds.c.queue, holds.c.by, holds.c.why, holds.c.at, holds.c.until,
    holds.c.hand_back,
).where(holds.c.ended_at.is_(None))  # fmt: skip
_DUE = _STANDING.where(holds.c.until <= sa.bindparam("now"))
_AT_SITE = _STANDING.where(holds.c.site == sa.bindparam("of_site")).order_by(holds.c.queue)


def no_hold(site: Any, queue: Any) -> sa.ColumnElement[bool]:
    """The condition that nothing keeps a queue of a site: for the query that grants."""
    standing = sa.select(holds.c.id).where(holds.c.ended_at.is_(None), holds.c.site == site)
    return ~standing.where(sa.or_(holds.c.queue == EVERY_QUEUE, holds.c.queue == queue)).exists()


def list_holds(conn: Connection, site: str) -> list[Hold]:
    """The holds that stand at a site: that of the whole site first, then by queue."""
    return [Hold(*row) for row in conn.execute(_AT_SITE, {"of_site": site})]


def list_all(conn: Connection) -> dict[str, list[Hold]]:
    """The holds that stand anywhere, by site."""
    found: dict[str, list[Hold]] = {}
    for row in conn.execute(_STANDING.order_by(holds.c.site, holds.c.queue)):
        found.setdefault(row.site, []).append(Hold(*row))
    return found


def list_standing(conn: Connection, sites: Collection[str]) -> list[Hold]:
    """The holds that stand at these sites: that of a whole site before those of its queues."""
    query = _STANDING.where(holds.c.site.in_(sites)).order_by(holds.c.site, holds.c.queue)
    return [Hold(*row) for row in conn.execute(query)]


def list_due(conn: Connection, now: int) -> list[Hold]:
    """The holds whose time has come to end."""
    return [Hold(*row) for row in conn.execute(_DUE, {"now": now})]


def insert(conn: Connection, hold: Hold) -> None:
    """Write a new hold; its `id` is not used."""
    names = ("site", "queue", "by", "why", "at", "until", "hand_back")
    conn.execute(sa.insert(holds).values({name: getattr(hold, name) for name in names}))


def end(conn: Connection, hold: Hold, by: str, why: str, at: int) -> None:
    """A hold stands no longer."""
    ended = {"ended_at": at, "ended_by": by, "ended_why": why}
    conn.execute(sa.update(holds).where(holds.c.id == hold.id).values(ended))
