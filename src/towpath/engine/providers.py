"""Identity providers as the hub keeps them: their settings, and their secrets under its key."""

import json
from dataclasses import asdict, dataclass

import nacl.exceptions
import nacl.secret
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, Mistake, NotFound, did_you_mean
from towpath.domain.providers import MOST_PROVIDERS, Admission, Kind, Oidc, Provider, check_provider
from towpath.domain.rights import Role
from towpath.store.database import Tx
from towpath.store.tables import providers, sessions, users

IS_OIDC = providers.c.kind == Kind.OIDC
"""Directories lie beside them."""


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider as people see it: never its secret."""

    provider: Provider
    has_secret: bool
    made_by: str
    created_at: int
    """Microseconds since 1970."""


def list_providers(conn: Connection) -> list[ProviderView]:
    """All of them by name: a handful."""
    return [
        _view(row) for row in conn.execute(sa.select(providers).where(IS_OIDC).order_by(providers.c.name))
    ]


def get_provider(conn: Connection, name: str) -> ProviderView:
    """The provider of that name; raises `NotFound`."""
    row = conn.execute(sa.select(providers).where(IS_OIDC, providers.c.name == name)).first()
    if row is None:
        near = did_you_mean(name, conn.scalars(sa.select(providers.c.name).where(IS_OIDC)))
        raise NotFound(f"no identity provider '{name}'{near}")
    return _view(row)


def _view(row: sa.Row[tuple[object, ...]]) -> ProviderView:
    r = row._asdict()
    return ProviderView(
        _read(r["name"], r["title"], r["settings"]), r["secret"] is not None, r["made_by"], r["created_at"]
    )


def _read(name: str, title: str, text: str) -> Provider:
    kept = json.loads(text)
    admission = kept["admission"]
    roles = {group: Role(role) for group, role in admission["roles"].items()}
    role = None if admission["role"] is None else Role(admission["role"])
    return Provider(name, title, Admission(role, roles, admission["groups"]), Oidc(**kept["settings"]))


def set_provider(tx: Tx, provider: Provider, secret: str, by: str, hub_key: bytes) -> ProviderView:
    """Have people sign in there, or in another way than before; raises `Mistake`, `Conflict`."""
    check_provider(provider)
    there = {row.name: row.kind for row in tx.conn.execute(sa.select(providers.c.name, providers.c.kind))}
    if there.get(provider.name, Kind.OIDC) != Kind.OIDC:
        raise Conflict(f"'{provider.name}' is a directory already; give the identity provider another name")
    if provider.name not in there and len(there) >= MOST_PROVIDERS:
        raise Conflict(
            f"expected at most {MOST_PROVIDERS} identity providers, found as many; remove one first"
        )
    kept = {"admission": asdict(provider.admission), "settings": asdict(provider.settings)}
    sealed = bytes(nacl.secret.SecretBox(hub_key).encrypt(secret.encode())) if secret else None
    row = {
        "title": provider.title,
        "kind": provider.kind,
        "settings": json.dumps(kept, ensure_ascii=False),
        "secret": sealed,
        "made_by": by,
        "created_at": tx.now,
    }
    if provider.name in there:
        tx.conn.execute(sa.update(providers).where(providers.c.name == provider.name).values(row))
    else:
        tx.conn.execute(sa.insert(providers).values(name=provider.name, **row))
    return get_provider(tx.conn, provider.name)


def secret_of(conn: Connection, name: str, hub_key: bytes) -> str:
    """The secret by which the hub shows itself to a provider; "" where there is none; raises `Mistake`."""
    sealed = conn.execute(sa.select(providers.c.secret).where(providers.c.name == name)).scalar()
    if sealed is None:
        return ""
    try:
        return nacl.secret.SecretBox(hub_key).decrypt(sealed).decode()
    except nacl.exceptions.CryptoError:
        raise Mistake(
            f"identity provider '{name}': its secret cannot be read with this hub's key; set it again"
        ) from None


def remove_provider(tx: Tx, name: str) -> None:
    """Nobody signs in there any more, and whoever had is signed out; its people stay users, with their keys."""
    get_provider(tx.conn, name)
    forget(tx, name)


def forget(tx: Tx, name: str) -> None:
    """Forget a provider or a directory, and sign its people out."""
    theirs = sa.select(users.c.name).where(users.c.origin == name)
    tx.conn.execute(sa.delete(sessions).where(sessions.c.user.in_(theirs)))
    tx.conn.execute(sa.delete(providers).where(providers.c.name == name))
