"""Users: who there is, what they are to the hub, and what is true of them at any time."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, NotFound, did_you_mean
from towpath.domain.rights import Role, check_user_name
from towpath.store.database import Tx
from towpath.store.tables import api_keys, links, members, sessions, users


@dataclass(frozen=True, slots=True)
class UserView:
    """A user as people see them; times are microseconds since 1970."""

    name: str
    role: Role
    disabled: bool
    has_password: bool
    locked_until: int | None
    created_at: int
    signed_in_at: int | None
    origin: str | None = None
    """The identity provider that they come from; None: the hub's own."""


def _view(row: Any) -> UserView:
    return UserView(
        row.name,
        Role(row.role),
        row.disabled,
        row.password is not None,
        row.locked_until,
        row.created_at,
        row.signed_in_at,
        row.origin,
    )


def list_users(conn: Connection, limit: int, after: str | None = None, skip: int = 0) -> list[UserView]:
    """At most so many users by name, behind one."""
    query = sa.select(users).order_by(users.c.name).limit(limit).offset(skip)
    if after is not None:
        query = query.where(users.c.name > after)
    return [_view(row) for row in conn.execute(query)]


def count_users(conn: Connection) -> int:
    """How many there are: a table of people, not of paths, so it may be counted."""
    return int(conn.execute(sa.select(sa.func.count()).select_from(users)).scalar_one())


def find_user(conn: Connection, name: str) -> UserView:
    """The user of that name; raises `NotFound`."""
    row = conn.execute(sa.select(users).where(users.c.name == name)).first()
    if row is None:
        raise NotFound(f"no user '{name}'{did_you_mean(name, conn.scalars(sa.select(users.c.name)))}")
    return _view(row)


def add_user(tx: Tx, name: str, role: Role) -> UserView:
    """A new user, without a password; raises `Conflict` where the name is taken."""
    check_user_name(name)
    if tx.conn.execute(sa.select(users.c.name).where(users.c.name == name)).first() is not None:
        raise Conflict(f"user '{name}' exists already")
    tx.conn.execute(sa.insert(users).values(name=name, role=role, created_at=tx.now))
    return find_user(tx.conn, name)


def ensure_user(tx: Tx, name: str, role: Role) -> None:
    """A user of that name, made if there is none; one that there is stays what they are."""
    if tx.conn.execute(sa.select(users.c.name).where(users.c.name == name)).first() is None:
        tx.conn.execute(sa.insert(users).values(name=name, role=role, created_at=tx.now))


def change_user(tx: Tx, name: str, role: Role | None, disabled: bool | None) -> UserView:
    """Another role, or none of all calls any more; raises `Conflict` where nobody could administer then.

    Who is disabled, or loses rights, does so with their next call: each looks at the user anew.
    """
    find_user(tx.conn, name)
    change: dict[str, object] = {}
    if role is not None:
        change["role"] = role
    if disabled is not None:
        change["disabled"] = disabled
    if change:
        tx.conn.execute(sa.update(users).where(users.c.name == name).values(change))
    if disabled:
        end_all(tx, name)
    _keep_an_administrator(tx)
    return find_user(tx.conn, name)


def unlock(tx: Tx, name: str) -> UserView:
    """Let somebody who gave wrong passwords try again at once."""
    find_user(tx.conn, name)
    tx.conn.execute(sa.update(users).where(users.c.name == name).values(failures=0, locked_until=None))
    return find_user(tx.conn, name)


def remove_user(tx: Tx, name: str) -> None:
    """Forget a user, with their keys, sessions and links; what they did stays signed with their name."""
    find_user(tx.conn, name)
    end_all(tx, name)
    tx.conn.execute(sa.delete(api_keys).where(api_keys.c.name == name))
    tx.conn.execute(sa.delete(members).where(members.c.user == name))
    tx.conn.execute(sa.delete(users).where(users.c.name == name))
    _keep_an_administrator(tx)


def end_all(tx: Tx, name: str) -> None:
    """End a user's sessions, and take back the links that were made for them."""
    tx.conn.execute(sa.delete(sessions).where(sessions.c.user == name))
    tx.conn.execute(sa.delete(links).where(links.c.user == name))


def _keep_an_administrator(tx: Tx) -> None:
    able = sa.select(users.c.name).where(users.c.role == Role.ADMINISTRATOR, users.c.disabled.is_(sa.false()))
    # One lock on all of them: two who disable each other must not both succeed.
    if tx.conn.execute(able.with_for_update()).first() is None:
        raise Conflict("the last administrator: make another one first, or nobody could administer this hub")
