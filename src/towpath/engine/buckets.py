"""Buckets, which are places with their credentials, and targets, which are how a site's files map to one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import nacl.exceptions
import nacl.public
import nacl.secret
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from towpath.domain.errors import Conflict, Mistake, NotFound, did_you_mean
from towpath.domain.targets import (
    PLAIN,
    Traits,
    beneath,
    check_credentials,
    check_traits,
    parse_target_url,
    place_of,
)
from towpath.domain.values import name_fault
from towpath.engine.nodes import Unknown
from towpath.engine.orphans import forget_target
from towpath.store.database import Tx
from towpath.store.tables import buckets, nodes, sites, spaces, targets, uses
from towpath.wire import TargetAsked, TargetTold


@dataclass(frozen=True, slots=True)
class BucketView:
    """A bucket as people see it: never its credentials, but whether it has any."""

    name: str
    url: str
    has_credentials: bool
    targets: tuple[str, ...]
    created_at: int


@dataclass(frozen=True, slots=True)
class TargetView:
    """A target as people see it."""

    name: str
    url: str
    bucket: str
    storage_class: str
    template: str
    created_at: int


def target_tag(name: str) -> bytes:
    """The 4 bytes that stand for a target in marks: they follow from its name, so that a hub made anew finds it."""
    return hashlib.blake2b(name.encode(), digest_size=4, person=b"towpath-target").digest()


# Buckets ------------------------------------------------------------------------------------------------------


def add_bucket(tx: Tx, name: str, url: str, credentials: Mapping[str, str], hub_key: bytes) -> None:
    """Make a place known; its credentials are encrypted under the hub's key."""
    _check_name("bucket", name)
    check_credentials(parse_target_url(url).scheme, credentials)
    if tx.conn.execute(sa.select(buckets.c.name).where(buckets.c.name == name)).first():
        raise Conflict(f"bucket '{name}' stands already; remove it first, or choose another name")
    row = {"name": name, "url": url, "secret": _encrypted(credentials, hub_key), "created_at": tx.now}
    tx.conn.execute(sa.insert(buckets).values(row))


def list_buckets(conn: Connection) -> list[BucketView]:
    """All buckets with the targets in each, by name."""
    used: dict[str, list[str]] = {}
    for name, bucket in conn.execute(sa.select(targets.c.name, targets.c.bucket).order_by(targets.c.name)):
        used.setdefault(bucket, []).append(name)
    rows = conn.execute(sa.select(buckets).order_by(buckets.c.name))
    return [
        BucketView(r.name, r.url, r.secret is not None, tuple(used.get(r.name, ())), r.created_at)
        for r in rows
    ]


def set_credentials(tx: Tx, name: str, credentials: Mapping[str, str], hub_key: bytes) -> None:
    """Give a bucket other credentials, for all its targets; none takes them away. Nodes hear within minutes."""
    check_credentials(parse_target_url(_bucket_url(tx.conn, name)).scheme, credentials)
    fresh = {"secret": _encrypted(credentials, hub_key)}
    tx.conn.execute(sa.update(buckets).where(buckets.c.name == name).values(fresh))


def remove_bucket(tx: Tx, name: str) -> None:
    """Forget a place and its credentials; what stands there stays."""
    _bucket_url(tx.conn, name)
    user = tx.conn.execute(sa.select(targets.c.name).where(targets.c.bucket == name).limit(1)).scalar()
    if user is not None:
        raise Conflict(f"bucket '{name}' is that of target '{user}'; delete that target first")
    tx.conn.execute(sa.delete(buckets).where(buckets.c.name == name))


def _bucket_url(conn: Connection, name: str) -> str:
    url: str | None = conn.execute(sa.select(buckets.c.url).where(buckets.c.name == name)).scalar()
    if url is None:
        raise NotFound(f"no bucket '{name}'{did_you_mean(name, conn.scalars(sa.select(buckets.c.name)))}")
    return url


def _encrypted(credentials: Mapping[str, str], hub_key: bytes) -> bytes | None:
    if not credentials:
        return None
    return bytes(nacl.secret.SecretBox(hub_key).encrypt(json.dumps(dict(credentials)).encode()))


# Targets ------------------------------------------------------------------------------------------------------


def add_target(
    tx: Tx, name: str, url: str, credentials: Mapping[str, str], hub_key: bytes, traits: Traits = PLAIN
) -> None:
    """Make a target known, and a bucket of the same name for its place and credentials."""
    _check_new(tx, name)
    place, prefix = place_of(url)
    add_bucket(tx, name, place, credentials, hub_key)
    add_target_in(tx, name, name, prefix, traits)


def add_target_in(tx: Tx, name: str, bucket: str, prefix: str = "", traits: Traits = PLAIN) -> None:
    """Make a target known in a bucket that is; several targets may share one, under prefixes of their own."""
    tag = _check_new(tx, name)
    url = beneath(_bucket_url(tx.conn, bucket), prefix)
    check_traits(parse_target_url(url).scheme, traits)
    row = {"name": name, "tag": tag, "url": url, "bucket": bucket}
    row |= {"storage_class": traits.storage_class, "template": traits.template}
    tx.conn.execute(sa.insert(targets).values(row | {"created_at": tx.now}))


def _check_new(tx: Tx, name: str) -> bytes:
    """The tag of a name that no target has, nor one that looks like it in marks."""
    _check_name("target", name)
    if tx.conn.execute(sa.select(targets.c.name).where(targets.c.name == name)).first():
        raise Conflict(f"target '{name}' stands already; delete it first, or choose another name")
    tag = target_tag(name)
    twin = tx.conn.execute(sa.select(targets.c.name).where(targets.c.tag == tag)).scalar()
    if twin is not None:
        raise Conflict(f"target '{name}': its tag is the one of target '{twin}'; choose another name")
    return tag


def list_targets(conn: Connection) -> list[TargetView]:
    """All targets, by name."""
    t = targets.c
    query = sa.select(t.name, t.url, t.bucket, t.storage_class, t.template, t.created_at).order_by(t.name)
    return [TargetView(*row) for row in conn.execute(query)]


def delete_target(tx: Tx, name: str) -> None:
    """Forget a target, and the bucket that was made with it where no other target is in it.

    Its objects stay; stubs that need them cannot be recalled until it is added again.
    """
    find_target(tx.conn, name)
    user = tx.conn.execute(sa.select(sites.c.name).where(sites.c.default_target == name)).scalar()
    if user is not None:
        raise Conflict(
            f"target '{name}' is the default target of site {user}; give that site another one first"
        )
    space = tx.conn.execute(sa.select(spaces.c.name).where(spaces.c.default_target == name)).scalar()
    if space is not None:
        raise Conflict(
            f"target '{name}' is the default target of space {space}; give that space another one first"
        )
    forget_target(tx, name)
    own = tx.conn.execute(sa.select(targets.c.bucket).where(targets.c.name == name)).scalar() == name
    tx.conn.execute(sa.delete(targets).where(targets.c.name == name))
    if own:
        used = sa.exists().where(targets.c.bucket == buckets.c.name)
        tx.conn.execute(sa.delete(buckets).where(buckets.c.name == name, ~used))


def find_target(conn: Connection, name: str) -> None:
    """Raise `NotFound` unless there is such a target."""
    if conn.execute(sa.select(targets.c.name).where(targets.c.name == name)).first() is None:
        known = conn.scalars(sa.select(targets.c.name))
        raise NotFound(f"no target '{name}'{did_you_mean(name, known)}")


def get_target(conn: Connection, name: str) -> TargetView:
    """The target of that name; raises `NotFound`."""
    known = {target.name: target for target in list_targets(conn)}
    if name not in known:
        raise NotFound(f"no target '{name}'{did_you_mean(name, known)}")
    return known[name]


def tell_target(tx: Tx, site: str, name: str, asked: TargetAsked, hub_key: bytes) -> TargetTold:
    """Describe a target to a node, its secret sealed to that node's key: nobody else on the bus can read it."""
    box_key = tx.conn.execute(
        sa.select(nodes.c.box_key).where(
            nodes.c.site == site, nodes.c.name == name, nodes.c.removed_at.is_(None)
        )
    ).scalar()
    if box_key is None:
        raise Unknown(site, name)
    which = targets.c.name == asked.name if asked.name else targets.c.tag == asked.tag
    query = sa.select(targets, buckets.c.secret).outerjoin(buckets, buckets.c.name == targets.c.bucket)
    row = tx.conn.execute(query.where(which)).first()
    if row is None:
        return TargetTold("")
    _note_use(tx, row.name, site)
    sealed = b""
    if row.secret is not None:
        try:
            plain = nacl.secret.SecretBox(hub_key).decrypt(row.secret)
        except nacl.exceptions.CryptoError:
            raise Mistake(
                f"target '{row.name}': its secret cannot be decrypted; was hub.key replaced?"
            ) from None
        sealed = bytes(nacl.public.SealedBox(nacl.public.PublicKey(box_key)).encrypt(plain))
    return TargetTold(row.name, row.url, sealed, row.tag, row.storage_class, row.template)


def _note_use(tx: Tx, target: str, site: str) -> None:
    """Remember that a site has asked for a target: it may put objects there."""
    this = (uses.c.target == target, uses.c.site == site)
    if tx.conn.execute(sa.select(uses.c.site).where(*this)).first() is None:
        try:
            with tx.conn.begin_nested():
                tx.conn.execute(sa.insert(uses).values(target=target, site=site))
        except IntegrityError:
            pass  # Another hub has been asked at the same moment.


def _check_name(kind: str, name: str) -> None:
    if problem := name_fault(name):
        raise Mistake(f"{kind} name: {problem}")
