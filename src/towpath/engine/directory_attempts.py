"""Attempts to sign in with a directory's password: counted before it is asked, whether the user is known or not."""

from dataclasses import dataclass

import sqlalchemy as sa

from towpath.domain.directories import Directory
from towpath.domain.providers import Person
from towpath.domain.rights import Asker, Via
from towpath.engine import admission
from towpath.engine.sign_in import LOCK_SECONDS, SECOND, TRIES, counted
from towpath.store.database import Tx
from towpath.store.tables import providers, strangers, users


@dataclass(frozen=True, slots=True)
class DirectoryAttempt:
    """An attempt that was counted: whose, and whether it was the one that locks them out if it fails."""

    directory: Directory
    person: Person
    locks: bool


def begin(tx: Tx, directory: Directory, person: Person) -> DirectoryAttempt:
    """Count an attempt before the directory is asked, so that many at once are all counted.

    Raises `Refused` where they are locked out.
    """
    # One lock for all of a directory's people: two first attempts of one stranger must both be counted.
    tx.conn.execute(sa.select(providers.c.name).where(providers.c.name == directory.name).with_for_update())
    _forget(tx)
    theirs, table = _place(tx, directory, person)
    row = tx.conn.execute(sa.select(table).where(theirs)).first()
    change = counted(0 if row is None else row.failures, None if row is None else row.locked_until, tx.now)
    if row is None:
        names = {"origin": directory.name, "subject": person.subject, "tried_at": tx.now}
        tx.conn.execute(sa.insert(strangers).values(**names, **change))
    else:
        again = {"tried_at": tx.now} if table is strangers else {}
        tx.conn.execute(sa.update(table).where(theirs).values(**change, **again))
    return DirectoryAttempt(directory, person, change["locked_until"] is not None)


def take_back(tx: Tx, attempt: DirectoryAttempt) -> None:
    """The directory was silent: no password was tried, so nothing is counted."""
    theirs, table = _place(tx, attempt.directory, attempt.person)
    change = {"failures": sa.case((table.c.failures > 0, table.c.failures - 1), else_=0)}
    if attempt.locks:
        tx.conn.execute(sa.update(table).where(theirs).values(failures=TRIES - 1, locked_until=None))
    else:
        tx.conn.execute(sa.update(table).where(theirs).values(change))


def succeed(tx: Tx, attempt: DirectoryAttempt, via: Via, address: str) -> tuple[Asker, str]:
    """A session for whose password the directory took; raises `Refused` for whom the hub does not admit."""
    asker, secret = admission.admit(tx, attempt.directory, attempt.person, via, address)
    theirs = (strangers.c.origin == attempt.directory.name) & (strangers.c.subject == attempt.person.subject)
    tx.conn.execute(sa.delete(strangers).where(theirs))
    tx.conn.execute(sa.update(users).where(users.c.name == asker.user).values(failures=0, locked_until=None))
    return asker, secret


def _place(tx: Tx, directory: Directory, person: Person) -> tuple[sa.ColumnElement[bool], sa.Table]:
    """Where somebody's attempts are counted."""
    mine = (users.c.origin == directory.name) & (users.c.subject == person.subject)
    if tx.conn.execute(sa.select(users.c.name).where(mine)).first() is not None:
        return mine, users
    return (strangers.c.origin == directory.name) & (strangers.c.subject == person.subject), strangers


def _forget(tx: Tx) -> None:
    """Strangers of whom nothing was heard for longer than they would be locked out are strangers again."""
    # Who is locked out was tried when that began, so they stay locked out as long.
    tx.conn.execute(sa.delete(strangers).where(strangers.c.tried_at < tx.now - LOCK_SECONDS * SECOND))
