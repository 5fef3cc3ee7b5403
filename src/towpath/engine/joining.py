"""Joining: tokens with which nodes come to a site from elsewhere, each once."""

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.values import name_fault
from towpath.engine import registry
from towpath.engine.keys import digest
from towpath.store.database import Tx
from towpath.store.tables import join_tokens, nodes

SECOND = 1_000_000
USUAL_LIFE = 3600 * SECOND
"""Microseconds for which a token can be used where its maker says nothing."""
LONGEST_LIFE = 30 * 24 * 3600 * SECOND
KEPT = 30 * 24 * 3600 * SECOND
"""Microseconds for which a token stays listed once it can be used no more."""


class NotAdmitted(Mistake):
    """The token opens nothing: the text says why."""


class TokenState(StrEnum):
    """What can be done with a token."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as people see it, without what opens; times are microseconds since 1970."""

    id: int
    site: str
    node: str | None
    made_by: str
    created_at: int
    expires_at: int
    revoked_at: int | None
    used_at: int | None
    used_by: str | None
    state: TokenState


@dataclass(frozen=True, slots=True)
class Joiner:
    """Who comes with a token: the public part of its NKEY, and the name that it would like; None = the token's."""

    public_key: str
    node: str | None
    machine: str | None = None
    """Its name where neither it nor the token says one."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A node that was let in; `others`: its site has or had other nodes."""

    site: str
    node: str
    others: bool


def make_token(tx: Tx, site: str, node: str | None, by: str, expires_at: int | None) -> tuple[int, str]:
    """A token for one node of a site: its id, and the code, which is shown this once.

    Raises `NotFound` for a site that nobody knows, `Mistake` for a name or time that cannot be.
    """
    registry.check_site(tx.conn, site)
    if node is not None:
        _check_node(node)
    until = tx.now + USUAL_LIFE if expires_at is None else expires_at
    if not tx.now < until <= tx.now + LONGEST_LIFE:
        raise Mistake("expires_at: expected a time to come, within 30 days, found another")
    tx.conn.execute(sa.delete(join_tokens).where(join_tokens.c.expires_at < tx.now - KEPT))
    code = secrets.token_urlsafe(32)
    row = {
        "digest": digest(code),
        "site": site,
        "node": node,
        "made_by": by,
        "created_at": tx.now,
        "expires_at": until,
    }
    made = tx.conn.execute(sa.insert(join_tokens).values(row).returning(join_tokens.c.id)).scalar_one()
    return int(made), code


def list_tokens(conn: Connection, site: str | None, now: int) -> list[TokenView]:
    """All tokens, or those of a site, the newest first."""
    query = sa.select(join_tokens).order_by(join_tokens.c.id.desc())
    if site is not None:
        query = query.where(join_tokens.c.site == site)
    return [_view(row, now) for row in conn.execute(query)]


def find_token(conn: Connection, token_id: int, now: int) -> TokenView:
    """The token of that id; raises `NotFound`."""
    row = conn.execute(sa.select(join_tokens).where(join_tokens.c.id == token_id)).first()
    if row is None:
        raise NotFound(f"no join token {token_id}")
    return _view(row, now)


def revoke_token(tx: Tx, token_id: int) -> None:
    """Let nobody join with a token; raises `NotFound`, or `Conflict` where a node has."""
    found = find_token(tx.conn, token_id, tx.now)
    if found.used_at is not None:
        raise Conflict(
            f"join token {token_id} was used by node {found.site}/{found.used_by}: remove the node instead"
        )
    mine = (join_tokens.c.id == token_id, join_tokens.c.revoked_at.is_(None))
    tx.conn.execute(sa.update(join_tokens).where(*mine).values(revoked_at=tx.now))


def token_of(conn: Connection, code: str, now: int) -> TokenView | None:
    """The token with that code, whatever can be done with it; None where there is none."""
    row = conn.execute(sa.select(join_tokens).where(join_tokens.c.digest == digest(code))).first()
    return None if row is None else _view(row, now)


def join(tx: Tx, code: str, joiner: Joiner) -> Joined:
    """Let a node in, and spend its token. The same node with the same token hears the same again.

    Raises `NotAdmitted` where the token opens nothing, `Mistake` or `Conflict` where the name or key cannot be taken.
    """
    _lock(tx, code)
    token = token_of(tx.conn, code, tx.now)
    if token is None:
        raise NotAdmitted("the hub does not know this join token; make one with: towpath site token SITE")
    if token.used_by is not None and _key_of(tx.conn, token.site, token.used_by) == joiner.public_key:
        return Joined(token.site, token.used_by, _has_others(tx.conn, token.site, token.used_by))
    _check_open(token)
    name = _name(token, joiner)
    _check_free(tx.conn, token.site, name, joiner.public_key)
    _begin_anew(tx, token.site, name)
    registry.register_node(tx, token.site, name, joiner.public_key)
    spent = {"used_at": tx.now, "used_by": name}
    tx.conn.execute(sa.update(join_tokens).where(join_tokens.c.id == token.id).values(spent))
    return Joined(token.site, name, _has_others(tx.conn, token.site, name))


def _lock(tx: Tx, code: str) -> None:
    tx.conn.execute(
        sa.select(join_tokens.c.id).where(join_tokens.c.digest == digest(code)).with_for_update()
    ).first()


def _check_open(token: TokenView) -> None:
    again = f"make another with: towpath site token {token.site}"
    if token.state is TokenState.USED:
        raise NotAdmitted(f"this join token was used already, by node {token.site}/{token.used_by}; {again}")
    if token.state is TokenState.REVOKED:
        raise NotAdmitted(f"this join token was revoked; {again}")
    if token.state is TokenState.EXPIRED:
        raise NotAdmitted(f"this join token has expired; {again}")


def _name(token: TokenView, joiner: Joiner) -> str:
    if token.node is not None and joiner.node not in (None, token.node):
        raise Mistake(f"node: expected {token.node}, for which the token was made, found {joiner.node}")
    name = token.node or joiner.node or joiner.machine
    if name is None:
        raise Mistake("node: expected a name, found none")
    _check_node(name)
    return name


def _check_node(name: str) -> None:
    if fault := name_fault(name):
        raise Mistake(f"node: {fault}")


def _check_free(conn: Connection, site: str, name: str, public_key: str) -> None:
    same_key = sa.select(nodes.c.site, nodes.c.name).where(nodes.c.public_key == public_key)
    if (row := conn.execute(same_key).first()) is not None:
        raise Conflict(f"expected a key of its own, found that of node {row.site}/{row.name}")
    row = conn.execute(sa.select(nodes).where(nodes.c.site == site, nodes.c.name == name)).first()
    if row is None:
        return
    if row.removed_at is None:
        raise Conflict(f"site {site} has a node '{name}' already; choose another name with --node")
    if row.incarnation is not None and not row.lost:
        # It may still work on what it had, and would be taken for the one that comes.
        raise Conflict(
            f"node {site}/{name} was removed, and its leases have not run out yet; try again in a minute, or choose"
            " another name with --node"
        )


def _begin_anew(tx: Tx, site: str, name: str) -> None:
    """Of a node that bore the name before, nothing holds for the one that bears it now."""
    fresh: dict[str, object] = dict.fromkeys(
        ("incarnation", "slots", "drain_at", "drain_by", "drain_why", "box_key")
    )
    mine = (nodes.c.site == site, nodes.c.name == name)
    tx.conn.execute(sa.update(nodes).where(*mine).values(fresh | {"lost": True, "silent": False}))


def _key_of(conn: Connection, site: str, name: str) -> str | None:
    mine = (nodes.c.site == site, nodes.c.name == name, nodes.c.removed_at.is_(None))
    return conn.execute(sa.select(nodes.c.public_key).where(*mine)).scalar()


def _has_others(conn: Connection, site: str, name: str) -> bool:
    begun = sa.or_(nodes.c.incarnation.is_not(None), nodes.c.life > 0)
    query = sa.select(nodes.c.id).where(nodes.c.site == site, nodes.c.name != name, begun)
    return conn.execute(query.limit(1)).first() is not None


def _view(row: Any, now: int) -> TokenView:
    return TokenView(
        row.id,
        row.site,
        row.node,
        row.made_by,
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.used_at,
        row.used_by,
        _state(row, now),
    )


def _state(row: Any, now: int) -> TokenState:
    if row.used_at is not None:
        return TokenState.USED
    if row.revoked_at is not None:
        return TokenState.REVOKED
    return TokenState.EXPIRED if row.expires_at <= now else TokenState.OPEN
