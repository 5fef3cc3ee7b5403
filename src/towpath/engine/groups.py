"""Groups of users, and what they may do in spaces."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, NotFound, did_you_mean
from towpath.domain.rights import GRANTED, Grant, Place, Right, check_group_name
from towpath.engine import people, spaces
from towpath.store.database import Tx
from towpath.store.tables import grants, groups, members


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group as people see it."""

    name: str
    members: list[str]
    spaces: dict[str, Grant]
    """What it may do in the spaces of each name."""
    created_at: int
    """Microseconds since 1970."""


def list_groups(conn: Connection, limit: int, after: str | None = None, skip: int = 0) -> list[GroupView]:
    """At most so many groups by name, behind one."""
    query = sa.select(groups).order_by(groups.c.name).limit(limit).offset(skip)
    if after is not None:
        query = query.where(groups.c.name > after)
    return _views(conn, query)


def count_groups(conn: Connection) -> int:
    """How many there are: a table of people, not of paths, so it may be counted."""
    return int(conn.execute(sa.select(sa.func.count()).select_from(groups)).scalar_one())


def find_group(conn: Connection, name: str) -> GroupView:
    """The group of that name; raises `NotFound`."""
    _check_there(conn, name)
    return _views(conn, sa.select(groups).where(groups.c.name == name))[0]


def _views(conn: Connection, query: sa.Select[Any]) -> list[GroupView]:
    rows = conn.execute(query).all()
    names = [row.name for row in rows]
    found = {row.name: GroupView(row.name, [], {}, row.created_at) for row in rows}
    of_these = sa.select(members).where(members.c.group.in_(names)).order_by(members.c.user)
    for member in conn.execute(of_these).mappings():
        found[member["group"]].members.append(member["user"])
    theirs = sa.select(grants).where(grants.c.group.in_(names)).order_by(grants.c.space)
    for grant in conn.execute(theirs).mappings():
        found[grant["group"]].spaces[grant["space"]] = Grant(grant["right"])
    return list(found.values())


def _check_there(conn: Connection, name: str) -> None:
    if conn.execute(sa.select(groups.c.name).where(groups.c.name == name)).first() is None:
        raise NotFound(f"no group '{name}'{did_you_mean(name, conn.scalars(sa.select(groups.c.name)))}")


def add_group(tx: Tx, name: str) -> GroupView:
    """A new group, of nobody; raises `Conflict` where the name is taken."""
    check_group_name(name)
    if tx.conn.execute(sa.select(groups.c.name).where(groups.c.name == name)).first() is not None:
        raise Conflict(f"group '{name}' exists already")
    tx.conn.execute(sa.insert(groups).values(name=name, created_at=tx.now))
    return GroupView(name, [], {}, tx.now)


def remove_group(tx: Tx, name: str) -> None:
    """Forget a group: what its members might do for its sake alone, they may no more."""
    _check_there(tx.conn, name)
    for table in (members, grants):
        tx.conn.execute(sa.delete(table).where(table.c.group == name))
    tx.conn.execute(sa.delete(groups).where(groups.c.name == name))


def add_member(tx: Tx, name: str, user: str) -> GroupView:
    """Put a user into a group; nothing happens where they are in it already."""
    _check_there(tx.conn, name)
    people.find_user(tx.conn, user)
    mine = (members.c.group == name) & (members.c.user == user)
    if tx.conn.execute(sa.select(members.c.user).where(mine)).first() is None:
        tx.conn.execute(sa.insert(members).values({"group": name, "user": user}))
    return find_group(tx.conn, name)


def remove_member(tx: Tx, name: str, user: str) -> GroupView:
    """Take a user out of a group; raises `NotFound` where they are not in it."""
    _check_there(tx.conn, name)
    mine = (members.c.group == name) & (members.c.user == user)
    if not tx.conn.execute(sa.delete(members).where(mine)).rowcount:
        raise NotFound(f"group '{name}' has no member '{user}'")
    return find_group(tx.conn, name)


def grant(tx: Tx, name: str, space: str, right: Grant) -> GroupView:
    """Say what a group may do in the spaces of a name, in place of what it might before."""
    _check_there(tx.conn, name)
    known = {one.name for one in spaces.list_spaces(tx.conn)}
    if space not in known:
        raise NotFound(f"no space '{space}'{did_you_mean(space, known)}")
    tx.conn.execute(sa.delete(grants).where(grants.c.group == name, grants.c.space == space))
    tx.conn.execute(sa.insert(grants).values({"group": name, "space": space, "right": right}))
    return find_group(tx.conn, name)


def withdraw(tx: Tx, name: str, space: str) -> GroupView:
    """Let a group do nothing in the spaces of a name any more; raises `NotFound` where it might do nothing."""
    _check_there(tx.conn, name)
    gone = sa.delete(grants).where(grants.c.group == name, grants.c.space == space)
    if not tx.conn.execute(gone).rowcount:
        raise NotFound(f"group '{name}' may do nothing in space '{space}'")
    return find_group(tx.conn, name)


def reach(conn: Connection, user: str, right: Right) -> frozenset[Place]:
    """Where a user has this right for the sake of a group: the spaces, and those that lie in them."""
    enough = [one for one, rights in GRANTED.items() if right in rights]
    query = (
        sa.select(grants.c.space)
        .join(members, members.c.group == grants.c.group)
        .where(members.c.user == user, grants.c.right.in_(enough))
    )
    return spaces.within(conn, set(conn.scalars(query)))
