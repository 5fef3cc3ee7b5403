"""The sessions of a user, as they may look through them and end them."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import NotFound
from towpath.domain.rights import Via
from towpath.store.database import Tx
from towpath.store.tables import sessions

MOST = 1000


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as its user sees it; times are microseconds since 1970."""

    id: int
    via: Via
    address: str
    created_at: int
    used_at: int
    expires_at: int


def list_sessions_of(conn: Connection, user: str, now: int) -> list[SessionView]:
    """The newest sessions of a user that stand."""
    columns = (
        sessions.c.id,
        sessions.c.via,
        sessions.c.address,
        sessions.c.created_at,
        sessions.c.used_at,
        sessions.c.expires_at,
    )
    query = sa.select(*columns).where(sessions.c.user == user, sessions.c.expires_at > now)
    rows = conn.execute(query.order_by(sessions.c.id.desc()).limit(MOST))
    return [SessionView(row[0], Via(row[1]), *row[2:]) for row in rows]


def end_session_of(tx: Tx, user: str, session_id: int) -> None:
    """End a session of a user; raises `NotFound` where they have none of that id."""
    mine = (sessions.c.id == session_id) & (sessions.c.user == user)
    if tx.conn.execute(sa.delete(sessions).where(mine)).rowcount == 0:
        raise NotFound(f"no session {session_id} of {user}")
