"""What the hub knows beside jobs: sites and their nodes, targets and their secrets, and the keys of its API."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nacl.exceptions
import nacl.public
import nacl.secret
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, Mistake, NotFound, did_you_mean
from towpath.domain.nodes import Health, site_health
from towpath.domain.targets import check_credentials, parse_target_url
from towpath.domain.values import name_fault
from towpath.engine import node_wishes
from towpath.engine.node_wishes import NodeView
from towpath.engine.nodes import Unknown
from towpath.engine.workflows import (
    WorkflowView,
    check_workflow,
    define_workflow,
    delete_workflow,
    find_workflow,
    list_workflows,
)
from towpath.store import holds
from towpath.store.database import Tx
from towpath.store.holds import Hold
from towpath.store.tables import api_keys, nodes, sites, targets
from towpath.wire import TargetAsked, TargetTold

__all__ = [
    "WorkflowView",
    "check_workflow",
    "define_workflow",
    "delete_workflow",
    "find_workflow",
    "list_workflows",
]


def _check_name(kind: str, name: str) -> None:
    if problem := name_fault(name):
        raise Mistake(f"{kind} name: {problem}")


# Sites and nodes ----------------------------------------------------------------------------------------------


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


def register_node(tx: Tx, site: str, node: str, public_key: str) -> None:
    """Let a node join, under this key from now on."""
    _check_name("node", node)
    mine = (nodes.c.site == site, nodes.c.name == node)
    done = tx.conn.execute(sa.update(nodes).where(*mine).values(public_key=public_key))
    if done.rowcount == 0:
        row = {"site": site, "name": node, "public_key": public_key, "queues": {}, "lost": True}
        tx.conn.execute(sa.insert(nodes).values(row | {"created_at": tx.now}))


def list_nodes(conn: Connection) -> list[NodeName]:
    """Every node that may join the bus."""
    query = sa.select(nodes.c.site, nodes.c.name, nodes.c.public_key).order_by(nodes.c.site, nodes.c.name)
    return [NodeName(*row) for row in conn.execute(query)]


def list_site_names(conn: Connection) -> list[str]:
    """The names of all sites."""
    return list(conn.scalars(sa.select(sites.c.name).order_by(sites.c.name)))


def list_sites(conn: Connection) -> list[SiteView]:
    """All sites with their nodes, by name."""
    members: dict[str, list[NodeView]] = {}
    for view in node_wishes.list_nodes(conn):
        members.setdefault(view.site, []).append(view)
    rows = conn.execute(sa.select(sites).order_by(sites.c.name))
    standing = holds.list_all(conn)
    return [_site(row, tuple(members.get(row.name, ())), tuple(standing.get(row.name, ()))) for row in rows]


def _site(row: Any, members: tuple[NodeView, ...], paused: tuple[Hold, ...]) -> SiteView:
    health = site_health([node.state for node in members])
    return SiteView(row.name, health, row.roots, row.default_target, row.unguarded, members, paused)


def set_default_target(tx: Tx, site: str, target: str | None) -> None:
    """Give a site the target that is used where none is named; None takes it away."""
    if target is not None:
        find_target(tx.conn, target)
    done = tx.conn.execute(sa.update(sites).where(sites.c.name == site).values(default_target=target))
    if done.rowcount == 0:
        known = tx.conn.scalars(sa.select(sites.c.name))
        raise NotFound(f"no site '{site}'{did_you_mean(site, known)}")


# Targets ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TargetView:
    """A target as people see it: never its secret."""

    name: str
    url: str
    created_at: int


def target_tag(name: str) -> bytes:
    """The 4 bytes that stand for a target in marks: they follow from its name, so that a hub made anew finds it."""
    return hashlib.blake2b(name.encode(), digest_size=4, person=b"towpath-target").digest()


def add_target(tx: Tx, name: str, url: str, credentials: Mapping[str, str], hub_key: bytes) -> None:
    """Make a target known; its credentials are encrypted under the hub's key."""
    _check_name("target", name)
    parsed = parse_target_url(url)
    check_credentials(parsed.scheme, credentials)
    if tx.conn.execute(sa.select(targets.c.name).where(targets.c.name == name)).first():
        raise Conflict(f"target '{name}' stands already; delete it first, or choose another name")
    tag = target_tag(name)
    twin = tx.conn.execute(sa.select(targets.c.name).where(targets.c.tag == tag)).scalar()
    if twin is not None:
        raise Conflict(f"target '{name}': its tag is the one of target '{twin}'; choose another name")
    box = nacl.secret.SecretBox(hub_key)
    secret = bytes(box.encrypt(json.dumps(dict(credentials)).encode())) if credentials else None
    row = {"name": name, "tag": tag, "url": url, "secret": secret, "created_at": tx.now}
    tx.conn.execute(sa.insert(targets).values(row))


def list_targets(conn: Connection) -> list[TargetView]:
    """All targets, by name."""
    query = sa.select(targets.c.name, targets.c.url, targets.c.created_at).order_by(targets.c.name)
    return [TargetView(*row) for row in conn.execute(query)]


def delete_target(tx: Tx, name: str) -> None:
    """Forget a target. Its objects stay; stubs that need them cannot be recalled until it is added again."""
    find_target(tx.conn, name)
    user = tx.conn.execute(sa.select(sites.c.name).where(sites.c.default_target == name)).scalar()
    if user is not None:
        raise Conflict(
            f"target '{name}' is the default target of site {user}; give that site another one first"
        )
    tx.conn.execute(sa.delete(targets).where(targets.c.name == name))


def find_target(conn: Connection, name: str) -> None:
    """Raise `NotFound` unless there is such a target."""
    if conn.execute(sa.select(targets.c.name).where(targets.c.name == name)).first() is None:
        known = conn.scalars(sa.select(targets.c.name))
        raise NotFound(f"no target '{name}'{did_you_mean(name, known)}")


def tell_target(tx: Tx, site: str, name: str, asked: TargetAsked, hub_key: bytes) -> TargetTold:
    """Describe a target to a node, its secret sealed to that node's key: nobody else on the bus can read it."""
    box_key = tx.conn.execute(
        sa.select(nodes.c.box_key).where(nodes.c.site == site, nodes.c.name == name)
    ).scalar()
    if box_key is None:
        raise Unknown(site, name)
    which = targets.c.name == asked.name if asked.name else targets.c.tag == asked.tag
    row = tx.conn.execute(sa.select(targets).where(which)).first()
    if row is None:
        return TargetTold("")
    sealed = b""
    if row.secret is not None:
        try:
            plain = nacl.secret.SecretBox(hub_key).decrypt(row.secret)
        except nacl.exceptions.CryptoError:
            raise Mistake(
                f"target '{row.name}': its secret cannot be decrypted; was hub.key replaced?"
            ) from None
        sealed = bytes(nacl.public.SealedBox(nacl.public.PublicKey(box_key)).encrypt(plain))
    return TargetTold(row.name, row.url, sealed, row.tag)


# Keys of the API ----------------------------------------------------------------------------------------------


def make_api_key(tx: Tx, name: str) -> str:
    """A new key, in the name of `name`: shown this once, only its digest is kept."""
    key = f"towpath_{secrets.token_urlsafe(32)}"
    row = {"name": name, "digest": _digest(key), "created_at": tx.now}
    tx.conn.execute(sa.insert(api_keys).values(row))
    return key


def authenticate(conn: Connection, key: str) -> str | None:
    """In whose name a key speaks; None for one that is not known."""
    query = sa.select(api_keys.c.name).where(api_keys.c.digest == _digest(key))
    name: str | None = conn.execute(query).scalar()
    return name


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
