"""Directories as the hub keeps them: beside the identity providers, whose names they share."""

import json
from dataclasses import asdict, dataclass

import nacl.secret
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.directories import Directory, Ldap, check_directory
from towpath.domain.errors import Conflict, NotFound, did_you_mean
from towpath.domain.providers import MOST_PROVIDERS, Admission, Kind
from towpath.domain.rights import Role
from towpath.engine import providers
from towpath.store.database import Tx
from towpath.store.tables import providers as kept_providers
from towpath.store.tables import users

KEPT = kept_providers.c
ARE_DIRECTORIES = KEPT.kind == Kind.LDAP


@dataclass(frozen=True, slots=True)
class DirectoryView:
    """A directory as people see it: never its password."""

    directory: Directory
    has_password: bool
    made_by: str
    created_at: int
    """Microseconds since 1970."""


def list_directories(conn: Connection) -> list[DirectoryView]:
    """All of them by name: a handful."""
    query = sa.select(kept_providers).where(ARE_DIRECTORIES).order_by(KEPT.name)
    return [_view(row) for row in conn.execute(query)]


def get_directory(conn: Connection, name: str) -> DirectoryView:
    """The directory of that name; raises `NotFound`."""
    row = conn.execute(sa.select(kept_providers).where(ARE_DIRECTORIES, KEPT.name == name)).first()
    if row is None:
        near = did_you_mean(name, conn.scalars(sa.select(KEPT.name).where(ARE_DIRECTORIES)))
        raise NotFound(f"no directory '{name}'{near}")
    return _view(row)


def _view(row: sa.Row[tuple[object, ...]]) -> DirectoryView:
    r = row._asdict()
    told = json.loads(r["settings"])
    admission = told["admission"]
    roles = {group: Role(role) for group, role in admission["roles"].items()}
    role = None if admission["role"] is None else Role(admission["role"])
    known = Directory(
        r["name"], r["title"], Admission(role, roles, admission["groups"]), Ldap(**told["settings"])
    )
    return DirectoryView(known, r["secret"] is not None, r["made_by"], r["created_at"])


def set_directory(tx: Tx, directory: Directory, secret: str, by: str, hub_key: bytes) -> DirectoryView:
    """Have people sign in with its passwords, or in another way than before; raises `Mistake`, `Conflict`.

    `secret` is the password of its `bind_dn`.
    """
    check_directory(directory, secret)
    there = {row.name: row.kind for row in tx.conn.execute(sa.select(KEPT.name, KEPT.kind))}
    if there.get(directory.name, Kind.LDAP) != Kind.LDAP:
        raise Conflict(f"'{directory.name}' is an identity provider already; give the directory another name")
    if directory.name not in there and len(there) >= MOST_PROVIDERS:
        raise Conflict(f"expected at most {MOST_PROVIDERS} providers and directories, found as many")
    told = {"admission": asdict(directory.admission), "settings": asdict(directory.settings)}
    row = {
        "title": directory.title,
        "kind": Kind.LDAP,
        "settings": json.dumps(told, ensure_ascii=False),
        "secret": bytes(nacl.secret.SecretBox(hub_key).encrypt(secret.encode())) if secret else None,
        "made_by": by,
        "created_at": tx.now,
    }
    if directory.name in there:
        tx.conn.execute(sa.update(kept_providers).where(KEPT.name == directory.name).values(row))
    else:
        tx.conn.execute(sa.insert(kept_providers).values(name=directory.name, **row))
    return get_directory(tx.conn, directory.name)


def remove_directory(tx: Tx, name: str) -> None:
    """Nobody signs in with its passwords any more, and whoever had is signed out; its people stay users."""
    get_directory(tx.conn, name)
    providers.forget(tx, name)


def asked_for(conn: Connection, user: str, hub_key: bytes) -> list[tuple[Directory, str]]:
    """The directories that may know somebody by this name, with the hub's passwords there.

    None for whom the hub knows itself or by an identity provider: nobody else answers for them.
    """
    row = conn.execute(sa.select(users.c.origin).where(users.c.name == user)).first()
    known = [view.directory for view in list_directories(conn)]
    if row is not None:
        known = [directory for directory in known if directory.name == row.origin]
    return [(directory, providers.secret_of(conn, directory.name, hub_key)) for directory in known]
