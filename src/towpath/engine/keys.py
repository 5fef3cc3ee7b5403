"""Keys of the API: made for a user, narrowed to scopes, shown once, expiring and revoked."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Mistake, NotFound
from towpath.domain.rights import Asker, Right, Role, Via, rights_of
from towpath.engine import people
from towpath.store.database import Tx
from towpath.store.tables import api_keys, users

SHOWN = 12
"""Characters of a key that are kept as they are, by which a person knows it again."""
NOTED_EVERY = 60_000_000
"""Microseconds between two notes of when a credential was used: a write for each call would cost more than the call."""


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as people see it, without what opens; times are microseconds since 1970."""

    id: int
    user: str
    label: str
    start: str
    scopes: frozenset[Right] | None
    """None = all that the user may."""
    created_at: int
    expires_at: int | None
    used_at: int | None
    revoked_at: int | None


def digest(secret: str) -> bytes:
    """What is kept of a secret of 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()


def make_key(
    tx: Tx,
    user: str,
    label: str = "",
    scopes: Collection[Right] | None = None,
    expires_at: int | None = None,
) -> tuple[int, str]:
    """A new key of a user: its id, and the key itself, which is shown this once."""
    people.find_user(tx.conn, user)
    if expires_at is not None and expires_at <= tx.now:
        raise Mistake("expires_at: expected a time to come, found one that has gone by")
    key = f"towpath_{secrets.token_urlsafe(32)}"
    row = {
        "name": user,
        "digest": digest(key),
        "created_at": tx.now,
        "label": label,
        "start": key[:SHOWN],
        "scopes": None if scopes is None else " ".join(sorted(scopes)),
        "expires_at": expires_at,
    }
    made = tx.conn.execute(sa.insert(api_keys).values(row).returning(api_keys.c.id)).scalar_one()
    return int(made), key


def revoke_key(tx: Tx, user: str | None, key_id: int) -> None:
    """Let a key open nothing from now on; of `user` alone, where one is given. Raises `NotFound`."""
    mine = api_keys.c.id == key_id if user is None else (api_keys.c.id == key_id) & (api_keys.c.name == user)
    if tx.conn.execute(sa.select(api_keys.c.id).where(mine)).first() is None:
        raise NotFound(f"no key {key_id}" + ("" if user is None else f" of {user}"))
    standing = mine & api_keys.c.revoked_at.is_(None)
    tx.conn.execute(sa.update(api_keys).where(standing).values(revoked_at=tx.now))


def list_keys(
    conn: Connection, user: str | None, limit: int, after: int | None = None, skip: int = 0
) -> list[KeyView]:
    """At most so many keys, the newest first, behind one; of `user` alone, where one is given."""
    query = sa.select(api_keys).order_by(api_keys.c.id.desc()).limit(limit).offset(skip)
    if user is not None:
        query = query.where(api_keys.c.name == user)
    if after is not None:
        query = query.where(api_keys.c.id < after)
    return [_view(row) for row in conn.execute(query)]


def count_keys(conn: Connection, user: str | None) -> int:
    """How many keys there are, of `user` alone where one is given."""
    query = sa.select(sa.func.count()).select_from(api_keys)
    if user is not None:
        query = query.where(api_keys.c.name == user)
    return int(conn.execute(query).scalar_one())


def find_key(conn: Connection, key_id: int) -> KeyView:
    """The key of that id; raises `NotFound`."""
    row = conn.execute(sa.select(api_keys).where(api_keys.c.id == key_id)).first()
    if row is None:
        raise NotFound(f"no key {key_id}")
    return _view(row)


def _view(row: Any) -> KeyView:
    return KeyView(
        row.id,
        row.name,
        row.label,
        row.start,
        _scopes(row.scopes),
        row.created_at,
        row.expires_at,
        row.used_at,
        row.revoked_at,
    )


def _scopes(text: str | None) -> frozenset[Right] | None:
    return None if text is None else frozenset(Right(name) for name in text.split())


_OPENED = (
    sa.select(
        users.c.name,
        users.c.role,
        *(api_keys.c.id, api_keys.c.scopes, api_keys.c.expires_at, api_keys.c.used_at),
    )
    .join(users, users.c.name == api_keys.c.name)
    .where(
        api_keys.c.digest == sa.bindparam("of_digest"),
        api_keys.c.revoked_at.is_(None),
        users.c.disabled.is_(sa.false()),
    )
)


def open_with_key(conn: Connection, key: str, now: int) -> tuple[Asker, bool] | None:
    """Who a key stands for, and whether it is time to note that it was used; None where it opens nothing."""
    row = conn.execute(_OPENED, {"of_digest": digest(key)}).first()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    role = Role(row.role)
    scopes = _scopes(row.scopes)
    asker = Asker(
        row.name,
        role,
        Via.KEY,
        row.id,
        rights_of(role, scopes),
        frozenset(Right) if scopes is None else scopes,
    )
    return asker, row.used_at is None or now - row.used_at >= NOTED_EVERY


def note_use(tx: Tx, key_id: int) -> None:
    """A key was used now."""
    tx.conn.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(used_at=tx.now))
