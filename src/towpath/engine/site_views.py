"""Sites as people see them: one, all of them, or a part of the list, by name or those first that need somebody."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import NotFound, did_you_mean
from towpath.domain.nodes import Health, site_health
from towpath.engine import node_wishes
from towpath.engine.node_wishes import NodeView
from towpath.store import holds
from towpath.store.holds import Hold
from towpath.store.tables import sites

Place = tuple[int, str]
"""Where a site stands in a list: how little it needs somebody, then its name; by name alone all need the same."""
_NEED: Mapping[Health, int] = {Health.CRITICAL: 0, Health.WARNING: 1, Health.OK: 2}
_NOT_JOINED = 3
"""A site without nodes waits for its first one; nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site as people see it."""

    name: str
    health: Health
    roots: Mapping[str, str]
    default_target: str | None
    unguarded: bool
    nodes: tuple[NodeView, ...]
    holds: tuple[Hold, ...]
    """The pauses of it, and of its queues, that stand."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which part of the list is wanted: the first so many behind a place, or all, of the sites with these words in
    their name; those that need somebody first, or all by name."""

    limit: int | None = None
    words: str = ""
    needy_first: bool = False
    behind: Place | None = None


@dataclass(frozen=True, slots=True)
class SitePart:
    """A part of the list; `last` is the place of its last site, None where nothing follows it."""

    count: int
    """How many sites have the words."""
    views: Sequence[SiteView]
    last: Place | None


@dataclass(frozen=True, slots=True)
class SiteStats:
    """How the sites with some words stand: how many of each health, those without nodes left out, and how many tasks
    run there."""

    health: Mapping[Health, int]
    running: int


def list_sites(conn: Connection) -> list[SiteView]:
    """All sites with their nodes, by name."""
    return _views(conn, None)


def find_sites(conn: Connection, sought: Sought) -> SitePart:
    """A part of the list, for which no more is read than where each site stands in it."""
    places, count = _in_need(conn, sought) if sought.needy_first else _by_name(conn, sought)
    shown = places[: sought.limit]
    of = None if sought.limit is None else [name for _, name in shown]
    found = {view.name: view for view in _views(conn, of)}
    last = shown[-1] if len(places) > len(shown) else None
    return SitePart(count, [found[name] for _, name in shown], last)


def site_stats(conn: Connection, words: str) -> SiteStats:
    """How the sites with these words stand."""
    health = dict.fromkeys(Health, 0)
    running = 0
    members = _members(conn)
    for name in conn.scalars(sa.select(sites.c.name).where(_fits(words))):
        if own := members.get(name):
            health[_health(own)] += 1
            running += sum(node.running for node in own)
    return SiteStats(health, running)


def get_site(conn: Connection, name: str) -> SiteView:
    """The site of that name; raises `NotFound`."""
    for view in _views(conn, [name]):
        return view
    raise NotFound(f"no site '{name}'{did_you_mean(name, conn.scalars(sa.select(sites.c.name)))}")


def list_roots(conn: Connection) -> dict[tuple[str, str], str]:
    """The directory of each root of each site."""
    rows = conn.execute(sa.select(sites.c.name, sites.c.roots))
    return {(row.name, root): directory for row in rows for root, directory in row.roots.items()}


def _fits(words: str) -> sa.ColumnElement[bool]:
    return sites.c.name.icontains(words.strip(), autoescape=True)


def _by_name(conn: Connection, sought: Sought) -> tuple[list[Place], int]:
    """The places of the part and of one site more, and how many there are in all."""
    query = sa.select(sites.c.name).where(_fits(sought.words))
    if sought.behind is not None:
        query = query.where(sites.c.name > sought.behind[1])
    found = conn.scalars(query.order_by(sites.c.name).limit(_one_more(sought)))
    count = conn.scalar(sa.select(sa.func.count()).select_from(sites).where(_fits(sought.words)))
    return [(0, name) for name in found], count or 0


def _in_need(conn: Connection, sought: Sought) -> tuple[list[Place], int]:
    members, paused = _members(conn), holds.list_all(conn)
    names = conn.scalars(sa.select(sites.c.name).where(_fits(sought.words))).all()
    places = sorted((_need(members.get(name, ()), name in paused), name) for name in names)
    behind = sought.behind
    rest = places if behind is None else [place for place in places if place > behind]
    return rest[: _one_more(sought)], len(places)


def _one_more(sought: Sought) -> int | None:
    return None if sought.limit is None else sought.limit + 1


def _need(own: Sequence[NodeView], paused: bool) -> int:
    if paused:
        return _NEED[Health.WARNING]
    return _NEED[_health(own)] if own else _NOT_JOINED


def _health(own: Sequence[NodeView]) -> Health:
    return site_health([node.state for node in own])


def _members(conn: Connection, of: Collection[str] | None = None) -> dict[str, list[NodeView]]:
    members: dict[str, list[NodeView]] = {}
    for view in node_wishes.list_nodes(conn, of):
        members.setdefault(view.site, []).append(view)
    return members


def _views(conn: Connection, of: Collection[str] | None) -> list[SiteView]:
    query = sa.select(sites).order_by(sites.c.name)
    rows = conn.execute(query if of is None else query.where(sites.c.name.in_(of)))
    members, standing = _members(conn, of), holds.list_all(conn)
    return [_site(row, members.get(row.name, []), tuple(standing.get(row.name, ()))) for row in rows]


def _site(row: Any, own: Sequence[NodeView], paused: tuple[Hold, ...]) -> SiteView:
    return SiteView(row.name, _health(own), row.roots, row.default_target, row.unguarded, tuple(own), paused)
