"""What is told of nodes and their sites: that they are heard, and that they are not."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from towpath.domain.events import Event
from towpath.store import events
from towpath.store.database import Tx
from towpath.store.tables import nodes

HEARD = sa.and_(nodes.c.incarnation.is_not(None), ~nodes.c.silent, ~nodes.c.lost)
"""A node that is not offline."""


def came(tx: Tx, site: str, name: str) -> None:
    """Write that a node is heard which was not; its row says so already."""
    _record(tx, site, name, "node.online", {})
    if not _others(tx, site, name):
        _record(tx, site, "", "site.online", {})


def went(tx: Tx, node_id: int) -> None:
    """Write that a node is not heard any more; its row says so already."""
    site, name = _named(tx, node_id)
    _record(tx, site, name, "node.offline", {})
    if not _others(tx, site, name):
        _record(tx, site, "", "site.offline", {})


def lost(tx: Tx, node_id: int, released: int) -> None:
    """Write that what a node held was taken from it."""
    _record(tx, *_named(tx, node_id), "node.lost", {"tasks": released})


def refused(tx: Tx, site: str, name: str, error: str) -> None:
    """Write that something which a node reported was set aside."""
    _record(tx, site, name, "report.refused", {"error": error[:500]})


def _named(tx: Tx, node_id: int) -> tuple[str, str]:
    row = tx.conn.execute(sa.select(nodes.c.site, nodes.c.name).where(nodes.c.id == node_id)).one()
    return row.site, row.name


def _others(tx: Tx, site: str, name: str) -> bool:
    """Whether another node of the site is heard."""
    query = sa.select(nodes.c.id).where(nodes.c.site == site, nodes.c.name != name, HEARD).limit(1)
    return tx.conn.execute(query).first() is not None


def _record(tx: Tx, site: str, name: str, kind: str, details: Mapping[str, Any]) -> None:
    events.record(tx, [Event(0, kind, tx.now, None, site, name, "", details)])
