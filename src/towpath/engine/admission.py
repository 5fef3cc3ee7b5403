"""Admission: what somebody whom an identity provider knows becomes here, at each of their sign-ins."""

import sqlalchemy as sa

from towpath.domain.directories import Directory
from towpath.domain.errors import Conflict, Mistake
from towpath.domain.providers import Person, Provider, groups_of, role_of
from towpath.domain.rights import Asker, Role, Via, check_user_name
from towpath.engine import people
from towpath.engine.sign_in import Refused, open_session
from towpath.store.database import Tx
from towpath.store.tables import groups, members, users


def admit(
    tx: Tx, provider: Provider | Directory, person: Person, via: Via, address: str
) -> tuple[Asker, str]:
    """A session for somebody whom a provider has shown, and the secret that opens it; raises `Refused`.

    Their role and their groups are from now on what the provider says of them now.
    """
    role = role_of(provider.admission, person.groups)
    if role is None:
        raise Refused(f"{person.name}: expected a group that may use this hub, found none")
    row = tx.conn.execute(
        sa.select(users).where(users.c.origin == provider.name, users.c.subject == person.subject)
    ).first()
    name = _add(tx, provider, person, role) if row is None else str(row.name)
    if row is not None and row.disabled:
        raise Refused(f"{name} is disabled here; an administrator can say why")
    change: dict[str, object] = {"signed_in_at": tx.now}
    if row is not None and provider.admission.roles:
        _change_role(tx, name, role)
    elif row is not None:
        # Where no group says what somebody is, what an administrator has made of them stays.
        role = Role(row.role)
    tx.conn.execute(sa.update(users).where(users.c.name == name).values(change))
    _mirror(tx, name, groups_of(provider.admission, person.groups))
    return open_session(tx, name, role, via, address)


def _change_role(tx: Tx, name: str, role: Role) -> None:
    try:
        people.change_user(tx, name, role, None)
    except Conflict as error:
        raise Refused(str(error)) from error


def _add(tx: Tx, provider: Provider | Directory, person: Person, role: Role) -> str:
    """A user for somebody who comes for the first time; nobody else's name is ever given to them."""
    try:
        check_user_name(person.name)
    except Mistake as error:
        raise Refused(str(error)) from error
    if tx.conn.execute(sa.select(users.c.name).where(users.c.name == person.name)).first() is not None:
        raise Refused(
            f"user '{person.name}' is somebody else here: they do not sign in with {provider.title}"
        )
    row = {"name": person.name, "role": role, "origin": provider.name, "subject": person.subject}
    tx.conn.execute(sa.insert(users).values(created_at=tx.now, **row))
    return person.name


def _mirror(tx: Tx, user: str, wanted: frozenset[str]) -> None:
    """Join the groups of the hub that are wanted, and leave those that were joined so and are not any more.

    Those that an administrator has put them into by hand stay.
    """
    mine = members.c.user == user
    there = set(tx.conn.scalars(sa.select(groups.c.name)))
    held = {row.group: row.mirrored for row in tx.conn.execute(sa.select(members).where(mine))}
    for group, mirrored in held.items():
        if mirrored and group not in wanted:
            tx.conn.execute(sa.delete(members).where(mine, members.c.group == group))
    rows = [
        {"user": user, "group": group, "mirrored": True}
        for group in sorted(wanted & there)
        if group not in held
    ]
    if rows:
        tx.conn.execute(sa.insert(members), rows)
