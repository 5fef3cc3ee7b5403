"""Signing in: passwords and their lock-out, one-time links, and the sessions that follow."""

import hashlib
import secrets
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa
from nacl import pwhash
from nacl.exceptions import InvalidkeyError
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, Mistake
from towpath.domain.rights import Asker, Role, Via, check_password, rights_of
from towpath.engine import live_settings, people
from towpath.engine.keys import NOTED_EVERY, digest
from towpath.store import events
from towpath.store.database import Tx
from towpath.store.tables import links, sessions, users

SECOND = 1_000_000
HOUR = 3600
TRIES = 5
"""Wrong passwords in a row before a user is locked out."""
LOCK_SECONDS = 15 * 60
LINK_SECONDS = 24 * 3600
IDLE_SECONDS = 8 * 3600
"""A browser's session ends when it was not used for so long, and after `SESSION_SECONDS` in any case, where nobody has
set otherwise."""
SESSION_SECONDS = 7 * 24 * 3600
ACCESS_SECONDS = 3600
REFRESH_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Lasting:
    """For how many seconds a browser's session lasts: at most, and while it is not used."""

    whole: float = SESSION_SECONDS
    idle: float = IDLE_SECONDS

    def is_over(self, began_at: int, used_at: int, now: int) -> bool:
        """Whether one has ended that began and was used then; in microseconds since 1970."""
        return now - used_at > self.idle * SECOND or now - began_at > self.whole * SECOND


USUAL = Lasting()
"""Where nobody has set otherwise."""


class Refused(Mistake):
    """Nobody was let in: the text says no more than who tries may know."""


WRONG = "expected the name and password of a user who may sign in, found otherwise"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to sign in that was counted, and the hash that its password is held against."""

    user: str
    hashed: str | None


def hash_password(password: str) -> str:
    """Argon2id with the library's interactive limits; takes a tenth of a second, so outside of transactions."""
    return pwhash.argon2id.str(
        password.encode(), pwhash.argon2id.OPSLIMIT_INTERACTIVE, pwhash.argon2id.MEMLIMIT_INTERACTIVE
    ).decode()


@cache
def _nobodys() -> str:
    """What a password is held against where there is none: the time taken tells nobody which users there are."""
    return hash_password(secrets.token_urlsafe(32))


def is_right(attempt: Attempt, password: str) -> bool:
    """Whether a password is the user's; takes as long where there is no such user."""
    try:
        pwhash.verify((attempt.hashed or _nobodys()).encode(), password.encode())
    except (InvalidkeyError, ValueError):
        return False
    return attempt.hashed is not None


def begin(tx: Tx, user: str) -> Attempt:
    """Count an attempt before its password is looked at, so that many at once are all counted.

    Raises `Refused` where the user is locked out.
    """
    row = tx.conn.execute(sa.select(users).where(users.c.name == user).with_for_update()).first()
    if row is None or row.disabled or row.password is None:
        return Attempt(user, None)
    change = counted(row.failures, row.locked_until, tx.now)
    tx.conn.execute(sa.update(users).where(users.c.name == user).values(change))
    return Attempt(user, row.password)


def counted(failures: int, locked_until: int | None, now: int) -> dict[str, int | None]:
    """How somebody stands after one more attempt, until it succeeds; raises `Refused` where they are locked out."""
    if locked_until is not None and locked_until > now:
        minutes = -(-(locked_until - now) // (60 * SECOND))
        raise Refused(f"too many wrong passwords: try again in {minutes} min, or ask an administrator")
    locked = now + LOCK_SECONDS * SECOND if failures + 1 >= TRIES else None
    return {"failures": 0 if locked else failures + 1, "locked_until": locked}


def succeed(tx: Tx, attempt: Attempt, via: Via, address: str) -> tuple[Asker, str]:
    """A session for whose password was right: who they are, and the secret that opens it.

    Raises `Refused` where the user is gone, disabled, or has another password by now.
    """
    mine = (users.c.name == attempt.user) & (users.c.password == attempt.hashed)
    row = tx.conn.execute(sa.select(users).where(mine, users.c.disabled.is_(sa.false()))).first()
    if row is None:
        raise Refused(WRONG)
    change = {"failures": 0, "locked_until": None, "signed_in_at": tx.now}
    tx.conn.execute(sa.update(users).where(users.c.name == attempt.user).values(change))
    return open_session(tx, attempt.user, Role(row.role), via, address)


def open_session(tx: Tx, user: str, role: Role, via: Via, address: str) -> tuple[Asker, str]:
    """A new session of somebody who has shown who they are."""
    tx.conn.execute(sa.delete(sessions).where(sessions.c.expires_at <= tx.now))
    secret = secrets.token_urlsafe(32)
    row = {
        "user": user,
        "via": via,
        "digest": digest(secret),
        "address": address,
        "created_at": tx.now,
        "used_at": tx.now,
        "expires_at": tx.now + _life(tx.conn, via),
    }
    made = tx.conn.execute(sa.insert(sessions).values(row).returning(sessions.c.id)).scalar_one()
    return Asker(user, role, via, int(made), rights_of(role, None)), secret


def _life(conn: Connection, via: Via) -> int:
    """Microseconds that a new session of a kind lives at most."""
    if via is not Via.SESSION:
        return REFRESH_SECONDS * SECOND
    held = live_settings.effective(conn, {"session_hours": SESSION_SECONDS / HOUR})
    return round(float(held["session_hours"]) * HOUR * SECOND)


_OPENED = (
    sa.select(sessions, users.c.role)
    .join(users, users.c.name == sessions.c.user)
    .where(
        sessions.c.digest == sa.bindparam("of_digest"),
        sessions.c.via == sa.bindparam("of_via"),
        users.c.disabled.is_(sa.false()),
    )
)


def open_with_secret(
    conn: Connection, via: Via, secret: str, now: int, lasting: Lasting = USUAL
) -> tuple[Asker, bool] | None:
    """Whose session a secret opens, and whether it is time to note that; None where it opens nothing."""
    row = conn.execute(_OPENED, {"of_digest": digest(secret), "of_via": via}).first()
    if row is None or row.expires_at <= now:
        return None
    if via is Via.SESSION and lasting.is_over(row.created_at, row.used_at, now):
        return None
    role = Role(row.role)
    asker = Asker(row.user, role, via, row.id, rights_of(role, None))
    return asker, now - row.used_at >= NOTED_EVERY


def note_use(tx: Tx, session_id: int) -> None:
    """A session was used now."""
    tx.conn.execute(sa.update(sessions).where(sessions.c.id == session_id).values(used_at=tx.now))


def end(tx: Tx, session_id: int) -> None:
    """End one session; nothing happens where it has ended."""
    tx.conn.execute(sa.delete(sessions).where(sessions.c.id == session_id))


def csrf_token(secret: str) -> str:
    """What a browser must send beside its cookie: only a page of this hub can have been told it."""
    return hashlib.blake2s(secret.encode(), key=b"towpath csrf").hexdigest()


# Passwords ----------------------------------------------------------------------------------------------------


def make_link(tx: Tx, user: str, by: str) -> str:
    """A code with which a user sets a password, once, within a day; it takes the place of those before it."""
    origin = people.find_user(tx.conn, user).origin
    if origin is not None:
        raise Conflict(f"user '{user}' signs in with {origin}, and has no password here")
    tx.conn.execute(sa.delete(links).where((links.c.user == user) | (links.c.expires_at <= tx.now)))
    code = secrets.token_urlsafe(24)
    row = {
        "digest": digest(code),
        "user": user,
        "made_by": by,
        "expires_at": tx.now + LINK_SECONDS * SECOND,
    }
    tx.conn.execute(sa.insert(links).values(row))
    return code


def user_of_link(conn: Connection, code: str, now: int) -> str:
    """Whose link it is; raises `Refused` where it was used, is too old, or never was."""
    query = sa.select(links.c.user).where(links.c.digest == digest(code), links.c.expires_at > now)
    user: str | None = conn.execute(query).scalar()
    if user is None:
        raise Refused("expected the code of a link that was not used before and is not older than a day")
    return user


def use_link(tx: Tx, code: str, hashed: str) -> str:
    """Set the password of the link's user, and end their sessions; returns the user's name."""
    user = user_of_link(tx.conn, code, tx.now)
    set_password(tx, user, hashed, None)
    return user


def set_password(tx: Tx, user: str, hashed: str, keep: int | None) -> None:
    """Another password for a user: whoever signed in with the one before is out, but for the session `keep`."""
    change = {"password": hashed, "failures": 0, "locked_until": None}
    tx.conn.execute(sa.update(users).where(users.c.name == user).values(change))
    others = sessions.c.user == user
    if keep is not None:
        others &= sessions.c.id != keep
    tx.conn.execute(sa.delete(sessions).where(others))
    tx.conn.execute(sa.delete(links).where(links.c.user == user))
    events.doubt(tx)


def checked(user: str, password: str) -> str:
    """The password, where it is one that a user may have; raises `Mistake`."""
    check_password(user, password)
    return password
