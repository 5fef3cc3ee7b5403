"""The log of what people did: one row for each write, in the same transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.store.database import Tx
from towpath.store.tables import audit

LONGEST_BODY, LONGEST_THING = 4_000, 500
MOST_COUNTED = 10_000
KEPT = 365 * 24 * 3600 * 1_000_000
"""Microseconds for which a row is kept: a year."""
AT_ONCE = 1_000
"""Rows that are forgotten in one transaction."""
SECRET = frozenset(
    {"password", "old_password", "bind_password", "client_secret", "credentials", "secret", "code", "refresh"}
    | {"token", "key"}
)
"""Members of a body whose values are never written down."""
SECRET_URLS = frozenset({"add_destination"})
"""Operations of which the member `url` is a secret too."""
SECRET_BODIES = frozenset({"set_credentials"})
"""Operations of which the body is nothing but secrets."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody does: `action` is the name of the API's operation, `thing` the path of its URL."""

    by: str
    via: str
    address: str
    action: str
    thing: str
    asked: str = ""


@dataclass(frozen=True, slots=True)
class DeedView:
    """A row of the log; `at` in microseconds since 1970."""

    id: int
    at: int
    by: str
    via: str
    address: str
    action: str
    thing: str
    asked: str


@dataclass(frozen=True, slots=True)
class DeedFilter:
    """Which rows are wanted; None = all. `since` and `until` in microseconds since 1970."""

    by: str | None = None
    action: str | None = None
    thing: str | None = None
    """A part of the URL's path."""
    since: int | None = None
    until: int | None = None


def blanked(action: str, body: bytes) -> str:
    """An operation's JSON body as it may be kept: secrets blanked, cut where it is long; "" for what is no JSON."""
    if not body:
        return ""
    if action in SECRET_BODIES:
        return json.dumps("…", ensure_ascii=False)
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    if action in SECRET_URLS and isinstance(found, dict) and "url" in found:
        found["url"] = "…"
    return json.dumps(_blank(found), ensure_ascii=False)[:LONGEST_BODY]


def _blank(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): "…" if str(k).lower() in SECRET else _blank(v) for k, v in value.items()}
    if isinstance(value, list):
        # A job over a hundred thousand paths: the first show what it was about.
        return [_blank(member) for member in value[:20]] + (["…"] if len(value) > 20 else [])
    return value


def record(tx: Tx, deed: Deed) -> None:
    """Write a deed down, in the transaction that it is done in."""
    row = {
        "at": tx.now,
        "by": deed.by,
        "via": deed.via,
        "address": deed.address,
        "action": deed.action,
        "thing": deed.thing[:LONGEST_THING],
        "asked": deed.asked,
    }
    tx.conn.execute(sa.insert(audit).values(row))


def list_deeds(
    conn: Connection, wanted: DeedFilter, limit: int, after: int | None = None, skip: int = 0
) -> list[DeedView]:
    """At most so many rows, the newest first, behind one."""
    tests = _tests(wanted)
    if after is not None:
        tests.append(audit.c.id < after)
    query = sa.select(audit).where(*tests).order_by(audit.c.id.desc()).limit(limit).offset(skip)
    return [DeedView(*row) for row in conn.execute(query)]


def count_deeds(conn: Connection, wanted: DeedFilter) -> int:
    """How many rows are wanted; of a long log no more than `MOST_COUNTED` are counted."""
    some = sa.select(sa.literal(1)).select_from(audit).where(*_tests(wanted)).limit(MOST_COUNTED)
    return int(conn.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one())


def _tests(wanted: DeedFilter) -> list[sa.ColumnElement[bool]]:
    tests: list[sa.ColumnElement[bool]] = []
    if wanted.by is not None:
        tests.append(audit.c.by == wanted.by)
    if wanted.action is not None:
        tests.append(audit.c.action == wanted.action)
    if wanted.thing is not None:
        tests.append(audit.c.thing.contains(wanted.thing, autoescape=True))
    if wanted.since is not None:
        tests.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        tests.append(audit.c.at < wanted.until)
    return tests


def forget(tx: Tx) -> bool:
    """Forget some of the rows that are older than `KEPT`; returns whether none is left."""
    old = sa.select(audit.c.id).where(audit.c.at < tx.now - KEPT).order_by(audit.c.at).limit(AT_ONCE)
    return tx.conn.execute(sa.delete(audit).where(audit.c.id.in_(old))).rowcount < AT_ONCE
