"""What people tell the hub of nodes: drain one, let it work again, change its slots; and how nodes stand."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, NotFound, did_you_mean
from towpath.domain.nodes import Heard, NodeState, node_state
from towpath.domain.slots import check_slots, effective
from towpath.store.database import Tx
from towpath.store.tables import IS_STARTED, nodes, sites, tasks

Slots = Mapping[str, Mapping[str, int]]
"""Queue → function → slots."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as people see it; times are microseconds since 1970, UTC."""

    site: str
    name: str
    state: NodeState
    heard_at: int | None
    running: int
    """Tasks that it holds."""
    queues: Slots
    """The slots that it has."""
    started_with: Slots
    """The slots that it has where people wish nothing else."""
    drain_at: int | None
    drain_by: str | None
    drain_why: str | None
    software: str


_HELD = (
    sa.select(tasks.c.node_id, sa.func.count().label("held"))
    .where(IS_STARTED, tasks.c.node_id.is_not(None))
    .group_by(tasks.c.node_id)
    .subquery()
)
_VIEWS = (
    sa.select(nodes, sa.func.coalesce(_HELD.c.held, 0).label("held"))
    .join_from(nodes, _HELD, _HELD.c.node_id == nodes.c.id, isouter=True)
    .where(nodes.c.removed_at.is_(None))
    .order_by(nodes.c.site, nodes.c.name)
)


def list_nodes(conn: Connection, of: Collection[str] | None = None) -> list[NodeView]:
    """All nodes, or those of some sites, by name."""
    query = _VIEWS if of is None else _VIEWS.where(nodes.c.site.in_(of))
    return [_view(row) for row in conn.execute(query)]


def get_node(conn: Connection, site: str, name: str) -> NodeView:
    """The node of that name; raises `NotFound`."""
    members = {node.name: node for node in list_nodes(conn, [site])}
    if name not in members:
        _check_site(conn, site)
        raise NotFound(f"site {site} has no node '{name}'{did_you_mean(name, members)}")
    return members[name]


def _view(row: Any) -> NodeView:
    drains = row.drain_at is not None or row.draining
    facts = Heard(row.incarnation is not None, row.silent, row.lost, drains, row.held)
    return NodeView(
        site=row.site,
        name=row.name,
        state=node_state(facts),
        heard_at=row.heard_at,
        running=row.held,
        queues=effective(row.queues, row.slots or {}),
        started_with=row.queues,
        drain_at=row.drain_at,
        drain_by=row.drain_by,
        drain_why=row.drain_why,
        software=row.software,
    )


def _check_site(conn: Connection, site: str) -> None:
    known = conn.scalars(sa.select(sites.c.name)).all()
    if site not in known:
        raise NotFound(f"no site '{site}'{did_you_mean(site, known)}")


# Wishes -------------------------------------------------------------------------------------------------------


def drain(tx: Tx, site: str, name: str, by: str, why: str = "") -> None:
    """Grant a node nothing more; what it runs ends, walks go on elsewhere. Raises `NotFound`."""
    get_node(tx.conn, site, name)
    _wish(tx, site, name, {"drain_at": tx.now, "drain_by": by, "drain_why": why})


def undrain(tx: Tx, site: str, name: str) -> None:
    """Let a node work again; raises `NotFound`, or `Conflict` where nobody wished it to drain."""
    if get_node(tx.conn, site, name).drain_at is None:
        raise Conflict(f"node {site}/{name} was not asked to drain")
    _wish(tx, site, name, dict.fromkeys(("drain_at", "drain_by", "drain_why")))


def drain_site(tx: Tx, site: str, by: str, why: str = "") -> None:
    """Have all nodes of a site drain; raises `NotFound`."""
    _check_site(tx.conn, site)
    for node in list_nodes(tx.conn, [site]):
        drain(tx, site, node.name, by, why)


def undrain_site(tx: Tx, site: str) -> None:
    """Let all nodes of a site work again; raises `NotFound`."""
    _check_site(tx.conn, site)
    for node in list_nodes(tx.conn, [site]):
        if node.drain_at is not None:
            undrain(tx, site, node.name)


def remove(tx: Tx, site: str, name: str) -> None:
    """Let a node in no more: nothing that it says is heard from now on. Raises `NotFound`.

    What it holds stays its own until its leases have run out, for it may not have heard of this, and go on as long.
    """
    get_node(tx.conn, site, name)
    _wish(tx, site, name, {"removed_at": tx.now, "silent": True})


@dataclass(frozen=True, slots=True)
class SlotsWished:
    """How many slots a function of a queue of a node is to have; None: as many as it was started with."""

    queue: str
    function: str
    slots: int | None

    def __post_init__(self) -> None:
        check_slots(self.queue, self.function, self.slots or 0)


def set_slots(tx: Tx, site: str, name: str, wished: SlotsWished) -> None:
    """Change the slots of a node while it works; it hears of it with its next heartbeat. Raises `NotFound`."""
    get_node(tx.conn, site, name)
    mine = (nodes.c.site == site, nodes.c.name == name)
    row = tx.conn.execute(sa.select(nodes.c.slots).where(*mine).with_for_update()).one()
    slots = {queue: dict(functions) for queue, functions in (row.slots or {}).items()}
    functions = slots.setdefault(wished.queue, {})
    functions.pop(wished.function, None)
    if wished.slots is not None:
        functions[wished.function] = wished.slots
    kept = {queue: functions for queue, functions in slots.items() if functions}
    _wish(tx, site, name, {"slots": kept or None})


def _wish(tx: Tx, site: str, name: str, values: Mapping[str, object]) -> None:
    mine = (nodes.c.site == site, nodes.c.name == name)
    tx.conn.execute(sa.update(nodes).where(*mine).values(values))
    tx.wakes.add(site)
