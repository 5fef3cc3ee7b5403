"""What the hub knows beside jobs: sites and their nodes, buckets and targets, and the keys of its API."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, Mistake, NotFound, did_you_mean
from towpath.domain.rights import Role
from towpath.domain.values import name_fault
from towpath.engine import keys, people
from towpath.engine.buckets import (
    BucketView,
    TargetView,
    add_bucket,
    add_target,
    add_target_in,
    delete_target,
    find_target,
    get_target,
    list_buckets,
    list_targets,
    remove_bucket,
    set_credentials,
    target_tag,
    tell_target,
)
from towpath.engine.site_views import SiteView, get_site, list_sites
from towpath.engine.workflows import (
    WorkflowView,
    check_workflow,
    count_workflows,
    define_workflow,
    delete_workflow,
    find_workflow,
    get_workflow,
    list_workflows,
)
from towpath.store.database import Tx
from towpath.store.tables import nodes, sites

__all__ = [
    "BucketView",
    "SiteView",
    "TargetView",
    "WorkflowView",
    "add_bucket",
    "add_target",
    "add_target_in",
    "check_workflow",
    "count_workflows",
    "define_workflow",
    "delete_target",
    "delete_workflow",
    "find_target",
    "find_workflow",
    "get_site",
    "get_target",
    "get_workflow",
    "list_buckets",
    "list_sites",
    "list_targets",
    "list_workflows",
    "remove_bucket",
    "set_credentials",
    "target_tag",
    "tell_target",
]


def _check_name(kind: str, name: str) -> None:
    if problem := name_fault(name):
        raise Mistake(f"{kind} name: {problem}")


# Sites and nodes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NodeName:
    """Who may join the bus: a node, and the public part of its NKEY."""

    site: str
    name: str
    public_key: str


def add_site(tx: Tx, name: str) -> None:
    """Make a site known; nothing happens where it is."""
    _check_name("site", name)
    if tx.conn.execute(sa.select(sites.c.name).where(sites.c.name == name)).first() is None:
        tx.conn.execute(sa.insert(sites).values(name=name, roots={}, steps=[], created_at=tx.now))


def add_new_site(tx: Tx, name: str) -> None:
    """Make a site known; raises `Conflict` where it is."""
    if name in list_site_names(tx.conn):
        raise Conflict(f"site {name} is there already")
    add_site(tx, name)


def check_site(conn: Connection, name: str) -> None:
    """Raise `NotFound` unless there is such a site."""
    known = list_site_names(conn)
    if name not in known:
        raise NotFound(f"no site '{name}'{did_you_mean(name, known)}")


def register_node(tx: Tx, site: str, node: str, public_key: str) -> None:
    """Let a node join, under this key from now on; also one that was removed."""
    _check_name("node", node)
    mine = (nodes.c.site == site, nodes.c.name == node)
    change = {"public_key": public_key, "removed_at": None}
    done = tx.conn.execute(sa.update(nodes).where(*mine).values(change))
    if done.rowcount == 0:
        row = {"site": site, "name": node, "public_key": public_key, "queues": {}, "lost": True}
        tx.conn.execute(sa.insert(nodes).values(row | {"created_at": tx.now}))


def list_nodes(conn: Connection) -> list[NodeName]:
    """Every node that may join the bus."""
    query = sa.select(nodes.c.site, nodes.c.name, nodes.c.public_key).where(nodes.c.removed_at.is_(None))
    query = query.order_by(nodes.c.site, nodes.c.name)
    return [NodeName(*row) for row in conn.execute(query)]


_SITE_NAMES = sa.select(sites.c.name).order_by(sites.c.name)


def list_site_names(conn: Connection) -> list[str]:
    """The names of all sites."""
    return list(conn.scalars(_SITE_NAMES))


def set_default_target(tx: Tx, site: str, target: str | None) -> None:
    """Give a site the target that is used where none is named; None takes it away."""
    if target is not None:
        find_target(tx.conn, target)
    done = tx.conn.execute(sa.update(sites).where(sites.c.name == site).values(default_target=target))
    if done.rowcount == 0:
        known = tx.conn.scalars(sa.select(sites.c.name))
        raise NotFound(f"no site '{site}'{did_you_mean(site, known)}")


# Keys of the API ----------------------------------------------------------------------------------------------


def make_api_key(tx: Tx, name: str) -> str:
    """A new key of an administrator of that name, made if there is none: shown this once, only its digest is kept."""
    people.ensure_user(tx, name, Role.ADMINISTRATOR)
    return keys.make_key(tx, name, "made at the hub")[1]
